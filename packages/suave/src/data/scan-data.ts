/** @file Opens DATA, whatever it is: a folder of image files, CIFAR in a folder or archive, or a file of `suave prepare`. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nameKey } from './natural-order.js';
import { packedFilesOfArchive, packedFilesOfFolder } from './packed-files.js';
import { scanPacked } from './packed-store.js';
import { isPreparedFile, preparedExtension, readPrepared } from './prepared-file.js';
import { scanPrepared } from './prepared-store.js';
import { type FolderScan, scanFolder } from './scan.js';

/**
 * Lists the images of DATA. A packed set is recognised by its files, a prepared file by its beginning or its name.
 * @throws DataError as `scanFolder`, `packedFilesOfFolder`, `packedFilesOfArchive`, `scanPacked` and `readPrepared`
 */
export async function scanData(data: string): Promise<FolderScan> {
  const root = resolve(data);
  const stats = statSync(root, { throwIfNoEntry: false });
  if (stats?.isFile() && isPrepared(root)) return scanPrepared(root);
  const packed = stats?.isDirectory()
    ? packedFilesOfFolder(root)
    : stats?.isFile()
      ? await packedFilesOfArchive(root)
      : null;
  return packed === null ? scanFolder(data) : scanPacked(root, packed);
}

/** Whether a file is to be read as a prepared one: by its beginning, or by a name that promises it. */
export function isPrepared(file: string): boolean {
  return isPreparedFile(file) || file.endsWith(preparedExtension);
}

/**
 * Which images a folder or a prepared file has, by their paths.
 * @param data  DATA, which need not be there
 * @throws DataError as `readPrepared`
 */
export function imagesOf(data: string): (path: string) => boolean {
  const root = resolve(data);
  if (!statSync(root, { throwIfNoEntry: false })?.isFile() || !isPrepared(root)) {
    return (path) => existsSync(join(root, path));
  }
  const paths = new Set(readPrepared(root).entries.map(({ path }) => nameKey(path)));
  return (path) => paths.has(nameKey(path));
}
