/** @file Every image of DATA with what is known about it, for figures and embeddings: nothing is needed, no class and no label. */
import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { DataError, listNames } from '../errors.js';
import { kindByName, kindOfFile } from './image-kind.js';
import { classIndexOf, nameKey, uniqueNames } from './natural-order.js';
import { fileStore, type PixelStore } from './pixel-store.js';
import { folderBelow, type Regions, regionsOf } from './regions.js';
import type { FolderScan, ImageFile, SkippedFile } from './scan.js';
import { scanData } from './scan-data.js';
import type { Splits } from './splits.js';

/** What an image was to a run. */
export const splitNames = ['labeled', 'unlabeled', 'held-out'] as const;
export type SplitName = (typeof splitNames)[number];

/** An image of DATA. */
export interface DescribedImage extends ImageFile {
  /** Name of its class, null where it is unknown. */
  readonly label: string | null;
  /** In the run's own data; in other data `held-out` for images of `val/`, else null. */
  readonly split: SplitName | null;
}

/** DATA, listed. */
export interface DescribedImages {
  /** Absolute path of the folder that the paths of the images are relative to. */
  readonly root: string;
  readonly store: PixelStore;
  /** In natural order of their paths. */
  readonly images: readonly DescribedImage[];
  /** Images by their names that cannot be read. */
  readonly unreadable: readonly SkippedFile[];
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** What a run knows about its own data. */
export interface KnownSplits {
  /** The choice of the run; null for other data. */
  readonly splits: Splits | null;
  /** Class names of the run; null: those of its labels. */
  readonly classes: readonly string[] | null;
}

/**
 * Lists the images of DATA: a folder of any layout, CIFAR as published, or a single image file. A class is known by the splits of the run, or
 * by its folder.
 * @throws DataError NO_SUCH_FOLDER, NOT_A_FOLDER, EMPTY_FOLDER and those of packed sets
 */
export async function describeImages(data: string, known: KnownSplits): Promise<DescribedImages> {
  const single = singleImage(data);
  if (single !== null) return single;
  const scan = await scanData(data);
  if (scan.images.length === 0) {
    const rest = scan.unreadable.length + scan.notImages.length;
    const got = rest === 0 ? 'an empty folder' : `${rest} file(s), none of which can be read as an image`;
    throw new DataError(
      `data: expected JPEG, PNG or WebP images in "${scan.root}", got ${got}. Give the folder that holds the images.`,
      { code: 'EMPTY_FOLDER', file: scan.root },
    );
  }
  const { root, store, unreadable } = scan;
  const { splits } = known;
  if (splits === null) return { root, store, images: describedByFolders(scan), unreadable, notes: [] };
  const { images, missing } = describedBySplits(scan, splits, known.classes);
  const notes =
    missing.length === 0
      ? []
      : [`${missing.length} image(s) of the run are gone from ${root}: ${listNames(missing, 3)}.`];
  return { root, store, images, unreadable, notes };
}

/** A file that is an image by its name or content; null for everything else, also for archives. */
function singleImage(data: string): DescribedImages | null {
  const path = resolve(data);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || (kindByName(path) !== 'readable' && kindOfFile(path) === null)) return null;
  const { size, mtimeMs } = stats;
  const root = dirname(path);
  const image = { path: basename(path), size, mtimeMs, label: null, split: null };
  return { root, store: fileStore(root), images: [image], unreadable: [], notes: [] };
}

function describedByFolders(scan: FolderScan): DescribedImage[] {
  const regions = regionsOf(scan);
  const inVal = new Set(regions.val?.map(({ path }) => path));
  const classFolders = new Set([...regions.classFolders, ...regions.valClassFolders]);
  return scan.images.map((image) => {
    const held = inVal.has(image.path);
    const folder = classFolder(image.path, held, regions);
    return {
      ...image,
      label: folder !== null && classFolders.has(folder) ? folder : null,
      split: held ? 'held-out' : null,
    };
  });
}

const classFolder = (path: string, isVal: boolean, regions: Regions): string | null =>
  folderBelow(path, isVal ? 'val/' : regions.trainPrefix);

function describedBySplits(
  scan: FolderScan,
  splits: Splits,
  classes: readonly string[] | null,
): { images: DescribedImage[]; missing: string[] } {
  const regions = regionsOf(scan);
  const names = classes ?? uniqueNames([...splits.labeled, ...splits.val].map(({ label }) => label));
  const index = classIndexOf(names);
  const rows = new Map<string, { split: SplitName; label: string | null; path: string }>();
  for (const { path, label } of splits.labeled) rows.set(nameKey(path), { split: 'labeled', label, path });
  for (const { path } of splits.unlabeled) rows.set(nameKey(path), { split: 'unlabeled', label: null, path });
  for (const { path, label } of splits.val) rows.set(nameKey(path), { split: 'held-out', label, path });
  const found = new Set<string>();
  const images = scan.images.map((image): DescribedImage => {
    const key = nameKey(image.path);
    const row = rows.get(key);
    if (row !== undefined) found.add(key);
    const folder = row?.label ?? classFolder(image.path, image.path.startsWith('val/'), regions);
    const known = folder === null ? undefined : index.get(nameKey(folder));
    return { ...image, label: known === undefined ? null : names[known], split: row?.split ?? null };
  });
  return { images, missing: [...rows].filter(([key]) => !found.has(key)).map(([, { path }]) => path) };
}
