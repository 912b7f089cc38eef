#!/usr/bin/env node
/**
 * @file Builds the addon, and libraries of custom operators, against the libtorch found; does nothing when they are up to date.
 *
 *     npx suave-torch build [--keep-current] [--cache]
 *
 * A binary lies in `build/<libtorch version>/` with a stamp: a hash of its sources, its settings and the libtorch. Where the
 * package's folder cannot be written to, and with `--cache`, builds lie in the cache folder (see cache-folder.mjs).
 * `build.json` beside the addon says what it fits; `build/current.json` names the build that is loaded, and
 * `--keep-current` leaves it as it is. CMake is used where it is there; without it the compiler is called directly.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
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
import { BuildError, buildWithCmake, buildWithCompiler, hasCmake, textOf } from './build-module.mjs';
import { cachedBuildRoot } from './cache-folder.mjs';
import { jobsFor } from './compile-directly.mjs';
import { libtorchNeeds } from './elf.mjs';
import { buildTag, findLibtorch } from './libtorch.mjs';

export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
export const packageVersion = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version;
const require = createRequire(import.meta.url);

export { BuildError };

function sourcesIn(folder) {
  const names = readdirSync(folder).sort();
  return {
    sources: names.filter((name) => /\.(cc|cpp)$/.test(name)).map((name) => join(folder, name)),
    all: names.filter((name) => /\.(cc|cpp|h)$/.test(name)).map((name) => join(folder, name)),
  };
}

/** Does not depend on where the package lies: a folder that was moved or copied with its build is still up to date. */
function stampOf(files, settings, libtorch) {
  const here = JSON.stringify([settings, libtorch.identity]).replaceAll(join(packageRoot, '../..'), '');
  const hash = createHash('sha256').update(here);
  for (const file of files) hash.update(basename(file)).update(readFileSync(file));
  return hash.digest('hex');
}

/** The C++ standard that the headers of a libtorch need. */
export function cxxStandard(version) {
  const [major, minor] = version.split('.').map(Number);
  return major === 2 && minor >= 10 ? '20' : '17';
}

/**
 * Compiles one folder of C++ sources into `<buildRoot>/<tag>/<name><suffix>`.
 * @param {{ folder: string, buildRoot: string, name: string, suffix: string, libtorch: import('./libtorch.mjs').Libtorch,
 *   includes?: string[], definitions?: string[], preload?: string, jobs?: number, useCmake?: boolean,
 *   log: (line: string) => void }} options
 *   `preload`: source of the addon `suave_preload.node`, which is built beside it; `jobs`: compilations at a time, as many as
 *   the processors and the free memory allow unless said; `useCmake`: where there is one, unless said
 * @returns {boolean} whether anything had to be built
 * @throws BuildError with the compiler's words
 */
export function buildNative(options) {
  const { folder, buildRoot, name, suffix, libtorch, includes = [], definitions = [], preload = '', log } = options;
  const { jobs = jobsFor(availableParallelism()), useCmake } = options;
  const target = join(buildRoot, buildTag(libtorch));
  const { sources, all } = sourcesIn(folder);
  const cmakeFolder = join(packageRoot, 'native');
  const settings = {
    TARGET_NAME: name,
    TARGET_SUFFIX: suffix,
    SOURCES: sources.join(';'),
    TORCH_INCLUDES: [...libtorch.includes, ...includes].join(';'),
    TORCH_LIBRARY_DIR: libtorch.libraries,
    TORCH_ABI: String(libtorch.abi),
    TORCH_STANDARD: cxxStandard(libtorch.version),
    EXTRA_DEFINITIONS: definitions.join(';'),
    ...(preload === '' ? {} : { PRELOAD_SOURCE: preload }),
  };
  const results = [name + suffix, ...(preload === '' ? [] : ['suave_preload.node'])];
  const inputs = [...all, join(cmakeFolder, 'CMakeLists.txt'), ...(preload === '' ? [] : [preload])];
  const stamp = stampOf(inputs, settings, libtorch);
  const stampFile = join(target, `${name}.stamp`);
  if (results.every((file) => existsSync(join(target, file))) && textOf(stampFile) === stamp) return false;

  log(
    `building ${name} against libtorch ${libtorch.version} (${libtorch.origin}: ${libtorch.libraries}); a few minutes the first time`,
  );
  const withCmake = useCmake ?? hasCmake();
  const work = join(target, `${name}-${withCmake ? 'cmake' : 'objects'}`);
  const build = withCmake ? buildWithCmake : buildWithCompiler;
  build({ work, name, suffix, jobs, settings, cmakeFolder });
  checkLibraries(join(work, name + suffix), libtorch);
  rmSync(stampFile, { force: true });
  for (const file of results) renameSync(join(work, file), join(target, file));
  if (!withCmake) rmSync(work, { recursive: true });
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

/** Writes a file unless it has this text already. */
function writeIfOther(file, text) {
  if (textOf(file) !== text) writeFileSync(file, text);
}

/** The folder for builds: the package's own where it can be written to, else the cache. */
function chooseBuildRoot(cache, log) {
  const own = join(packageRoot, 'build');
  const cached = cachedBuildRoot(packageVersion);
  if (!cache) {
    try {
      accessSync(existsSync(own) ? own : packageRoot, constants.W_OK);
      return own;
    } catch (error) {
      log(`${own} cannot be written to (${error.code}): building in ${cached}`);
    }
  }
  try {
    mkdirSync(cached, { recursive: true });
    accessSync(cached, constants.W_OK);
  } catch (error) {
    throw new BuildError(
      `${cached}: cannot be written to (${error.code}). Set XDG_CACHE_HOME to a folder of yours, at this build and when the program runs.`,
    );
  }
  return cached;
}

/**
 * Builds the addon against a libtorch and writes beside it, in `build.json`, what it fits.
 * @param {import('./libtorch.mjs').Libtorch} libtorch
 * @param {{ buildRoot?: string, jobs?: number, useCmake?: boolean, log: (line: string) => void }} options  as for `buildNative`
 * @returns {{ built: boolean, folder: string }} whether anything had to be built, and the folder of the binaries
 * @throws BuildError
 */
export function buildAddon(libtorch, { buildRoot = join(packageRoot, 'build'), jobs, useCmake, log }) {
  const withGloo = ['SUAVE_HAS_GLOO=1', 'USE_C10D_GLOO=1', 'USE_DISTRIBUTED=1', 'USE_C10D=1'];
  const hasCudaHeaders = libtorch.cudaIncludes.length > 0;
  if (libtorch.cuda && !hasCudaHeaders)
    log(`without some parts of CUDA (cuda.features() lists them): ${libtorch.cudaReason}`);
  const built = buildNative({
    folder: join(packageRoot, 'native'),
    buildRoot,
    name: 'suave_torch',
    suffix: '.node',
    libtorch,
    includes: [require('node-api-headers').include_dir, ...libtorch.gloo, ...libtorch.cudaIncludes],
    definitions: [
      ...(libtorch.gloo.length > 0 ? withGloo : ['SUAVE_HAS_GLOO=0']),
      `SUAVE_HAS_CUDA=${hasCudaHeaders ? 1 : 0}`,
    ],
    preload: join(packageRoot, 'native/preload/preload.cc'),
    jobs,
    useCmake,
    log,
  });
  const { version, abi, cuda, libraries } = libtorch;
  const folder = join(buildRoot, buildTag(libtorch));
  const file = join(folder, 'build.json');
  if (built || !existsSync(file)) {
    const needs = libtorchNeeds(join(folder, 'suave_torch.node'));
    const facts = { version, abi, cuda, needs, platform: process.platform, arch: process.arch, libraries };
    writeIfOther(file, `${JSON.stringify(facts, null, 2)}\n`);
  }
  return { built, folder };
}

/** Makes a libtorch the one whose addon is loaded. */
function makeCurrent({ version, origin, libraries, ...libtorch }, buildRoot) {
  const record = { tag: buildTag({ version, ...libtorch }), version, origin, libraries };
  writeIfOther(join(buildRoot, 'current.json'), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Builds everything the workspace needs: the addon, and Suave's own operators where that package lies beside this one.
 * @param {{ libtorch: import('./libtorch.mjs').Libtorch, log: (line: string) => void, current?: boolean, cache?: boolean,
 *   jobs?: number, useCmake?: boolean }} options
 *   `current`: the build is the one that is loaded from now on; `cache`: it lies in the cache folder, not in the package's;
 *   `jobs`, `useCmake`: as for `buildNative`
 * @returns {boolean} whether anything had to be built
 * @throws BuildError
 */
export function buildAll({ libtorch, log, current = true, cache = false, jobs, useCmake }) {
  const buildRoot = chooseBuildRoot(cache, log);
  let { built } = buildAddon(libtorch, { buildRoot, jobs, useCmake, log });
  const suave = join(packageRoot, '../suave');
  if (existsSync(join(suave, 'native'))) {
    const folder = join(suave, 'native');
    const operators = { folder, buildRoot: join(suave, 'build'), name: 'libsuave_ops', suffix: '.so' };
    if (sourcesIn(folder).sources.length > 0)
      built = buildNative({ ...operators, libtorch, jobs, useCmake, log }) || built;
  }
  if (current) makeCurrent(libtorch, buildRoot);
  return built;
}

/** What to install where no libtorch is found. */
export const howToGetLibtorch =
  'Install it (Debian: apt-get install libtorch-dev libopenblas0-pthread libgloo-dev), or a PyTorch wheel for python3, or set ' +
  'LIBTORCH to an unpacked libtorch.';

/**
 * `suave-torch build`: finds a libtorch, builds the addon against it; says on standard error what it does.
 * @param {string[]} args  `--keep-current`, `--cache`
 * @returns {number} the exit status: 0 done, 1 failed, 2 wrong usage
 */
export function buildCommand(args) {
  const log = (line) => process.stderr.write(`${line}\n`);
  const unknown = args.find((argument) => !['--keep-current', '--cache'].includes(argument));
  if (unknown !== undefined) {
    log(`suave-torch build: unknown argument ${unknown}. Usage: suave-torch build [--keep-current] [--cache]`);
    return 2;
  }
  try {
    const { libtorch, passedOver } = findLibtorch();
    for (const reason of passedOver) log(`passed over ${reason}`);
    if (libtorch === null) throw new BuildError(`libtorch: none found. ${howToGetLibtorch}`);
    buildAll({ libtorch, log, current: !args.includes('--keep-current'), cache: args.includes('--cache') });
    log(`addon ready: ${buildTag(libtorch)} (libtorch ${libtorch.version}, ${libtorch.libraries})`);
    return 0;
  } catch (error) {
    log(error instanceof BuildError ? error.message : error.stack);
    return 1;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = buildCommand(process.argv.slice(2));
}
