/** @file Features of many images in memory, to compare others with: computed now, or read from a file of `suave embed`. */
import { join } from 'node:path';
import { fromTypedArray, keep, noGrad, SafetensorsFile, scope, type Tensor } from '@suave/torch';
import { CheckpointError, DataError } from '../../errors.js';
import { normalizedRows } from '../../models/index.js';
import type { FeatureExtractor, FeatureKind } from '../features.js';
import { descriptionKey, type EmbeddingsDescription, fileSha256 } from './description.js';
import { type EmbedImagesOptions, embedImages, listImages } from './embed-images.js';

/** Images that are compared with. Owns `features`. */
export interface EmbeddingsIndex {
  /** float32 [N, D] on the CPU, rows of unit length. */
  readonly features: Tensor;
  readonly kind: FeatureKind;
  /** Paths as they can be opened; of packed sets, names inside them. */
  readonly paths: readonly string[];
  /** Names of known classes; null where unknown. */
  readonly labels: readonly (string | null)[];
  /** Files that cannot be read, `path (reason)`. */
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
}

const unitRows = (rows: Tensor): Tensor => noGrad(() => scope(() => keep(normalizedRows(rows))));

/** Path of an image that can be opened, where it has a file of its own. */
export const openablePath = (root: string, path: string, hasFiles: boolean): string =>
  hasFiles ? join(root, path) : path;

/** Embeds DATA, or the data of the run. @throws as `listImages` */
export async function indexOfData(
  extractor: FeatureExtractor,
  model: string,
  data: string | null,
  options: Omit<EmbedImagesOptions, 'onBatch' | 'onSkipped'>,
): Promise<EmbeddingsIndex> {
  const listed = await listImages(extractor, model, data);
  const skipped = listed.unreadable.map(({ path, reason }) => `${path} (${reason})`);
  const parts: Float32Array[] = [];
  const paths: string[] = [];
  const labels: (string | null)[] = [];
  await embedImages(extractor, listed, listed.images, {
    ...options,
    onBatch({ images, features }) {
      parts.push(features);
      for (const { path, label } of images) {
        paths.push(openablePath(listed.root, path, listed.store.hasFiles));
        labels.push(label);
      }
    },
    onSkipped: (path, reason) => skipped.push(`${path} (${reason})`),
  });
  const rows = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    rows.set(part, position);
    position += part.length;
  }
  const features = scope(() => unitRows(fromTypedArray(rows, [paths.length, rows.length / Math.max(1, paths.length)])));
  return { features, kind: options.kind, paths, labels, skipped, notes: listed.notes };
}

/**
 * Reads a safetensors file of `suave embed`.
 * @throws DataError `INDEX_FOREIGN` for another file; CheckpointError `INDEX_OTHER_CHECKPOINT` when another network made it
 */
export function readIndex(file: string, extractor: FeatureExtractor): EmbeddingsIndex {
  using opened = new SafetensorsFile(file);
  const { metadata, entries } = opened.header;
  const description = parsed<Partial<EmbeddingsDescription>>(metadata[descriptionKey]);
  const paths = parsed<string[]>(metadata.paths);
  const [numRows] = entries.get('features')?.shape ?? [-1];
  const numLabels = entries.get('label')?.shape[0] ?? -1;
  if (description?.format !== 1 || !Array.isArray(paths) || paths.length !== numRows || numLabels !== numRows) {
    throw new DataError(
      `${file}: expected embeddings that suave embed wrote as safetensors, got another file. Make it with suave embed RUN DATA --out index.safetensors.`,
      { code: 'INDEX_FOREIGN', file },
    );
  }
  const { kind = 'backbone', checkpoint, data = '', labels: names = [] } = description;
  if (checkpoint !== fileSha256(extractor.source.file)) {
    throw new CheckpointError(
      `${file}: expected embeddings by the checkpoint ${extractor.source.file}, got those of another one. Make them anew with suave embed.`,
      { code: 'INDEX_OTHER_CHECKPOINT' },
    );
  }
  return scope(() => ({
    features: unitRows(opened.read('features')),
    kind,
    paths: paths.map((path) => join(data, path)),
    labels: Array.from(opened.read('label').data() as Int32Array, (index) => names[index] ?? null),
    skipped: [],
    notes: [],
  }));
}

function parsed<Value>(text: string | undefined): Value | null {
  try {
    return text === undefined ? null : (JSON.parse(text) as Value);
  } catch {
    return null;
  }
}
