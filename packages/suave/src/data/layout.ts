/**
 * @file From the files of DATA to images with classes, for every layout: `train/<class>/*` with or without `val/`,
 * class folders directly, images at any depth with a label file; `unlabeled/` in any of them.
 */
import { existsSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError, didYouMean, listNames } from '../errors.js';
import { applyLabels, classesOfLabels, looksLikeFolderClass } from './label-rows.js';
import { type LabelsFile, readLabelsFile } from './labels-file.js';
import { classIndexOf, nameKey, uniqueNames } from './natural-order.js';
import type { PixelStore } from './pixel-store.js';
import { classByFolder, type DataImage, folderBelow, isUsed, type Regions, regionsOf } from './regions.js';
import type { FolderScan, SkippedFile } from './scan.js';

/** DATA, read: which images there are and which class each belongs to; nothing is chosen yet. */
export interface DataLayout {
  /** Absolute path of DATA. */
  readonly root: string;
  readonly store: PixelStore;
  /** Class names as written, in natural order; compared in Unicode NFC. */
  readonly classes: string[];
  /** Images to train on or to hold out, in natural order of their paths. */
  readonly pool: DataImage[];
  /** Images of `val/`, or null where there is none. */
  readonly val: DataImage[] | null;
  /** Whether a label file says which images are labeled. */
  readonly hasLabelsFile: boolean;
  /** Images that cannot be read, as far as the scan can tell. */
  readonly unreadable: SkippedFile[];
  /** Files that are no images. */
  readonly notImages: SkippedFile[];
  /** What the user should know, one sentence each. */
  readonly notes: string[];
}

/**
 * Reads the layout of DATA.
 * @param scan        what lies in DATA
 * @param labelsPath  label file; null: the labels that lie with the images, if any
 * @throws DataError EMPTY_FOLDER, NO_LABELS, ONE_CLASS, EMPTY_CLASS, UNKNOWN_CLASS, UNKNOWN_PATH and
 *         those of the label file
 */
export function readLayout(scan: FolderScan, labelsPath: string | null): DataLayout {
  const regions = regionsOf(scan);
  checkNotEmpty(scan, regions);
  const labels = labelsPath === null ? (scan.labels ?? null) : readLabelsFile(labelsPath);
  const byFolders = labels === null ? regions.classFolders.length > 0 : classesAreFolders(labels, regions);
  if (!byFolders && labels === null) throw noLabels(scan.root, regions);
  if (!byFolders && labels !== null && labels.kind !== 'csv') {
    throw new DataError(
      `${labels.file}: expected a CSV path,label because "${scan.root}" has no class folders, got a list without the column "label". Add a label to each line.`,
      { code: 'MISSING_COLUMN', file: labels.file },
    );
  }
  const classes = byFolders ? uniqueNames(regions.classFolders) : classesOfLabels(labels as LabelsFile);
  const notes = [...regions.notes];
  if (byFolders) {
    setFolderClasses(regions, classes, notes);
  } else if (regions.classFolders.length > 0) {
    notes.push(
      `No label of the label file is the name of a folder: its ${classes.length} labels are the classes, the folders are not.`,
    );
  }
  const unreadable = scan.unreadable.filter((file) => isUsed(file.path, regions));
  if (labels !== null) applyLabels(labels, { root: scan.root, regions, classes, byFolders, unreadable, notes });
  const layout: DataLayout = {
    root: scan.root,
    store: scan.store,
    classes,
    pool: regions.pool,
    val: labeledVal(regions, notes),
    hasLabelsFile: labels !== null,
    unreadable,
    notImages: scan.notImages.filter(
      (file) => isUsed(file.path, regions) && !isLabelFile(scan.root, file.path, labelsPath),
    ),
    notes,
  };
  checkClasses(layout, regions, byFolders);
  return layout;
}

/** Whether a file of DATA is the label file itself. */
export function isLabelFile(root: string, path: string, labelsPath: string | null): boolean {
  if (labelsPath === null || basename(path) !== basename(labelsPath)) return false;
  const file = join(root, path); // not there where DATA is one file
  return existsSync(file) && realpathSync(file) === realpathSync(labelsPath);
}

function checkNotEmpty(scan: FolderScan, regions: Regions): void {
  if (regions.pool.length > 0) return;
  const where = regions.trainPrefix === '' ? scan.root : join(scan.root, 'train');
  const rest = scan.unreadable.length + scan.notImages.length;
  const onlyVal = (regions.val?.length ?? 0) > 0;
  const got = onlyVal
    ? 'images in val/ only'
    : rest === 0
      ? 'an empty folder'
      : `${rest} file(s), none of which can be read as an image`;
  throw new DataError(
    `data: expected JPEG, PNG or WebP images in "${where}", got ${got}. Give the folder that holds the images.`,
    { code: 'EMPTY_FOLDER', file: where },
  );
}

function noLabels(root: string, regions: Regions): DataError {
  return new DataError(
    `data: expected class folders in "${root}" or a label file, got ${regions.pool.length} image(s) without any class. Put the images of each class into a folder of its name, or give --labels FILE with lines path,label.`,
    { code: 'NO_LABELS', file: root },
  );
}

/** Whether the folders are the classes, where a label file is given too. */
function classesAreFolders(labels: LabelsFile, regions: Regions): boolean {
  const { classFolders, valClassFolders } = regions;
  if (classFolders.length === 0 || labels.kind !== 'csv') return classFolders.length > 0;
  const named = classesOfLabels(labels);
  const folderKeys = new Set(classFolders.map(nameKey));
  if (named.length < 2 || named.some((name) => folderKeys.has(nameKey(name)))) return true;
  const valKeys = new Set(valClassFolders.map(nameKey));
  if (classFolders.every((name) => valKeys.has(nameKey(name)))) return true;
  return named.some((name) => classFolders.some((folder) => looksLikeFolderClass(name, folder)));
}

function setFolderClasses(regions: Regions, classes: readonly string[], notes: string[]): void {
  const index = classIndexOf(classes);
  let stray = 0;
  for (const image of regions.pool) {
    image.knownClass = classByFolder(image.path, regions.trainPrefix, index);
    if (!image.path.slice(regions.trainPrefix.length).includes('/')) stray++;
  }
  if (stray > 0) notes.push(`${stray} image(s) lie beside the class folders: they are used without a label.`);
  for (const image of regions.val ?? []) {
    const folder = folderBelow(image.path, 'val/');
    if (folder === null) continue;
    image.knownClass = index.get(nameKey(folder)) ?? -1;
    if (image.knownClass < 0) {
      throw new DataError(
        `data: expected the folders of val/ to be classes of the training images, got "${folder}", which has none.${didYouMean(folder, classes)}`,
        { code: 'UNKNOWN_CLASS', file: image.path },
      );
    }
  }
}

/** Validation images whose class is known; the others cannot be measured. */
function labeledVal(regions: Regions, notes: string[]): DataImage[] | null {
  if (regions.val === null) return null;
  const known = regions.val.filter((image) => image.knownClass >= 0);
  const unknown = regions.val.length - known.length;
  if (known.length === 0) {
    throw new DataError(
      `data: expected images with a known class in val/, got ${unknown} without. Use val/<class>/ folders, add them to the label file, or remove val/.`,
      { code: 'NO_LABELS', file: 'val' },
    );
  }
  if (unknown > 0) notes.push(`${unknown} image(s) of val/ have no label and are not used.`);
  return known;
}

function checkClasses(layout: DataLayout, regions: Regions, byFolders: boolean): void {
  const { classes, root } = layout;
  const counts = new Int32Array(classes.length);
  for (const image of layout.pool) if (image.knownClass >= 0) counts[image.knownClass]++;
  const empty = classes.filter((_, index) => counts[index] === 0);
  if (classes.length < 2) {
    throw new DataError(
      `data: expected at least two classes, got one only: "${classes[0]}". ${oneClassAdvice(layout, regions, byFolders)}`,
      { code: 'ONE_CLASS', file: root },
    );
  }
  if (empty.length > 0) {
    const what = byFolders ? 'image in every class folder' : 'labeled image of every class to train on';
    throw new DataError(
      `data: expected at least one ${what}, got none for ${listNames(empty)}. Add images or remove the class.`,
      { code: 'EMPTY_CLASS', file: root },
    );
  }
}

function oneClassAdvice(layout: DataLayout, regions: Regions, byFolders: boolean): string {
  if (!byFolders) return 'Label images of at least two classes.';
  const inner = new Set<string>();
  const prefix = `${regions.trainPrefix}${layout.classes[0]}/`;
  for (const image of layout.pool) {
    const folder = image.path.startsWith(prefix) ? folderBelow(image.path, prefix) : null;
    if (folder !== null) inner.add(folder);
  }
  return inner.size > 1
    ? `It holds the folders ${listNames([...inner], 5)}: if those are the classes, give "${join(layout.root, prefix)}".`
    : 'Put the images of each class into a folder of its name.';
}
