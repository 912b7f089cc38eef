#!/usr/bin/env node
/**
 * @file Builds the addon, and libraries of custom operators, against the libtorch found; does nothing when they are up to date.
 *
 *     node packages/torch/scripts/build-native.mjs [--keep-current]
 *
 * A binary lies in `build/<libtorch version>/` with a stamp: a hash of its sources, its settings and the libtorch.
 * `build/current.json` names the libtorch that is loaded; `--keep-current` leaves it as it is.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildTag, findLibtorch } from './libtorch.mjs';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

/** A build that cannot be done, in words for a person. */
export class BuildError extends Error {
  name = 'BuildError';
}

/** The text of a file, '' without one. */
function textOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function sourcesIn(folder) {
  const names = readdirSync(folder).sort();
  return {
    sources: names.filter((name) => /\.(cc|cpp)$/.test(name)).map((name) => join(folder, name)),
    all: names.filter((name) => /\.(cc|cpp|h)$/.test(name)).map((name) => join(folder, name)),
  };
}

function stampOf(files, settings, libtorch) {
  const hash = createHash('sha256').update(JSON.stringify([settings, libtorch.identity]));
  for (const file of files) hash.update(basename(file)).update(readFileSync(file));
  return hash.digest('hex');
}

function cmake(what, name, args) {
  const run = spawnSync('cmake', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
  if (run.error)
    throw new BuildError(`cmake: cannot be started (${run.error.message}). Install cmake and a C++ compiler.`);
  if (run.status === 0) return;
  const output = `${run.stdout}\n${run.stderr}`.split('\n');
  const errors = output.filter((line) => /\berror\b/i.test(line)).slice(0, 10);
  throw new BuildError([`cmake: the ${what} of ${name} failed:`, ...errors, '…', ...output.slice(-30)].join('\n'));
}

/**
 * Compiles one folder of C++ sources into `<buildRoot>/<tag>/<name><suffix>`.
 * @param {{ folder: string, buildRoot: string, name: string, suffix: string, libtorch: import('./libtorch.mjs').Libtorch,
 *   includes?: string[], definitions?: string[], log: (line: string) => void }} options
 * @returns {boolean} whether anything had to be built
 * @throws BuildError with the compiler's words
 */
export function buildNative({ folder, buildRoot, name, suffix, libtorch, includes = [], definitions = [], log }) {
  const target = join(buildRoot, buildTag(libtorch));
  const binary = join(target, name + suffix);
  const { sources, all } = sourcesIn(folder);
  const cmakeFolder = join(packageRoot, 'native');
  const [major, minor] = libtorch.version.split('.').map(Number);
  const settings = {
    TARGET_NAME: name,
    TARGET_SUFFIX: suffix,
    SOURCES: sources.join(';'),
    TORCH_INCLUDES: [...libtorch.includes, ...includes].join(';'),
    TORCH_LIBRARY_DIR: libtorch.libraries,
    TORCH_ABI: String(libtorch.abi),
    TORCH_STANDARD: major === 2 && minor >= 10 ? '20' : '17',
    EXTRA_DEFINITIONS: definitions.join(';'),
  };
  const stamp = stampOf([...all, join(cmakeFolder, 'CMakeLists.txt')], settings, libtorch);
  const stampFile = join(target, `${name}.stamp`);
  if (existsSync(binary) && textOf(stampFile) === stamp) return false;

  log(
    `building ${name} against libtorch ${libtorch.version} (${libtorch.origin}: ${libtorch.libraries}); a few minutes the first time`,
  );
  const work = join(target, `${name}-cmake`);
  // A build folder that was moved or copied names files that are elsewhere now.
  if (existsSync(work) && !textOf(join(work, 'CMakeCache.txt')).includes(`CMAKE_CACHEFILE_DIR:INTERNAL=${work}\n`)) {
    rmSync(work, { recursive: true });
  }
  mkdirSync(work, { recursive: true });
  const definitionsFor = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  cmake('configuration', name, ['-S', cmakeFolder, '-B', work, ...definitionsFor]);
  cmake('compilation', name, ['--build', work, '--parallel', String(Math.min(4, availableParallelism()))]);
  checkLibraries(join(work, name + suffix), libtorch);
  renameSync(join(work, name + suffix), binary);
  writeFileSync(stampFile, stamp);
  return true;
}

/** Two libtorches in one process abort it: c10 and torch must both come from the folder that was asked for. */
function checkLibraries(binary, libtorch) {
  const listing = spawnSync('ldd', [binary], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (listing.status !== 0) return; // no ldd here: the loader will say what is missing
  const wanted = realpathSync(libtorch.libraries);
  for (const [, library, path] of listing.stdout.matchAll(/(lib(?:c10|torch)(?:_cpu|_cuda)?\.so\S*) => (\S+)/g)) {
    if (existsSync(path) && dirname(realpathSync(path)) === wanted) continue;
    rmSync(binary);
    throw new BuildError(
      `${library} would come from ${path}, not from ${wanted}: two versions of libtorch are mixed. Check LD_LIBRARY_PATH.`,
    );
  }
}

/** Builds the addon against a libtorch; returns whether anything had to be built. */
function buildAddon(libtorch, log) {
  const withGloo = ['SUAVE_HAS_GLOO=1', 'USE_C10D_GLOO=1', 'USE_DISTRIBUTED=1', 'USE_C10D=1'];
  return buildNative({
    folder: join(packageRoot, 'native'),
    buildRoot: join(packageRoot, 'build'),
    name: 'suave_torch',
    suffix: '.node',
    libtorch,
    includes: [require('node-api-headers').include_dir, ...libtorch.gloo],
    definitions: libtorch.gloo.length > 0 ? withGloo : ['SUAVE_HAS_GLOO=0'],
    log,
  });
}

/** Makes a libtorch the one whose addon is loaded. */
function makeCurrent({ version, origin, libraries, ...libtorch }) {
  const record = { tag: buildTag({ version, ...libtorch }), version, origin, libraries };
  const file = join(packageRoot, 'build/current.json');
  const text = `${JSON.stringify(record, null, 2)}\n`;
  if (textOf(file) !== text) writeFileSync(file, text);
}

/**
 * Builds everything the workspace needs: the addon, and Suave's own operators where that package lies beside this one.
 * @param {{ libtorch: import('./libtorch.mjs').Libtorch, log: (line: string) => void, current?: boolean }} options
 * @returns {boolean} whether anything had to be built
 * @throws BuildError
 */
export function buildAll({ libtorch, log, current = true }) {
  let built = buildAddon(libtorch, log);
  const suave = join(packageRoot, '../suave');
  if (existsSync(join(suave, 'native'))) {
    const folder = join(suave, 'native');
    const operators = { folder, buildRoot: join(suave, 'build'), name: 'libsuave_ops', suffix: '.so' };
    if (sourcesIn(folder).sources.length > 0) built = buildNative({ ...operators, libtorch, log }) || built;
  }
  if (current) makeCurrent(libtorch);
  return built;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const log = (line) => process.stderr.write(`${line}\n`);
  try {
    const { libtorch, passedOver } = findLibtorch();
    for (const reason of passedOver) log(`passed over ${reason}`);
    if (libtorch === null) {
      throw new BuildError(
        'libtorch: none found. Install it (apt-get install libtorch-dev libopenblas0-pthread libgloo-dev), or a PyTorch wheel ' +
          'for python3, or set LIBTORCH to an unpacked libtorch.',
      );
    }
    buildAll({ libtorch, log, current: !process.argv.includes('--keep-current') });
    log(`addon ready: ${buildTag(libtorch)}`);
  } catch (error) {
    log(error instanceof BuildError ? error.message : error.stack);
    process.exitCode = 1;
  }
}
