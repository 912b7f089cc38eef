/** @file Finds the images below a folder, in one order on every machine, and says what else lies there. */
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { kindByName, kindOfFile } from './image-kind.js';
import type { LabelsFile } from './labels-file.js';
import { sortNaturally } from './natural-order.js';
import { type FileStamp, fileStore, type PixelStore } from './pixel-store.js';

/** A file that looks like an image. `path` is relative to the scanned folder, with `/` between its parts. */
export interface ImageFile extends FileStamp {
  readonly path: string;
}

/** A file that was left out, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

/** What lies below a folder. */
export interface FolderScan {
  /** Absolute path. */
  readonly root: string;
  /** Where the pixels of the images are. */
  readonly store: PixelStore;
  /** In natural order of their paths. */
  readonly images: ImageFile[];
  /** Images by their name that cannot be read: zero bytes, a broken link, a format that is not supported. */
  readonly unreadable: SkippedFile[];
  /** Files that are no images. */
  readonly notImages: SkippedFile[];
  /** Relative paths of all folders, with or without images, in natural order. */
  readonly folders: string[];
  /** Labels that lie with the images, in a prepared file; null or absent without. */
  readonly labels?: LabelsFile | null;
}

const clutter = new Set([
  'Thumbs.db',
  'desktop.ini',
  '__MACOSX',
  '@eaDir',
  '$RECYCLE.BIN',
  'System Volume Information',
]);

function isClutter(name: string): boolean {
  return name.startsWith('.') || clutter.has(name);
}

function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/**
 * Checks that DATA is a folder.
 * @returns its absolute path
 * @throws DataError NO_SUCH_FOLDER, NOT_A_FOLDER
 */
export function checkFolder(path: string, where = 'data'): string {
  const root = resolve(path);
  const stats = statOrNull(root);
  if (stats === null) {
    throw new DataError(`${where}: expected a folder of images, got "${path}", which does not exist. Check the path.`, {
      code: 'NO_SUCH_FOLDER',
      file: root,
    });
  }
  if (!stats.isDirectory()) {
    throw new DataError(`${where}: expected a folder of images, got the file "${path}". Give the folder it lies in.`, {
      code: 'NOT_A_FOLDER',
      file: root,
    });
  }
  return root;
}

/**
 * Lists every image below `folder`, at any depth; links are followed, hidden files are passed over.
 * @throws DataError NO_SUCH_FOLDER, NOT_A_FOLDER, UNREADABLE_FOLDER
 */
export function scanFolder(folder: string): FolderScan {
  const root = checkFolder(folder);
  const scan: FolderScan = { root, store: fileStore(root), images: [], unreadable: [], notImages: [], folders: [] };
  scanInto(scan, '', [realpathSync(root)]);
  sortNaturally(scan.images, (image) => image.path);
  sortNaturally(scan.unreadable, (file) => file.path);
  sortNaturally(scan.notImages, (file) => file.path);
  sortNaturally(scan.folders, (path) => path);
  return scan;
}

function scanInto(scan: FolderScan, folder: string, ancestors: readonly string[]): void {
  const absolute = join(scan.root, folder);
  let entries: Dirent[];
  try {
    entries = readdirSync(absolute, { withFileTypes: true });
  } catch (cause) {
    throw new DataError(
      `data: expected to read the folder "${absolute}", got ${(cause as NodeJS.ErrnoException).code ?? 'an error'}. Check its permissions.`,
      { code: 'UNREADABLE_FOLDER', file: absolute, cause },
    );
  }
  for (const entry of entries) {
    if (isClutter(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const stats = statOrNull(join(scan.root, path));
    if (stats === null) {
      scan.unreadable.push({ path, reason: entry.isSymbolicLink() ? 'broken link' : 'cannot be opened' });
    } else if (stats.isDirectory()) {
      const real = entry.isSymbolicLink() ? realpathSync(join(scan.root, path)) : `${ancestors.at(-1)}/${entry.name}`;
      if (ancestors.includes(real)) continue;
      scan.folders.push(path);
      scanInto(scan, path, [...ancestors, real]);
    } else if (stats.isFile()) {
      addFile(scan, path, stats);
    }
  }
}

function addFile(scan: FolderScan, path: string, stats: Stats): void {
  let kind = kindByName(path);
  if (kind === 'unknown' && kindOfFile(join(scan.root, path)) !== null) kind = 'readable';
  if (kind === 'unknown') {
    scan.notImages.push({ path, reason: 'not an image' });
  } else if (kind === 'other-image') {
    const format = path.slice(path.lastIndexOf('.') + 1).toUpperCase();
    scan.unreadable.push({ path, reason: `${format} is not supported; convert it to JPEG, PNG or WebP` });
  } else if (stats.size === 0) {
    scan.unreadable.push({ path, reason: 'empty file (0 bytes)' });
  } else {
    scan.images.push({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }
}
