/** @file A folder that is either complete or absent: written under another name, then renamed. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { isFolder } from '../runs/index.js';

/**
 * Says whether a new folder may be written to `out`, without touching the disk.
 * @throws UsageError `OUT_EXISTS` when there is something already; `OUT_NOT_WRITABLE` when nothing can be made there
 */
export function checkNewFolder(out: string): void {
  const folder = resolve(out);
  if (existsSync(folder)) {
    if (!isFolder(folder)) {
      throw new UsageError(`--out ${out}: expected a new folder, got a file. Choose another name.`, {
        code: 'OUT_EXISTS',
      });
    }
    if (readdirSync(folder).length > 0) throw inUse(out);
  }
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  if (!isFolder(existing)) {
    throw new UsageError(`--out ${out}: expected a folder, but ${existing} is a file. Choose another place.`, {
      code: 'OUT_NOT_WRITABLE',
    });
  }
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    throw new UsageError(`--out ${out}: no permission to write in ${existing}. Choose another place.`, {
      code: 'OUT_NOT_WRITABLE',
    });
  }
}

function inUse(out: string): UsageError {
  return new UsageError(
    `--out ${out}: expected a new or empty folder, got one with files in it. Choose another name.`,
    { code: 'OUT_EXISTS' },
  );
}

/**
 * Writes the folder `out`. When `write` fails, or the process exits meanwhile, nothing is left behind.
 * @param write  receives the folder to write into, which is empty
 * @throws UsageError as `checkNewFolder`
 */
export async function writeNewFolder<Result>(
  out: string,
  write: (folder: string) => Promise<Result> | Result,
): Promise<Result> {
  checkNewFolder(out);
  const target = resolve(out);
  // An empty folder that is there may be a link or a mounted disk, which cannot be replaced: it is filled instead.
  const isThere = isFolder(target);
  const firstMade = isThere ? undefined : mkdirSync(dirname(target), { recursive: true });
  const unfinished = `.${basename(target)}.${process.pid}.tmp`;
  const temporary = join(isThere ? target : dirname(target), unfinished);
  const clean = (): void => {
    rmSync(temporary, { recursive: true, force: true });
    if (firstMade !== undefined) removeEmpty(dirname(target), firstMade);
  };
  process.once('exit', clean);
  try {
    mkdirSync(temporary);
    const result = await write(temporary);
    // another process may have been faster
    if (isFolder(target) && readdirSync(target).some((name) => name !== unfinished)) throw inUse(out);
    if (isThere) {
      for (const name of readdirSync(temporary)) renameSync(join(temporary, name), join(target, name));
      rmdirSync(temporary);
    } else renameSync(temporary, target);
    return result;
  } catch (error) {
    clean();
    throw error;
  } finally {
    process.off('exit', clean);
  }
}

/** Removes empty folders from `folder` up to `last`, which lies above it or is the same. */
function removeEmpty(folder: string, last: string): void {
  try {
    rmdirSync(folder);
  } catch {
    return; // something of others lies in it by now
  }
  if (folder !== last) removeEmpty(dirname(folder), last);
}
