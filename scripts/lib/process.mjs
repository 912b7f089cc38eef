/** @file Small helpers of the set-up scripts: talking on standard error, running programs, hashing files. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** A failure that is the machine's or the user's to mend: printed without a stack trace. */
export class SetupError extends Error {}

/** Says one line on standard error; standard output belongs to the command that follows. */
export function say(message) {
  process.stderr.write(`set-up: ${message}\n`);
}

/** The full path of a program on the PATH, or null. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/**
 * Runs a program from the project's root; its output goes to our standard error, all of it or, with `lastLines`, only its
 * end and only when it fails.
 * @throws SetupError when it cannot be started or does not exit with 0
 */
export function run(program, args, { lastLines = 0 } = {}) {
  const stdio = lastLines > 0 ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2];
  const result = spawnSync(program, args, { cwd: root, stdio, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.error) throw new SetupError(`${program}: could not be started: ${result.error.message}`);
  if (result.status === 0) return;
  if (lastLines > 0) {
    const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
    process.stderr.write(`${lines.slice(-lastLines).join('\n')}\n`);
  }
  const how = result.signal ? `was ended by ${result.signal}` : `ended with exit status ${result.status}`;
  throw new SetupError(`\`${[program, ...args].join(' ')}\` ${how}; its own messages are above.`);
}

/** Runs a program quietly; its standard output, or null when it fails. */
export function ask(program, args) {
  const result = spawnSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return result.error || result.status !== 0 ? null : result.stdout.trim();
}

/** Every file under `folder` (relative to the root) that `keep` accepts, sorted; none when the folder is absent. */
export function filesUnder(folder, keep = () => true) {
  let names;
  try {
    names = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter(keep)
    .sort();
}

/** SHA-256 over the names and contents of files and over extra words: the key of a build step's stamp. */
export function hashOf(paths, ...words) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const path of paths)
    hash
      .update(`${path.slice(root.length)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

/** The text of a file, or null when it cannot be read. */
export function readIfPresent(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
