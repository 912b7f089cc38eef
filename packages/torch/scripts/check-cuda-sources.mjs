#!/usr/bin/env node
/**
 * @file Compiles the addon's files on CUDA without producing anything, so that a machine without a GPU, and with a libtorch that
 * has CUDA's part as headers only, can tell whether they fit.
 *
 *     node packages/torch/scripts/check-cuda-sources.mjs [--cuda-include DIR]… [FILE]…
 *
 * DIR holds `cuda_runtime_api.h`: the include folder of a toolkit, or of the unpacked wheel nvidia-cuda-runtime. Without DIR, the folders that the build itself would use. LIBTORCH names the libtorch.
 * Exit status: 0 all fit, or nothing to check with (it says why); 1 a file does not; 2 wrong usage.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cxxStandard } from './build-native.mjs';
import { findCudaIncludes, inspectCuda } from './cuda-headers.mjs';
import { findLibtorch } from './libtorch.mjs';

const native = join(dirname(fileURLToPath(import.meta.url)), '..', 'native');
const log = (line) => process.stdout.write(`${line}\n`);

/** Files that include headers of CUDA; all others are compiled by every build. */
function cudaSources() {
  return readdirSync(native).filter((name) => /^cuda_.*\.cc$/.test(name));
}

function main() {
  let options;
  try {
    options = parseArgs({ allowPositionals: true, options: { 'cuda-include': { type: 'string', multiple: true } } });
  } catch (error) {
    log(`${error.message} Usage: check-cuda-sources.mjs [--cuda-include DIR]… [FILE]…`);
    return 2;
  }
  const given = (options.values['cuda-include'] ?? []).map((folder) => resolve(folder));
  const files = options.positionals.length > 0 ? options.positionals : cudaSources();
  const complete = given.length > 0 ? inspectCuda(given) : { includes: [] };
  if (complete.reason !== undefined) {
    log(`skipped: ${complete.reason}`);
    return 0;
  }
  const { libtorch } = findLibtorch();
  if (libtorch === null) {
    log('skipped: no libtorch was found');
    return 0;
  }
  const includeRoot = libtorch.includes[0];
  const found =
    given.length > 0
      ? { includes: complete.includes, reason: '' }
      : findCudaIncludes(dirname(libtorch.libraries), includeRoot, process.env);
  if (found.reason !== '') {
    log(`skipped: ${found.reason}. Give --cuda-include DIR.`);
    return 0;
  }

  const stub = mkdtempSync(join(tmpdir(), 'suave-cuda-'));
  try {
    // A header that builds of libtorch with CUDA write; those without it have everything else.
    mkdirSync(join(stub, 'c10/cuda/impl'), { recursive: true });
    writeFileSync(join(stub, 'c10/cuda/impl/cuda_cmake_macros.h'), '#pragma once\n');
    const includes = [
      ...libtorch.includes,
      ...found.includes,
      createRequire(import.meta.url)('node-api-headers').include_dir,
    ];
    const args = [
      `-std=c++${cxxStandard(libtorch.version)}`,
      '-fsyntax-only',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wno-unused-function',
      '-Wno-unused-parameter',
      '-DSUAVE_HAS_CUDA=1',
      '-DNAPI_VERSION=8',
      `-D_GLIBCXX_USE_CXX11_ABI=${libtorch.abi}`,
      // The compiler's own folder must keep its place in the order.
      ...includes.filter((folder) => folder !== '/usr/include').flatMap((folder) => ['-isystem', folder]),
      ...(existsSync(join(includeRoot, 'c10/cuda/impl/cuda_cmake_macros.h')) ? [] : ['-isystem', stub]),
    ];
    let failed = 0;
    for (const file of files) {
      const run = spawnSync(process.env.CXX ?? 'c++', [...args, join(native, file)], { encoding: 'utf8' });
      if (run.error) {
        log(`skipped: no C++ compiler can be started (${run.error.message})`);
        return 0;
      }
      if (run.status !== 0) failed++;
      log(`${run.status === 0 ? 'fits' : 'does not fit'}: ${file}, libtorch ${libtorch.version}`);
      if (run.status !== 0) log(run.stderr.trimEnd());
    }
    return failed === 0 ? 0 : 1;
  } finally {
    rmSync(stub, { recursive: true });
  }
}

process.exitCode = main();
