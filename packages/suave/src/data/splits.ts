/** @file Chooses which images are labeled and which are held out, by the seed alone; writes the choice and reads it back. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Draws } from '../augment/random.js';
import { DataError, listNames, SuaveError } from '../errors.js';
import { writeWholeFile } from './complete-file.js';
import { formatCsv, parseCsv, readText } from './csv.js';
import type { DataImage } from './regions.js';

/** What an image is for. */
export type ImageRole = 'labeled' | 'unlabeled' | 'held-out';

/** How labels and hold-out are chosen. */
export interface SplitOptions {
  /** The run's seed. */
  readonly seed: number;
  /** Labels of every class, an integer ≥ 1; null: see labelFraction. */
  readonly labelsPerClass?: number | null;
  /** Share of the images of every class that keep their label, in (0, 1]; null: all. */
  readonly labelFraction?: number | null;
  /** Share of the images of known class that are set aside where there is no `val/`, in [0, 1); 0.2 unless said. */
  readonly holdout?: number | null;
}

/** The images of a choice: what `RUN/splits` holds. Paths are relative to DATA. */
export interface Splits {
  readonly labeled: readonly { readonly path: string; readonly label: string }[];
  readonly unlabeled: readonly { readonly path: string }[];
  /** Hold-out, or the images of `val/`. */
  readonly val: readonly { readonly path: string; readonly label: string }[];
}

/** Share of the images of known class that are set aside without `val/`. */
export const defaultHoldout = 0.2;

function outOfRange(option: string, expected: string, got: unknown): DataError {
  return new DataError(`${option}: expected ${expected}, got ${got}. Choose a value in this range.`, {
    code: 'OUT_OF_RANGE',
  });
}

/**
 * Checks the numbers before any file is looked at.
 * @throws DataError OUT_OF_RANGE, LABEL_OPTIONS
 */
export function checkSplitOptions(options: SplitOptions, hasLabelsFile: boolean): void {
  const { labelsPerClass = null, labelFraction = null, holdout = null } = options;
  if (labelsPerClass !== null && !(Number.isInteger(labelsPerClass) && labelsPerClass >= 1))
    throw outOfRange('--labels-per-class', 'an integer of 1 or more', labelsPerClass);
  if (labelFraction !== null && !(labelFraction > 0 && labelFraction <= 1))
    throw outOfRange('--label-fraction', 'a number above 0 and up to 1', labelFraction);
  if (holdout !== null && !(holdout >= 0 && holdout < 1))
    throw outOfRange('--holdout', 'a number from 0 to below 1', holdout);
  const given = [
    hasLabelsFile ? '--labels' : null,
    labelsPerClass === null ? null : '--labels-per-class',
    labelFraction === null ? null : '--label-fraction',
  ].filter((name) => name !== null);
  if (given.length > 1) {
    throw new DataError(
      `data: expected one of --labels, --labels-per-class and --label-fraction, got ${given.join(' and ')}. Remove all but one.`,
      { code: 'LABEL_OPTIONS' },
    );
  }
}

/** Whole numbers near `fraction` of each count that add up to the same fraction of the sum (largest remainders). */
function sharesOf(counts: readonly number[], fraction: number): number[] {
  const total = Math.round(counts.reduce((sum, count) => sum + count, 0) * fraction);
  const shares = counts.map((count) => Math.floor(count * fraction));
  const byRemainder = counts
    .map((count, index) => ({ index, remainder: count * fraction - shares[index] }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  let left = total - shares.reduce((sum, share) => sum + share, 0);
  for (const { index } of byRemainder) {
    if (left <= 0) break;
    shares[index]++;
    left--;
  }
  return shares;
}

/**
 * The role of every image. The order in which images are taken depends on the seed and their position in the pool:
 * more labels of the same seed contain fewer ones, and leaving an image out moves no other.
 * @param pool           images to train on or to hold out
 * @param positions      position of each of them in the whole folder
 * @param classes        class names
 * @param hasLabelsFile  whether `listed` says which images are labeled
 * @param hasVal         whether `val/` makes a hold-out unnecessary
 * @throws DataError TOO_MANY_LABELS, EMPTY_CLASS
 */
export function chooseRoles(
  pool: readonly DataImage[],
  positions: readonly number[],
  classes: readonly string[],
  options: SplitOptions,
  hasLabelsFile: boolean,
  hasVal: boolean,
): ImageRole[] {
  const roles: ImageRole[] = pool.map(() => 'unlabeled');
  const known: number[][] = classes.map(() => []);
  pool.forEach((image, index) => {
    if (image.knownClass >= 0) known[image.knownClass].push(index);
  });
  const draws = new Draws(options.seed, 0, 'other');
  const shuffled = (members: readonly number[], view: number, last: (index: number) => boolean): number[] => {
    const keyed = members.map((index) => ({
      index,
      last: last(index) ? 1 : 0,
      key: draws.at(0, positions[index], 0, view, 'split').uniform(),
    }));
    keyed.sort((a, b) => a.last - b.last || a.key - b.key || a.index - b.index);
    return keyed.map(({ index }) => index);
  };
  const fraction = hasVal ? 0 : (options.holdout ?? defaultHoldout);
  const heldOut = sharesOf(
    known.map((members) => members.length),
    fraction,
  );
  known.forEach((members, c) => {
    const count = Math.min(heldOut[c], members.length - 1);
    const order = shuffled(members, 0, (index) => hasLabelsFile && pool[index].listed);
    for (const index of order.slice(0, Math.max(0, count))) roles[index] = 'held-out';
  });
  const free = known.map((members) => members.filter((index) => roles[index] !== 'held-out'));
  if (hasLabelsFile) {
    for (const members of free) for (const index of members) if (pool[index].listed) roles[index] = 'labeled';
  } else {
    const counts = labelCounts(free, known, classes, options);
    free.forEach((members, c) => {
      for (const index of shuffled(members, 1, () => false).slice(0, counts[c])) roles[index] = 'labeled';
    });
  }
  checkEveryClassLabeled(pool, roles, classes);
  return roles;
}

function labelCounts(
  free: readonly number[][],
  known: readonly number[][],
  classes: readonly string[],
  options: SplitOptions,
): number[] {
  const { labelsPerClass = null, labelFraction = null } = options;
  const counts = free.map((members) => members.length);
  if (labelsPerClass !== null) {
    const short = counts.findIndex((count) => count < labelsPerClass);
    if (short >= 0) {
      const heldOut = known[short].length - counts[short];
      const beside = heldOut > 0 ? ` beside ${heldOut} held out` : '';
      throw new DataError(
        `--labels-per-class: expected at most ${Math.min(...counts)}, got ${labelsPerClass}: class "${classes[short]}" has only ${counts[short]} image(s) to label${beside}. Ask for fewer labels or add images.`,
        { code: 'TOO_MANY_LABELS' },
      );
    }
    return counts.map(() => labelsPerClass);
  }
  if (labelFraction !== null) return sharesOf(counts, labelFraction).map((share) => Math.max(1, share));
  return counts;
}

function checkEveryClassLabeled(
  pool: readonly DataImage[],
  roles: readonly ImageRole[],
  classes: readonly string[],
): void {
  const counts = new Int32Array(classes.length);
  pool.forEach((image, index) => {
    if (roles[index] === 'labeled') counts[image.knownClass]++;
  });
  const empty = classes.filter((_, index) => counts[index] === 0);
  if (empty.length === 0) return;
  throw new DataError(
    `data: expected at least one labeled image of every class, got none of ${listNames(empty)}. Label an image of each, or remove the class.`,
    { code: 'EMPTY_CLASS' },
  );
}

const splitFiles = { labeled: 'labeled.csv', unlabeled: 'unlabeled.csv', val: 'val.csv' } as const;

/**
 * Writes `labeled.csv` and `val.csv` (path,label) and `unlabeled.csv` (path) into `folder`, each under a temporary
 * name first.
 */
export function writeSplits(folder: string, splits: Splits): void {
  mkdirSync(folder, { recursive: true });
  const labeled = (rows: Splits['labeled']) => [['path', 'label'], ...rows.map((row) => [row.path, row.label])];
  writeWholeFile(join(folder, splitFiles.labeled), formatCsv(labeled(splits.labeled)));
  writeWholeFile(
    join(folder, splitFiles.unlabeled),
    formatCsv([['path'], ...splits.unlabeled.map((row) => [row.path])]),
  );
  writeWholeFile(join(folder, splitFiles.val), formatCsv(labeled(splits.val)));
}

/**
 * Reads what `writeSplits` wrote.
 * @throws DataError NO_SUCH_FILE, SPLITS
 */
export function readSplits(folder: string): Splits {
  const rows = (name: string, numFields: number) => {
    const file = join(folder, name);
    const [header, ...records] = parseCsv(readText(file, 'splits'), ',', file);
    const expected = ['path', 'label'].slice(0, numFields).join(',');
    const wrong = [header, ...records].find((record) => record?.fields.length !== numFields);
    if (header?.fields.join(',') !== expected || wrong !== undefined) {
      throw new SuaveError(
        'SPLITS',
        `${file} line ${wrong?.line ?? 1}: expected ${expected}, got other columns. Restore the file as training wrote it.`,
      );
    }
    return records.map(({ fields }) => ({ path: fields[0], label: fields[1] ?? '' }));
  };
  return {
    labeled: rows(splitFiles.labeled, 2),
    unlabeled: rows(splitFiles.unlabeled, 1).map(({ path }) => ({ path })),
    val: rows(splitFiles.val, 2),
  };
}
