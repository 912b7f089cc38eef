/** @file Loads DATA: from a plan to images, labels, and a report of what was left out. */
import { DataError } from '../errors.js';
import type { CacheRequest } from './cache.js';
import type { ImageSet } from './image-set.js';
import { sortNaturally } from './natural-order.js';
import { type OpenImagesRequest, openImages } from './open-images.js';
import type { PixelStore } from './pixel-store.js';
import { checkUnreadable, type DataOptions, type DataPlan, listSkipped, planData, replanRoles } from './plan.js';
import type { DataImage } from './regions.js';
import type { SkippedFile } from './scan.js';
import type { Splits } from './splits.js';

/** How images are decoded and cached. */
export interface LoadOptions
  extends Pick<OpenImagesRequest, 'workers' | 'onProgress' | 'signal' | 'cache' | 'aheadMiB'> {
  /**
   * Length to which the shorter side is reduced, pixels; 'none' keeps the full size and no cache: image files are decoded each time
   * they are needed.
   */
  readonly cacheSide: number | 'none';
  /** `apply` unless said. */
  readonly exifOrientation?: 'apply' | 'ignore';
}

/** What was found and left out. */
export interface DataReport {
  /** Images that cannot be read, with the reason. */
  readonly skipped: readonly SkippedFile[];
  /** Files that are no images. */
  readonly notImages: readonly SkippedFile[];
  /** One sentence each, for the user. */
  readonly notes: readonly string[];
  /** Without a cache side, of the sizes of the images alone. */
  readonly cache: {
    readonly path: string;
    readonly bytes: number;
    readonly numDecoded: number;
    readonly numReused: number;
  };
}

/** DATA, ready for training. Owns its image sets. */
export interface LoadedData {
  /** Absolute path of DATA. */
  readonly root: string;
  readonly classes: readonly string[];
  /** Training images in natural order of their paths, labeled ones included; held-out images are not among them. */
  readonly train: ImageSet;
  readonly val: ImageSet | null;
  readonly valSource: 'folder' | 'hold-out' | 'none';
  /** [train] class index, or -1: unlabeled. */
  readonly labels: Int32Array;
  /** Positions in `train` of the labeled images, ascending. */
  readonly labeledIndices: Int32Array;
  /** [train] class index where it is known, else -1; for metrics only. */
  readonly hiddenLabels: Int32Array;
  /** [val] class index. */
  readonly valLabels: Int32Array;
  readonly splits: Splits;
  readonly report: DataReport;
  dispose(): void;
}

/** What the cache is asked for, from the options of a load and the images it needs. */
export function cacheRequest(
  store: PixelStore,
  images: CacheRequest['images'],
  options: LoadOptions,
): OpenImagesRequest {
  return {
    store,
    images,
    cacheSide: options.cacheSide === 'none' ? null : options.cacheSide,
    exifOrientation: options.exifOrientation ?? 'apply',
    cache: options.cache,
    workers: options.workers,
    onProgress: options.onProgress,
    signal: options.signal,
    aheadMiB: options.aheadMiB,
  };
}

/**
 * Checks a cache side.
 * @throws DataError OUT_OF_RANGE
 */
export function checkCacheSide(cacheSide: number | 'none'): void {
  if (cacheSide === 'none' || (Number.isInteger(cacheSide) && cacheSide >= 1)) return;
  throw new DataError(
    `config data.cacheSide: expected an integer of 1 or more, or none, got ${cacheSide}. Choose the largest crop × 256/224.`,
    { code: 'OUT_OF_RANGE' },
  );
}

/** One sentence about files that were left out, or none. */
export function skippedNotes(skipped: readonly SkippedFile[], notImages: readonly SkippedFile[]): string[] {
  const notes: string[] = [];
  if (skipped.length > 0)
    notes.push(`${skipped.length} image(s) cannot be read and are left out: ${listSkipped(skipped)}.`);
  if (notImages.length > 0)
    notes.push(`${notImages.length} file(s) are not images and are left out: ${listSkipped(notImages)}.`);
  return notes;
}

/**
 * Plans and loads in one go.
 * @throws DataError, SuaveError as `planData` and `loadPlannedData`
 */
export async function loadData(options: DataOptions & LoadOptions): Promise<LoadedData> {
  return loadPlannedData(await planData(options), options);
}

/**
 * Decodes the images of a plan (or finds them in the cache) and maps them; without a cache side, reads their sizes. Files that
 * cannot be read are left out, and labels and hold-out are chosen among the others.
 * @throws DataError TOO_MANY_UNREADABLE, IMAGES_CHANGED and those of `openImageCache`
 */
export async function loadPlannedData(plan: DataPlan, options: LoadOptions): Promise<LoadedData> {
  checkCacheSide(options.cacheSide);
  const { layout } = plan;
  const images = sortNaturally([...layout.pool, ...(layout.val ?? [])], (image) => image.path);
  const opened = await openImages(cacheRequest(layout.store, images, options));
  try {
    const { cache } = opened;
    const damaged = cache.entries.filter((entry) => entry.reason !== null);
    const skipped = [
      ...layout.unreadable,
      ...damaged.map((entry) => ({ path: entry.path, reason: entry.reason as string })),
    ];
    checkUnreadable(skipped, images.length + layout.unreadable.length, layout.root);
    const choice = damaged.length === 0 ? plan : leaveOut(plan, new Set(damaged.map((entry) => entry.path)), skipped);
    const position = new Map(images.map((image, index) => [image.path, index]));
    const setOf = (members: readonly DataImage[]) =>
      opened.makeSet(members.map((image) => position.get(image.path) as number));
    const { pool, val: valFolder } = choice.layout;
    const train = pool.filter((_, i) => choice.roles[i] !== 'held-out');
    const heldOut = valFolder ?? pool.filter((_, i) => choice.roles[i] === 'held-out');
    const isLabeled = new Set(pool.filter((_, i) => choice.roles[i] === 'labeled'));
    const labels = Int32Array.from(train, (image) => (isLabeled.has(image) ? image.knownClass : -1));
    const trainSet = setOf(train);
    const valSet = heldOut.length === 0 ? null : setOf(heldOut);
    return {
      root: layout.root,
      classes: layout.classes,
      train: trainSet,
      val: valSet,
      valSource: choice.valSource,
      labels,
      labeledIndices: Int32Array.from(labels.keys()).filter((index) => labels[index] >= 0),
      hiddenLabels: Int32Array.from(train, (image) => image.knownClass),
      valLabels: Int32Array.from(heldOut, (image) => image.knownClass),
      splits: splitsOf(train, heldOut, isLabeled, layout.classes),
      report: {
        skipped,
        notImages: layout.notImages,
        notes: [...choice.layout.notes, ...skippedNotes(skipped, layout.notImages), ...cacheNotes(cache.wasDamaged)],
        cache: {
          path: cache.path,
          bytes: cache.fileBytes,
          numDecoded: cache.numDecoded,
          numReused: cache.numReused,
        },
      },
      dispose: () => {
        trainSet.dispose();
        valSet?.dispose();
      },
    };
  } finally {
    opened.close();
  }
}

function cacheNotes(wasDamaged: boolean): string[] {
  return wasDamaged ? ['The cache of the images was damaged and has been made again.'] : [];
}

function leaveOut(plan: DataPlan, unreadable: ReadonlySet<string>, skipped: readonly SkippedFile[]) {
  if (plan.options.splits) {
    throw new DataError(
      `data: expected the images of this run unchanged, got ${unreadable.size} that cannot be read any more: ${listSkipped(skipped)}. Restore them, or start a new run.`,
      { code: 'IMAGES_CHANGED', file: plan.layout.root },
    );
  }
  return replanRoles(plan.options, plan.layout, unreadable);
}

function splitsOf(
  train: readonly DataImage[],
  val: readonly DataImage[],
  isLabeled: ReadonlySet<DataImage>,
  classes: readonly string[],
): Splits {
  const withLabel = (image: DataImage) => ({ path: image.path, label: classes[image.knownClass] });
  return {
    labeled: train.filter((image) => isLabeled.has(image)).map(withLabel),
    unlabeled: train.filter((image) => !isLabeled.has(image)).map(({ path }) => ({ path })),
    val: val.map(withLabel),
  };
}
