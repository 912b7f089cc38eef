/** @file The two ways to build a module of C++: with CMake, and with the compiler alone. Both leave it in a working folder. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compileDirectly, findCompiler } from './compile-directly.mjs';

/** A build that cannot be done, in words for a person. */
export class BuildError extends Error {
  name = 'BuildError';
}

/**
 * @typedef {object} Module
 * @property {string} work         folder for what is made
 * @property {string} name         e.g. `suave_torch`
 * @property {string} suffix       e.g. `.node`
 * @property {number} jobs         compilations at a time
 * @property {Record<string, string>} settings  variables of CMakeLists.txt
 * @property {string} cmakeFolder  of CMakeLists.txt
 */

/** The text of a file, '' without one. */
export function textOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A failed build, with the lines of the output that tell most. */
function failure(what, output) {
  const lines = output.split('\n');
  const errors = lines.filter((line) => /\berror\b/i.test(line)).slice(0, 10);
  return new BuildError(
    [`${what} failed:`, ...errors, ...(lines.length > 30 ? ['…'] : []), ...lines.slice(-30)].join('\n'),
  );
}

function cmake(what, name, args) {
  const run = spawnSync('cmake', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
  if (run.error) throw new BuildError(`cmake: cannot be started (${run.error.message}).`);
  if (run.status !== 0) throw failure(`cmake: the ${what} of ${name}`, `${run.stdout}\n${run.stderr}`);
}

/** Whether there is a CMake, and what it builds with. */
export function hasCmake() {
  const starts = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
  return starts('cmake') && (process.env.CMAKE_GENERATOR !== undefined || starts('make'));
}

/**
 * Builds with CMake in `work`, which is kept: the next build compiles only what changed.
 * @param {Module} module
 * @throws BuildError
 */
export function buildWithCmake({ work, name, jobs, settings, cmakeFolder }) {
  // A build folder that was moved or copied names files that are elsewhere now.
  if (existsSync(work) && !textOf(join(work, 'CMakeCache.txt')).includes(`CMAKE_CACHEFILE_DIR:INTERNAL=${work}\n`)) {
    rmSync(work, { recursive: true });
  }
  mkdirSync(work, { recursive: true });
  const definitions = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  cmake('configuration', name, ['-S', cmakeFolder, '-B', work, ...definitions]);
  cmake('compilation', name, ['--build', work, '--parallel', String(jobs)]);
}

/**
 * Builds in `work` with the compiler alone.
 * @param {Module} module
 * @throws BuildError
 */
export function buildWithCompiler({ work, name, suffix, jobs, settings }) {
  const compiler = findCompiler();
  if (compiler === null) {
    throw new BuildError(
      'there is no C++ compiler: none of c++, g++ and clang++ is on the PATH. Install one (Debian: apt-get install g++) or set CXX.',
    );
  }
  const words = compileDirectly({
    work,
    compiler,
    launcher: process.env.CMAKE_CXX_COMPILER_LAUNCHER ? [process.env.CMAKE_CXX_COMPILER_LAUNCHER] : [],
    name,
    suffix,
    sources: settings.SOURCES.split(';'),
    includes: settings.TORCH_INCLUDES.split(';'),
    definitions: [
      `_GLIBCXX_USE_CXX11_ABI=${settings.TORCH_ABI}`,
      ...settings.EXTRA_DEFINITIONS.split(';').filter((definition) => definition !== ''),
    ],
    standard: settings.TORCH_STANDARD,
    libraries: settings.TORCH_LIBRARY_DIR,
    preload: settings.PRELOAD_SOURCE ?? '',
    jobs,
  });
  if (words !== null) throw failure(`${compiler}: the compilation of ${name}`, words);
}
