/** @file The npm packages: whether node_modules holds what package-lock.json asks for, and `npm ci` when it does not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, root, run, SetupError, say, which } from './process.mjs';

/** Whether an optional package is meant for this machine (the prebuilt binaries of sharp and biome are such packages). */
function isForThisMachine(entry) {
  if (entry.os && !entry.os.includes(process.platform)) return false;
  if (entry.cpu && !entry.cpu.includes(process.arch)) return false;
  if (!entry.libc || process.platform !== 'linux') return true;
  process.report.excludeNetwork = true;
  return entry.libc.includes(process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl');
}

/** The first package of package-lock.json that node_modules lacks or holds in another version; null when all are there. */
function firstMismatch() {
  const wanted = JSON.parse(readIfPresent(join(root, 'package-lock.json')) ?? '{"packages":{}}').packages;
  const installedText = readIfPresent(join(root, 'node_modules/.package-lock.json'));
  if (installedText === null) return 'node_modules';
  const installed = JSON.parse(installedText).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.peer) continue;
    if (entry.link) {
      if (!existsSync(join(root, path, 'package.json'))) return path;
      continue;
    }
    if (installed[path]?.version === entry.version && existsSync(join(root, path))) continue;
    if (entry.optional && (!entry.os || !isForThisMachine(entry))) continue;
    return path;
  }
  return existsSync(join(root, 'node_modules/.bin/suave')) ? null : 'node_modules/.bin/suave';
}

/**
 * Installs the packages of package-lock.json where node_modules does not hold them already.
 * Install scripts are not run: nothing we depend on needs one, and npm 11 would wait for them to be approved.
 * @returns whether anything was done
 */
export function ensureNpmPackages() {
  const missing = firstMismatch();
  if (missing === null) return false;
  if (which('npm') === null)
    throw new SetupError('npm is not on the PATH; it comes with Node.js (https://nodejs.org).');
  say(`installing the npm packages (${missing} is missing or not the version of package-lock.json)`);
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  const still = firstMismatch();
  if (still !== null) throw new SetupError(`npm ci ended well, but ${still} is still missing.`);
  return true;
}
