/** @file Reads a folder of class folders, or a .tar.gz of one, as benches of real images take them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that holds the class folders: `root`, its `train`, or the first below it with several folders. */
function findClasses(root) {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  if (folders.includes('train')) return findClasses(join(root, 'train'));
  if (folders.length === 1) return findClasses(join(root, folders[0]));
  if (folders.length < 2) throw new Error(`${root}: expected class folders, found none.`);
  return { root, classes: folders.sort() };
}

/**
 * Finds the class folders of `source`.
 * @param source     folder, or a .tar.gz that is unpacked first
 * @param workplace  folder to unpack into; removed by the caller
 * @returns          root, and the sorted names of its class folders
 */
export function openClassFolders(source, workplace) {
  if (!statSync(source).isFile()) return findClasses(source);
  const unpacked = join(workplace, 'unpacked');
  mkdirSync(unpacked);
  const { status } = spawnSync('tar', ['-xzf', source, '-C', unpacked], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${source}: could not be unpacked.`);
  return findClasses(unpacked);
}
