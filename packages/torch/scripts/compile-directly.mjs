#!/usr/bin/env node
/**
 * @file Compiles and links without CMake or make: a machine without a network often has a compiler and nothing else.
 *
 * The flags are those of native/CMakeLists.txt. Objects are not kept: each build is a whole one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What one compilation of a file with libtorch's headers takes at its peak. */
const bytesPerJob = 1.5 * 2 ** 30;
/** Included by every file; compiled once where there are many. Same as in native/CMakeLists.txt. */
const precompiled = ['ATen/ATen.h', 'ATen/core/dispatch/Dispatcher.h'];
const worthPrecompiling = 5;

/** The C++ compiler: `CXX`, else the first of c++, g++ and clang++ on the PATH; null when there is none. */
export function findCompiler(environment = process.env) {
  if (environment.CXX) return environment.CXX;
  for (const name of ['c++', 'g++', 'clang++']) {
    for (const folder of (environment.PATH ?? '').split(delimiter)) {
      if (folder === '') continue;
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // not in this folder
      }
    }
  }
  return null;
}

/** How many compilations the machine's processors and free memory allow at once. @param {number} processors */
export function jobsFor(processors) {
  let free = freemem();
  try {
    free = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024 || free;
  } catch {
    // not Linux
  }
  const limit = process.constrainedMemory?.() ?? 0; // of a container; 0 or a huge number without one
  const memory = limit > 0 ? Math.min(free, limit) : free;
  return Math.max(1, Math.min(processors, Math.floor(memory / bytesPerJob)));
}

/**
 * @typedef {object} Job
 * @property {string} work           folder for what is made; emptied first
 * @property {string} compiler
 * @property {string[]} launcher     words before the compiler, such as `ccache`
 * @property {string} name           of the module, e.g. `suave_torch`
 * @property {string} suffix         e.g. `.node`
 * @property {string[]} sources
 * @property {string[]} includes     folders of headers that are not ours
 * @property {string[]} definitions  `NAME=VALUE`
 * @property {string} standard       `17` or `20`
 * @property {string} libraries      libtorch's folder
 * @property {string} preload        source of `suave_preload.node`, '' for none
 * @property {number} jobs           compilations at a time
 */

/** Whether the compiler takes some arguments. @returns its complaint, '' for none */
function complaint({ compiler, work }, args, text) {
  const file = join(work, 'probe.cc');
  writeFileSync(file, text);
  const run = spawnSync(compiler, [...args, '-fsyntax-only', file], { encoding: 'utf8' });
  if (run.error) return `cannot be started (${run.error.message})`;
  return run.status === 0 ? '' : (run.stderr.split('\n').find((line) => /error/i.test(line)) ?? run.stderr).trim();
}

/** All commands of a job, and the file names of its products. @param {Job} job @param {{ openMp: boolean }} compiler */
export function commandsOf(job, { openMp }) {
  const { work, name, suffix, sources, libraries, preload } = job;
  const compile = [...job.launcher, job.compiler];
  const parallel = openMp ? ['-fopenmp'] : [];
  // The compiler's own folder must keep its place in the order of the search.
  const includes = job.includes.filter((folder) => folder !== '/usr/include').flatMap((folder) => ['-isystem', folder]);
  const common = [`-std=c++${job.standard}`, '-fPIC', '-fvisibility=hidden', '-DNDEBUG', '-DNAPI_VERSION=8', '-Wall'];
  const flags = [
    ...common,
    ...['-O3', '-ffp-contract=off', '-Wno-unused-function', ...parallel],
    ...job.definitions.map((definition) => `-D${definition}`),
    ...includes,
  ];
  const header = join(work, 'precompiled.h');
  const usesHeader = sources.length >= worthPrecompiling;
  const withHeader = usesHeader ? ['-Winvalid-pch', '-include', header] : [];
  const objectOf = (source) => join(work, `${basename(source)}.o`);
  const cuda = existsSync(join(libraries, 'libtorch_cuda.so'));
  const linked = [
    join(libraries, 'libc10.so'),
    join(libraries, 'libtorch_cpu.so'),
    // Kernels register themselves when the library is loaded; nothing refers to a symbol of it.
    ...(cuda
      ? [
          '-Wl,--no-as-needed',
          join(libraries, 'libtorch_cuda.so'),
          join(libraries, 'libc10_cuda.so'),
          '-Wl,--as-needed',
        ]
      : []),
    '-ldl',
  ];
  const link = [job.compiler, '-shared', '-fPIC', `-Wl,-rpath,${libraries}`, ...sources.map(objectOf)];
  // The longest first, so that none is left running alone at the end.
  const bySize = [...sources].sort((a, b) => statSync(b).size - statSync(a).size);
  const preloadFlags = [...common, '-O2', '-fno-exceptions', '-fno-rtti', ...includes, '-shared', '-Wl,--as-needed'];
  return {
    header: usesHeader ? { file: header, text: precompiled.map((file) => `#include <${file}>\n`).join('') } : null,
    precompile: usesHeader ? [job.compiler, ...flags, '-x', 'c++-header', header, '-o', `${header}.gch`] : null,
    compile: [
      ...bySize.map((source) => [...compile, ...flags, ...withHeader, '-c', source, '-o', objectOf(source)]),
      ...(preload === ''
        ? []
        : [[job.compiler, ...preloadFlags, preload, '-o', join(work, 'suave_preload.node'), '-ldl']]),
    ],
    link: [...link, '-o', join(work, name + suffix), ...linked, ...parallel],
  };
}

/** Runs one command; its words when it fails, null when it does not. */
function start([program, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      words += text;
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(null);
      const killed = signal === null ? '' : `${program} was ended by ${signal}; is the memory full? Use fewer jobs.\n`;
      resolve(`${killed}${words}` || `${program} ended with exit status ${status}`);
    });
  });
}

/** Runs commands, so many at a time, until all are done or one failed. @returns the words of that one, or null */
async function runAll(commands, jobs) {
  const waiting = [...commands];
  let failure = null;
  const worker = async () => {
    for (let command = waiting.shift(); command !== undefined && failure === null; command = waiting.shift()) {
      const words = await start(command);
      failure ??= words;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
  return failure;
}

/** Does a job. @param {Job} job @returns {Promise<string | null>} what went wrong */
async function build(job) {
  const { work, compiler, standard } = job;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const old = complaint(job, [`-std=c++${standard}`], 'int main() { return 0; }\n');
  if (old !== '') {
    const needs = `this libtorch's headers need C++${standard}: g++ ${standard === '20' ? 10 : 9} or newer. Set CXX to another compiler.`;
    return `${compiler}: ${old}; ${needs}`;
  }
  // at::parallel_for is a template: without OpenMP at this compilation it runs on one thread.
  const openMp =
    complaint(job, ['-fopenmp'], '#include <omp.h>\nint main() { return omp_get_max_threads(); }\n') === '';
  const commands = commandsOf(job, { openMp });
  if (commands.header !== null) {
    writeFileSync(commands.header.file, commands.header.text);
    const failure = await start(commands.precompile);
    if (failure !== null) return failure;
  }
  return (await runAll(commands.compile, job.jobs)) ?? (await start(commands.link));
}

/**
 * Does a job and waits for it; the compilations run beside each other in a process of their own.
 * @param {Job} job
 * @returns {string | null} what went wrong, in the compiler's words
 */
export function compileDirectly(job) {
  const run = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
    input: JSON.stringify(job),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 2],
    maxBuffer: 1 << 28,
  });
  if (run.error) return run.error.message;
  return run.status === 0 ? null : run.stdout.trim() || `the compilation ended with ${run.signal ?? run.status}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failure = await build(JSON.parse(readFileSync(0, 'utf8')));
  if (failure !== null) {
    process.stdout.write(`${failure}\n`);
    process.exitCode = 1;
  }
}
