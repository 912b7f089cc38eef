/** @file Files that are either the old or the new one, never half of one, even when the machine stops in between. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Writes all bytes at the descriptor's position; `writeSync` may write fewer than asked. */
export type WriteAll = (bytes: Uint8Array) => void;

/** Makes a rename in `folder` durable; file systems that cannot sync a folder are passed over. */
function syncFolder(folder: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch {
    // Some network file systems refuse to sync a folder; the rename itself has been done.
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces `path` in one step: writes a temporary file in the same folder, syncs it, renames it, syncs the folder.
 * When anything fails (a full disk), the temporary file is removed and the old file stays as it was.
 * @param path  file to create or replace; its folder must exist
 * @param body  receives a function that appends bytes
 */
export function writeAtomically(path: string, body: (write: WriteAll) => void): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${Date.now().toString(36)}.tmp`);
  const descriptor = openSync(temporary, 'wx', 0o644);
  try {
    try {
      body((bytes) => {
        let offset = 0;
        while (offset < bytes.length) offset += writeSync(descriptor, bytes, offset, bytes.length - offset);
      });
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
}
