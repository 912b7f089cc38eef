/** @file A folder that is either complete or absent: written under another name beside its place, then renamed. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
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
    if (readdirSync(folder).length > 0) {
      throw new UsageError(
        `--out ${out}: expected a new or empty folder, got one with files in it. Choose another name.`,
        {
          code: 'OUT_EXISTS',
        },
      );
    }
  }
  let existing = dirname(folder);
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

/**
 * Writes the folder `out`. When `write` fails, nothing is left behind.
 * @param write  receives the folder to write into, which is empty
 * @throws UsageError as `checkNewFolder`
 */
export async function writeNewFolder<Result>(
  out: string,
  write: (folder: string) => Promise<Result> | Result,
): Promise<Result> {
  checkNewFolder(out);
  const target = resolve(out);
  const firstMade = mkdirSync(dirname(target), { recursive: true });
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    mkdirSync(temporary);
    const result = await write(temporary);
    checkNewFolder(out); // another process may have been faster
    renameSync(temporary, target);
    return result;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (firstMade !== undefined) rmSync(firstMade, { recursive: true, force: true });
    throw error;
  }
}
