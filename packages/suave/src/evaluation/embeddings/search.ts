/** @file The images that are most like a given one, by the cosine of their features. */
import { existsSync } from 'node:fs';
import { fromTypedArray, noGrad, scope } from '@suave/torch';
import { describeImages } from '../../data/index.js';
import { DataError, UsageError } from '../../errors.js';
import { isFolder } from '../../runs/index.js';
import { FeatureExtractor, type FeatureKind, type FeatureName, type FeatureOptions } from '../features.js';
import { nothingReadable } from './embed.js';
import { type EmbedRun, embedImages } from './embed-images.js';
import { type EmbeddingsIndex, indexOfData, readIndex } from './embeddings-index.js';

/** What to look for, and where. */
export interface SearchOptions extends EmbedRun, FeatureOptions {
  /** Run folder or checkpoint file. */
  readonly model: string;
  /** Folder of images; null: the data of the run. Not with `index`. */
  readonly data: string | null;
  /** File of `suave embed` to look in instead; made by the same checkpoint. */
  readonly index?: string | null;
  /** Image files. */
  readonly queries: readonly string[];
  /** Images of a result. Default 10. */
  readonly top?: number;
  /** Default `backbone`, or what the index holds. */
  readonly features?: FeatureKind | null;
}

/** An image that is like a query. */
export interface SearchMatch {
  path: string;
  /** Cosine, from −1 to 1; the query itself has 1. */
  similarity: number;
  /** Name of its class; null where unknown. */
  label: string | null;
}

/** Most similar images of one query, most similar first. */
export interface SearchResult {
  query: string;
  matches: SearchMatch[];
}

/** What was found, and in what. */
export interface SearchReport {
  readonly results: readonly SearchResult[];
  readonly images: number;
  readonly features: FeatureName;
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Finds the nearest images of every query.
 * @throws UsageError, DataError for queries, data and indices that cannot be used; CheckpointError, RunError
 */
export async function search(options: SearchOptions): Promise<SearchReport> {
  const { model, data, index: indexFile = null, queries, top = 10, features: asked = null } = options;
  for (const query of queries) checkQuery(query);
  const extractor = FeatureExtractor.load(model, {
    ...(options.device ? { device: options.device } : {}),
    ...(options.checkpoint ? { checkpoint: options.checkpoint } : {}),
    weights: options.weights ?? null,
  });
  let index: EmbeddingsIndex | null = null;
  try {
    const work = {
      workers: options.workers ?? null,
      ...(options.batch ? { batch: options.batch } : {}),
      signal: options.signal ?? null,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    };
    if (indexFile !== null) index = readIndex(indexFile, extractor);
    const kind = index?.kind ?? asked ?? 'backbone';
    if (asked !== null && asked !== kind) {
      throw new UsageError(
        `suave search --features ${asked}: expected the features of the index, ${kind}. Leave it out, or make another index.`,
        { code: 'INDEX_FEATURES' },
      );
    }
    const rows: Float32Array[] = [];
    for (const query of queries) rows.push(await embedQuery(extractor, query, kind));
    index ??= await indexOfData(extractor, model, data, { kind, ...work });
    if (index.paths.length === 0) throw nothingReadable('search', data ?? model, index.skipped);
    const found = index;
    return {
      results: queries.map((query, i) => ({ query, matches: nearest(found, rows[i], top) })),
      images: index.paths.length,
      features: extractor.nameOf(kind),
      skipped: index.skipped,
      notes: [...extractor.source.notes, ...index.notes],
    };
  } finally {
    index?.features.dispose();
    extractor.dispose();
  }
}

function checkQuery(query: string): void {
  const got = !existsSync(query) ? 'which does not exist' : isFolder(query) ? 'which is a folder' : null;
  if (got === null) return;
  throw new DataError(`suave search --query: expected an image, got "${query}", ${got}. Check the path.`, {
    code: 'NO_SUCH_FILE',
    file: query,
  });
}

/** Features [D] of one image file. */
async function embedQuery(extractor: FeatureExtractor, query: string, kind: FeatureKind): Promise<Float32Array> {
  const listed = await describeImages(query, { splits: null, classes: null });
  let row: Float32Array | null = null;
  let problem = 'no image';
  await embedImages(extractor, listed, listed.images, {
    kind,
    workers: 0,
    onBatch: ({ features }) => {
      row = features;
    },
    onSkipped: (_, reason) => {
      problem = reason;
    },
  });
  if (row !== null) return row;
  throw new DataError(`suave search --query: expected an image that can be read, got "${query}" (${problem}).`, {
    code: 'UNREADABLE_IMAGE',
    file: query,
  });
}

/** Rows of the index by falling cosine with a row of features; equal ones in the order of the index. */
function nearest({ features, paths, labels }: EmbeddingsIndex, row: Float32Array, top: number): SearchMatch[] {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  const unit = row.map((value) => value / Math.max(length, 1e-12));
  const similarities = noGrad(() =>
    scope(() => features.matmul(fromTypedArray(unit, [unit.length])).data() as Float32Array),
  );
  const order = Int32Array.from(paths.keys()).sort((a, b) => similarities[b] - similarities[a] || a - b);
  return Array.from(order.subarray(0, top), (i) => ({
    path: paths[i],
    similarity: Math.min(1, Math.max(-1, similarities[i])),
    label: labels[i],
  }));
}
