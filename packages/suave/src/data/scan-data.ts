/** @file Opens DATA, whatever it is: a folder of image files, or CIFAR in a folder or archive. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { packedFilesOfArchive, packedFilesOfFolder } from './packed-files.js';
import { scanPacked } from './packed-store.js';
import { type FolderScan, scanFolder } from './scan.js';

/**
 * Lists the images of DATA. A packed set is recognised by its files.
 * @throws DataError as `scanFolder`, `packedFilesOfFolder`, `packedFilesOfArchive` and `scanPacked`
 */
export async function scanData(data: string): Promise<FolderScan> {
  const root = resolve(data);
  const stats = statSync(root, { throwIfNoEntry: false });
  const packed = stats?.isDirectory()
    ? packedFilesOfFolder(root)
    : stats?.isFile()
      ? await packedFilesOfArchive(root)
      : null;
  return packed === null ? scanFolder(data) : scanPacked(root, packed);
}
