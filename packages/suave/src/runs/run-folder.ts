/** @file Opening a run folder for writing, and reading one. Nothing here deletes or overwrites an existing run. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, stringify } from 'yaml';
import { writeFileAtomic } from './atomic-write.js';
import { holdsRun, isFolder, type RunPaths, runPaths } from './layout.js';
import { acquireLock, isLockAlive, type RunLock, readLock } from './lock.js';
import { RunError } from './run-error.js';

/** A run folder held for writing. */
export interface OpenRun {
  readonly paths: RunPaths;
  readonly lock: RunLock;
}

/**
 * Says whether a run may be written to `out`, without touching the disk.
 * @param resume  an existing run is continued instead of refused
 * @throws RunError `RUN_EXISTS` when the folder holds a run and `resume` is false; `RUN_NOT_A_FOLDER` when `out` is a file;
 *                  `RUN_LOCKED` when another process writes to it
 */
export function checkOut(out: string, resume: boolean): void {
  const paths = runPaths(out);
  let existing = paths.root;
  while (!existsSync(existing)) existing = dirname(existing);
  if (!isFolder(existing)) {
    throw new RunError('RUN_NOT_A_FOLDER', `--out ${out}: expected a folder, but ${existing} is a file.`);
  }
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    throw new RunError('RUN_NOT_WRITABLE', `--out ${out}: no permission to write in ${existing}.`);
  }
  if (!resume && holdsRun(out)) {
    throw new RunError(
      'RUN_EXISTS',
      `--out ${out}: holds a run already. Continue it with --resume, or choose another name.`,
    );
  }
  const owner = readLock(paths.lock);
  if (owner !== null && isLockAlive(owner)) acquireLock(paths.lock).release(); // throws the sentence that names the owner, who may just have gone
}

/**
 * Creates (or, with `resume`, re-opens) a run folder and takes its lock.
 * @throws RunError as `checkOut`, and `RUN_LOCKED` when another process holds the lock
 */
export function openRun(out: string, resume: boolean): OpenRun {
  checkOut(out, resume);
  const paths = runPaths(out);
  mkdirSync(paths.root, { recursive: true });
  const lock = acquireLock(paths.lock);
  try {
    if (!resume && holdsRun(out)) checkOut(out, false); // another process was faster
    mkdirSync(paths.checkpoints, { recursive: true });
    mkdirSync(paths.splits, { recursive: true });
    return { paths, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Writes `config.yaml`; `header` becomes the comment on top. */
export function writeConfig(path: string, config: unknown, header: string): void {
  const comment = header
    .trim()
    .split('\n')
    .map((line) => `# ${line}\n`)
    .join('');
  writeFileAtomic(path, comment + stringify(config, { lineWidth: 120 }));
}

/**
 * Reads the configuration of a run as plain data; the caller validates it.
 * @throws RunError `RUN_MISSING` when `root` is no run folder, `CONFIG_DAMAGED` when the file is no YAML
 */
export function readConfig(root: string): unknown {
  const paths = runPaths(root);
  if (!isFolder(root)) throw new RunError('RUN_MISSING', `${root}: no such run folder.`);
  if (!existsSync(paths.config)) {
    throw new RunError('RUN_MISSING', `${root}: expected a run folder with config.yaml, found none.`);
  }
  try {
    return parse(readFileSync(paths.config, 'utf8'));
  } catch (error) {
    throw new RunError(
      'CONFIG_DAMAGED',
      `${paths.config}: is not valid YAML: ${(error as Error).message.split('\n')[0]}`,
    );
  }
}
