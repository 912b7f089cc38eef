/** @file The images that a report or an export measures: those that were set aside, or a folder that was named. */
import { type ImageSet, loadEvaluationData, type Splits } from '../data/index.js';
import { uniqueNames } from '../data/natural-order.js';
import { DataError } from '../errors.js';
import type { CheckpointMetadata } from '../runs/index.js';
import { dataFolder, isOwnFolder, ownSplits } from './own-data.js';

/** Images of known class that were not trained on; owns `images`. */
export interface HeldOut {
  readonly images: ImageSet;
  /** [images] index into `classes`. */
  readonly labels: Int32Array;
  /** Names, in the order of the outputs of a classifier. */
  readonly classes: readonly string[];
  /** `folder`: images of other data than the run's. */
  readonly source: 'val' | 'hold-out' | 'folder';
  /** Sentences for the reader: skipped files, images that are gone. */
  readonly notes: readonly string[];
}

/** Where the images are, and how they are read. */
export interface HeldOutOptions {
  readonly run: string;
  /** DATA; null is the data that the run was trained on. */
  readonly data: string | null;
  /** At most this many, spread evenly over all. Default: all. */
  readonly limit?: number;
  /** Images at full size, as in their files, instead of reduced as the cache has them. Default false. */
  readonly fullSize?: boolean;
  readonly workers?: number | null;
  readonly cache?: string | null;
  readonly signal?: AbortSignal | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** Names of the classes: those of the checkpoint, else the labels of the run in natural order, as training orders them. */
export function classNamesOf(metadata: Pick<CheckpointMetadata, 'classes'>, splits: Splits | null): readonly string[] {
  return metadata.classes ?? uniqueNames([...(splits?.labeled ?? []), ...(splits?.val ?? [])].map((row) => row.label));
}

/**
 * Opens the images; some that are gone since are left out, and that is said.
 * @throws DataError where there is nothing to measure on
 */
export async function openHeldOut(
  metadata: CheckpointMetadata,
  splits: Splits | null,
  options: HeldOutOptions,
): Promise<HeldOut> {
  const { input } = metadata;
  const folder = dataFolder(options.run, options.data, metadata);
  const classes = classNamesOf(metadata, splits);
  const isOwn = isOwnFolder(folder, metadata);
  const known = ownSplits(options.run, folder, metadata) ?? (isOwn ? splits : null);
  const { images, labels, source, notes, missing } = await loadEvaluationData({
    data: folder,
    classes,
    splits: known,
    allowMissing: true,
    cacheSide: options.fullSize ? 'none' : (input.cacheSide ?? 'none'),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    exifOrientation: input.exifOrientation,
    workers: options.workers ?? null,
    cache: options.cache ?? null,
    onProgress: (done, total, activity) => options.onProgress?.(activity, done, total),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (source === 'all' && isOwn) {
    images.dispose();
    throw new DataError('The run has no held-out images: all of them were trained on.', {
      code: 'NO_VALIDATION_IMAGES',
    });
  }
  const gone =
    missing.length === 0
      ? []
      : [
          `${missing.length} of ${missing.length + labels.length} held-out images are gone since the run; the others are measured.`,
        ];
  return {
    images,
    labels,
    classes,
    source: source === 'all' || (known === null && !isOwn) ? 'folder' : source,
    notes: [...gone, ...notes],
  };
}
