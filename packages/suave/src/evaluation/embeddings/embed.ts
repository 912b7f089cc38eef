/** @file Features of all images of DATA in a file: one row an image. */
import { resolve } from 'node:path';
import { splitNames } from '../../data/index.js';
import { uniqueNames } from '../../data/natural-order.js';
import { DataError, listNames } from '../../errors.js';
import { suaveVersion } from '../../version.js';
import {
  FeatureExtractor,
  type FeatureKind,
  type FeatureName,
  type FeatureOptions,
  type WeightsChoice,
} from '../features.js';
import { type EmbeddingsDescription, fileSha256 } from './description.js';
import { type EmbedRun, embedImages, listImages } from './embed-images.js';
import { checkEmbeddingsFile, EmbeddingsWriter } from './writers.js';

/** What to embed, with what, and where to. */
export interface EmbedOptions extends EmbedRun, FeatureOptions {
  /** Run folder or checkpoint file. */
  readonly model: string;
  /** Folder of images or one image; null: the data of the run. */
  readonly data: string | null;
  /** New file; `.safetensors`, `.parquet` or `.csv` says the format. */
  readonly out: string;
  /** Default `backbone`: what other programs mean by the embedding of an image, not bound to the classes. */
  readonly features?: FeatureKind;
}

/** What was written. */
export interface EmbedReport {
  /** Absolute path. */
  readonly out: string;
  readonly images: number;
  readonly dim: number;
  readonly features: FeatureName;
  /** Files that cannot be read, `path (reason)`. */
  readonly skipped: readonly string[];
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Writes features, paths, known classes and predictions of every image. The file is complete or absent.
 * @throws UsageError for a file that cannot be made; DataError without a readable image; CheckpointError, RunError
 */
export async function embed(options: EmbedOptions): Promise<EmbedReport> {
  const { model, out, features: kind = 'backbone', weights = null } = options;
  checkEmbeddingsFile(out);
  const extractor = FeatureExtractor.load(model, {
    ...(options.device ? { device: options.device } : {}),
    ...(options.checkpoint ? { checkpoint: options.checkpoint } : {}),
    weights,
  });
  try {
    const listed = await listImages(extractor, model, options.data);
    const { images, unreadable, root } = listed;
    const skipped = unreadable.map(({ path, reason }) => `${path} (${reason})`);
    const writer = new EmbeddingsWriter(out, describe(extractor, kind, weights, listed), images);
    try {
      await embedImages(extractor, listed, images, {
        kind,
        workers: options.workers ?? null,
        ...(options.batch ? { batch: options.batch } : {}),
        signal: options.signal ?? null,
        onBatch: (batch) => writer.add(batch),
        onSkipped: (path, reason) => skipped.push(`${path} (${reason})`),
        ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      });
      if (writer.numRows === 0) throw nothingReadable('embed', root, skipped);
      writer.finish();
    } catch (error) {
      writer.discard();
      throw error;
    }
    return {
      out: resolve(out),
      images: writer.numRows,
      dim: writer.dim,
      features: extractor.nameOf(kind),
      skipped,
      notes: [...extractor.source.notes, ...listed.notes],
    };
  } finally {
    extractor.dispose();
  }
}

/** Every image of a folder turned out to be unreadable. */
export function nothingReadable(command: string, root: string, skipped: readonly string[]): DataError {
  return new DataError(
    `suave ${command}: expected at least one readable image in "${root}", got none of ${skipped.length}: ${listNames([...skipped], 3)}. Give another folder.`,
    { code: 'NOTHING_READABLE', file: root },
  );
}

function describe(
  extractor: FeatureExtractor,
  kind: FeatureKind,
  weights: WeightsChoice | null,
  { root, images }: Awaited<ReturnType<typeof listImages>>,
): EmbeddingsDescription {
  const { file, arch, classes } = extractor.source;
  return {
    format: 1,
    kind,
    features: extractor.nameOf(kind),
    checkpoint: fileSha256(file),
    arch,
    weights,
    data: root,
    classes,
    labels: uniqueNames(images.flatMap(({ label }) => label ?? [])),
    splits: splitNames,
    suaveVersion,
  };
}
