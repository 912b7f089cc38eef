/** @file The parts of DATA by its folders: `train/`, `val/`, `unlabeled/`, and which folders may be classes. */
import { nameKey } from './natural-order.js';
import type { FolderScan, ImageFile } from './scan.js';

/** An image of DATA with what is known about it. */
export interface DataImage extends ImageFile {
  /** Index of its class, from its folder or the label file; -1 when unknown. */
  knownClass: number;
  /** Whether the label file names it with a label. */
  listed: boolean;
}

/** Where the images of a scan belong by their folders alone. */
export interface Regions {
  /** `train/` or '' : what stands before the class folder. */
  readonly trainPrefix: string;
  readonly pool: DataImage[];
  readonly val: DataImage[] | null;
  /** Folders that may be classes: directly inside the training folder, but for `unlabeled` and `val`. */
  readonly classFolders: string[];
  readonly valClassFolders: string[];
  readonly notes: string[];
}

const unlabeledFolder = 'unlabeled';

/** First part of `path` below `prefix`, or null when the file lies directly there or elsewhere. */
export function folderBelow(path: string, prefix: string): string | null {
  if (!path.startsWith(prefix)) return null;
  const slash = path.indexOf('/', prefix.length);
  return slash < 0 ? null : path.slice(prefix.length, slash);
}

function childFolders(scan: FolderScan, prefix: string): string[] {
  return scan.folders
    .filter((folder) => folder.startsWith(prefix) && !folder.slice(prefix.length).includes('/'))
    .map((folder) => folder.slice(prefix.length));
}

/** Sorts the images of a scan into training and validation by the folders `train`, `val` and `unlabeled`. */
export function regionsOf(scan: FolderScan): Regions {
  const top = childFolders(scan, '');
  const hasTrain = top.includes('train');
  const inVal = scan.images.filter((image) => image.path.startsWith('val/'));
  const valHasOnlyFolders = inVal.length > 0 && inVal.every((image) => folderBelow(image.path, 'val/') !== null);
  const hasVal = top.includes('val') && (hasTrain ? inVal.length > 0 : valHasOnlyFolders);
  const trainPrefix = hasTrain ? 'train/' : '';
  const used = new Set(hasTrain ? ['train', 'val', unlabeledFolder] : top);
  const pool: DataImage[] = [];
  const val: DataImage[] = [];
  const unused = new Map<string, number>();
  for (const file of scan.images) {
    const folder = folderBelow(file.path, '');
    const image: DataImage = { ...file, knownClass: -1, listed: false };
    if (folder === 'val' && hasVal) val.push(image);
    else if (hasTrain && (folder === null || !used.has(folder)))
      unused.set(folder ?? '', (unused.get(folder ?? '') ?? 0) + 1);
    else pool.push(image);
  }
  const notes = [...unused].map(
    ([folder, count]) =>
      `${count} image(s) in ${folder === '' ? 'DATA itself' : `${folder}/`} are not used: beside train/ only val/ and unlabeled/ are read.`,
  );
  const reserved = (name: string) => name === unlabeledFolder || (!hasTrain && name === 'val' && hasVal);
  return {
    trainPrefix,
    pool,
    val: hasVal ? val : null,
    classFolders: childFolders(scan, trainPrefix).filter((name) => !reserved(name)),
    valClassFolders: hasVal ? childFolders(scan, 'val/') : [],
    notes,
  };
}

/** Whether the path lies in a part of DATA that is read. */
export function isUsed(path: string, regions: Regions): boolean {
  return regions.trainPrefix === '' || /^(train|val|unlabeled)\//.test(path);
}

/** The class of an image by the folder it lies in, or -1. */
export function classByFolder(path: string, prefix: string, classIndex: ReadonlyMap<string, number>): number {
  const folder = folderBelow(path, prefix);
  if (folder === null || folder === unlabeledFolder) return -1;
  return classIndex.get(nameKey(folder)) ?? -1;
}
