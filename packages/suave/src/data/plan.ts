/** @file What will be trained on, decided and checked before any image is decoded. */
import { join } from 'node:path';
import { DataError, listNames } from '../errors.js';
import { type DataLayout, readLayout } from './layout.js';
import { sampleSizes } from './pixel-store.js';
import { scanData } from './scan-data.js';
import { layoutOfSplits } from './split-layout.js';
import {
  checkSplitOptions,
  chooseRoles,
  defaultHoldout,
  type ImageRole,
  type SplitOptions,
  type Splits,
} from './splits.js';

/** DATA and how its labels are chosen. */
export interface DataOptions extends SplitOptions {
  /** Path of DATA. */
  readonly data: string;
  /** Label file, or null. */
  readonly labels?: string | null;
  /** The choice of an earlier run, to be repeated exactly; label options and seed are then of no account. */
  readonly splits?: Splits | null;
  /** Class names in the order of an earlier run; only with `splits`. */
  readonly classes?: readonly string[] | null;
}

/** The plan: every image with its role. Nothing is decoded, nothing is written. */
export interface DataPlan {
  readonly options: DataOptions;
  readonly layout: DataLayout;
  /** Role of each image of `layout.pool`. */
  readonly roles: readonly ImageRole[];
  /** Training images, labeled ones included, hold-out excluded. */
  readonly numTrain: number;
  readonly numLabeled: number;
  readonly numVal: number;
  /** Where validation images come from. */
  readonly valSource: 'folder' | 'hold-out' | 'none';
  /** Median length of the shorter side of some of the images, pixels. */
  readonly shorterSide: number;
}

/** More unreadable files than this share of all images is an error. */
const maxUnreadableShare = 0.05;

/** Files as `path (reason)`, up to ten, then a count. */
export function listSkipped(files: readonly { readonly path: string; readonly reason: string }[]): string {
  return listNames(files.map((file) => `${file.path} (${file.reason})`));
}

/**
 * Checks that few enough files had to be left out.
 * @param numImages  all images, the unreadable ones included
 * @throws DataError TOO_MANY_UNREADABLE
 */
export function checkUnreadable(
  files: readonly { readonly path: string; readonly reason: string }[],
  numImages: number,
  root: string,
): void {
  if (files.length <= maxUnreadableShare * numImages) return;
  throw new DataError(
    `data: expected at most ${100 * maxUnreadableShare} % of the images in "${root}" to be unreadable, got ${files.length} of ${numImages}: ${listSkipped(files)}. Repair or remove these files.`,
    { code: 'TOO_MANY_UNREADABLE', file: join(root, files[0].path) },
  );
}

/**
 * Reads the layout of DATA and chooses labels and hold-out.
 * @throws DataError for everything that is wrong with DATA, the label file or the numbers asked for
 */
export async function planData(options: DataOptions): Promise<DataPlan> {
  const { labels = null, splits = null } = options;
  checkSplitOptions(options, labels !== null);
  const scan = await scanData(options.data);
  if (scan.labels && !splits) checkLabelsInside(options, scan.labels.file);
  const layout = splits ? layoutOfSplits(scan, splits, options.classes ?? null) : readLayout(scan, labels);
  const numImages = layout.pool.length + (layout.val?.length ?? 0) + layout.unreadable.length;
  checkUnreadable(layout.unreadable, numImages, layout.root);
  return {
    ...(splits ? countRoles(options, layout, rolesOfSplits(layout)) : replanRoles(options, layout, null)),
    shorterSide: await medianShorterSide(layout),
  };
}

/** A prepared file may hold labels, which are used like a label file unless another one is given. */
function checkLabelsInside(
  { labels = null, labelsPerClass = null, labelFraction = null }: DataOptions,
  file: string,
): void {
  const option = labelsPerClass !== null ? '--labels-per-class' : labelFraction !== null ? '--label-fraction' : null;
  if (labels !== null || option === null) return;
  throw new DataError(
    `data: expected no ${option} beside the labels in "${file}", got both. Leave it out, or prepare the images without --labels.`,
    { code: 'LABEL_OPTIONS', file },
  );
}

function rolesOfSplits(layout: DataLayout): ImageRole[] {
  return layout.pool.map((image) => (image.listed ? 'labeled' : 'unlabeled'));
}

/** What a plan says beside the sizes of the images. */
type Choice = Omit<DataPlan, 'shorterSide'>;

/**
 * Chooses the roles, leaving out images that turned out to be unreadable.
 * @param unreadable  paths to leave out, or null
 */
export function replanRoles(options: DataOptions, layout: DataLayout, unreadable: ReadonlySet<string> | null): Choice {
  const positions: number[] = [];
  const pool = layout.pool.filter((image, index) => {
    if (unreadable?.has(image.path)) return false;
    positions.push(index);
    return true;
  });
  const val = layout.val?.filter((image) => !unreadable?.has(image.path)) ?? null;
  const roles = chooseRoles(pool, positions, layout.classes, options, layout.hasLabelsFile, val !== null);
  return countRoles(options, { ...layout, pool, val }, roles);
}

function countRoles(options: DataOptions, layout: DataLayout, roles: readonly ImageRole[]): Choice {
  const numHeldOut = roles.filter((role) => role === 'held-out').length;
  const numLabeled = roles.filter((role) => role === 'labeled').length;
  const fromFolder = layout.val?.every((image) => image.path.startsWith('val/')) ?? false;
  const numVal = layout.val?.length ?? numHeldOut;
  const notes = [...layout.notes];
  if (numVal === 0 && (options.holdout ?? defaultHoldout) > 0) {
    notes.push('There are too few labeled images to set some aside: no accuracy is measured while training.');
  }
  return {
    options,
    layout: { ...layout, notes },
    roles,
    numTrain: layout.pool.length - numHeldOut,
    numLabeled,
    numVal,
    valSource: numVal === 0 ? 'none' : fromFolder ? 'folder' : 'hold-out',
  };
}

async function medianShorterSide(layout: DataLayout): Promise<number> {
  const sizes = await sampleSizes(layout.store, layout.pool);
  const sides = sizes.map(({ height, width }) => Math.min(height, width)).sort((a, b) => a - b);
  return sides[Math.floor(sides.length / 2)] ?? 0;
}
