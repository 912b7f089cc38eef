/** @file Makes the archive of a bundle: its files side by side in a folder, then one tar file, compressed. The same bytes each time. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { bundleContents, bundleVersion } from './bundle-contents.mjs';
import { SetupError, which } from './process.mjs';

/** What every file's time of change is; `SOURCE_DATE_EPOCH` says another. */
const when = () => Number(process.env.SOURCE_DATE_EPOCH ?? 946_684_800);
/** Archives larger than this are refused: bytes, without the tests and with them. */
export const largest = { program: 60e6, withTests: 62 * 2 ** 20 };

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/**
 * Checks that a bundle can be made here.
 * @throws SetupError
 */
export function checkPlatform() {
  process.report.excludeNetwork = true;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  if (process.platform !== 'linux' || process.arch !== 'x64' || glibc === undefined) {
    const libc = process.platform === 'linux' && glibc === undefined ? ' without glibc' : '';
    throw new SetupError(
      `a bundle is made on linux-x64 with glibc, for it carries this machine's Node.js; this is ${process.platform}-${process.arch}${libc}.`,
    );
  }
  const shared = Object.entries(process.config.variables).filter(
    ([name, on]) => /^node_shared/.test(name) && on === true,
  );
  if (shared.length > 0) {
    throw new SetupError(
      `this Node.js (${process.execPath}) loads libraries of this system (${shared.map(([name]) => name).join(', ')}). Make the bundle with one from https://nodejs.org.`,
    );
  }
}

/** Copies Node.js without what only debuggers read, where `strip` is there and what it leaves still runs. */
function placeNode(file) {
  const own = realpathSync(process.execPath);
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(own, file);
  chmodSync(file, 0o755);
  const stripped = which('strip') !== null && spawnSync('strip', ['--strip-unneeded', file]).status === 0;
  const script =
    "const crypto = require('node:crypto'); console.log(crypto.createHash('sha256').update('').digest('hex'))";
  const run = () => spawnSync(file, ['-e', script], { encoding: 'utf8' }).stdout?.startsWith('e3b0c442');
  if (!stripped || !run()) copyFileSync(own, file);
  if (!run()) throw new SetupError(`${own}: a copy of it does not run, so that no bundle can carry it.`);
}

/**
 * Puts all files of a bundle into a new folder.
 * @param {string} folder
 * @param {{ withTests?: boolean }} options
 */
export function placeBundle(folder, { withTests = false } = {}) {
  const entries = bundleContents({ withTests });
  const files = {};
  const note = (path) => {
    files[path] = { bytes: statSync(join(folder, path)).size, sha256: hashOf(join(folder, path)) };
  };
  placeNode(join(folder, 'bin/node'));
  note('bin/node');
  for (const { path, from, text, link, executable = false } of entries) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (link !== undefined) {
      symlinkSync(link, file);
      continue;
    }
    if (text === undefined) copyFileSync(from, file);
    else writeFileSync(file, text);
    chmodSync(file, executable ? 0o755 : 0o644);
    note(path);
  }
  const manifest = {
    name: 'suave',
    version: bundleVersion(),
    platform: 'linux-x64',
    node: process.versions.node,
    withTests,
    files: Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
}

/** Name of the archive. @param {{ withTests?: boolean }} options */
export function archiveName({ withTests = false } = {}) {
  // With the tests gzip would be too large to travel in one go.
  return `suave-${bundleVersion()}-linux-x64${withTests ? '-tests.tar.xz' : '.tar.gz'}`;
}

/** Compressors by the end of an archive's name; the same bytes at any number of processors. */
const compressors = { '.gz': 'gzip -n -9', '.xz': 'xz -6 -T2' };

/**
 * Packs a folder: whatever its owner, its modes and its times, the same names and contents give the same bytes.
 * @param {string} folder
 * @param {string} file  whose name ends in .tar.gz or .tar.xz
 * @throws SetupError
 */
export function pack(folder, file) {
  const compressor = compressors[extname(file)];
  if (compressor === undefined)
    throw new SetupError(`--out: expected a name that ends in .tar.gz or .tar.xz, got ${file}.`);
  for (const program of ['tar', compressor.split(' ')[0]]) {
    if (which(program) === null)
      throw new SetupError(
        `${program} is not on the PATH; a bundle is made with it (Debian: apt-get install tar gzip xz-utils).`,
      );
  }
  const same = ['--sort=name', `--mtime=@${when()}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  const args = [...same, '--mode=u=rwX,go=rX', `--use-compress-program=${compressor}`, '-cf', `${file}.part`];
  try {
    const tar = spawnSync('tar', [...args, basename(folder)], { cwd: dirname(folder), encoding: 'utf8' });
    if (tar.status !== 0) throw new SetupError(`tar failed: ${tar.error?.message ?? tar.stderr.trim()}`);
    renameSync(`${file}.part`, file);
  } finally {
    rmSync(`${file}.part`, { force: true });
  }
}

/**
 * Makes the archive.
 * @param {{ out: string, withTests?: boolean }} options  `out`: the file, whose name ends in .tar.gz or .tar.xz
 * @returns {{ file: string, bytes: number, sha256: string }}
 * @throws SetupError
 */
export function makeBundle({ out, withTests = false }) {
  checkPlatform();
  const file = resolve(out);
  mkdirSync(dirname(file), { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'suave-bundle-'));
  try {
    const folder = join(work, archiveName().replace(/\.tar\.gz$/, ''));
    mkdirSync(folder);
    placeBundle(folder, { withTests });
    pack(folder, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { file, bytes: statSync(file).size, sha256: hashOf(file) };
}
