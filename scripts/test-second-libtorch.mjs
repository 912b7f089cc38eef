#!/usr/bin/env node
/**
 * @file Makes the bundle, installs it from its archive against a libtorch 2.x, as a machine with nothing of ours would, and runs
 * the tests of packages/torch, and those of its loading and installation, on the addon that this built.
 *
 * Where the 2.x comes from: the folder in LIBTORCH2, else a CPU wheel that pip has at hand (its `find-links`; nothing is
 * downloaded from an index, whose wheels are gigabytes for CUDA), unpacked into `.cache/`.
 * Without one it says why and exits with status 0, for the project works with any one libtorch.
 */
import './lib/node-version.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildTag, findLibtorch } from '../packages/torch/scripts/libtorch.mjs';
import { archiveName } from './lib/bundle-archive.mjs';
import { readIfPresent, root, run, say, which } from './lib/process.mjs';
import { runTests, summaryLine } from './lib/run-tests.mjs';

const pipLimitMs = 240_000;

/** The folder of a PyTorch 2.x, or the reason why there is none. */
function secondLibtorch() {
  if (process.env.LIBTORCH2) return { folder: resolve(process.env.LIBTORCH2) };
  const target = join(root, '.cache/torch2');
  const folder = join(target, 'torch');
  if (!existsSync(join(folder, 'version.py'))) {
    if (which('python3') === null)
      return { reason: 'LIBTORCH2 is not set and there is no python3 to install a wheel with' };
    say('installing a PyTorch 2.x wheel into .cache/torch2');
    const where = ['--target', target, '--no-deps', '--only-binary', ':all:'];
    const quickly = ['--no-index', '--quiet', '--disable-pip-version-check'];
    const pip = spawnSync('python3', ['-m', 'pip', 'install', ...where, ...quickly, 'torch>=2,<3'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: pipLimitMs,
    });
    if (pip.status !== 0) {
      rmSync(target, { recursive: true, force: true });
      const last = pip.error?.message ?? pip.stderr.trim().split('\n').at(-1);
      return { reason: `LIBTORCH2 is not set and pip has no torch 2.x at hand: ${last}` };
    }
  }
  const version = readIfPresent(join(folder, 'version.py')) ?? '';
  if (!/^cuda\b[^=\n]*= None$/m.test(version)) {
    return { reason: 'the wheel that pip finds is built for CUDA, whose libraries are not installed with it' };
  }
  return { folder };
}

const { folder, reason } = secondLibtorch();
if (reason !== undefined) {
  process.stdout.write(`libtorch 2.x: skipped, ${reason}\n`);
  process.exit(0);
}
const { libtorch } = findLibtorch({ LIBTORCH: folder });
if (libtorch?.origin !== 'LIBTORCH') {
  say(`libtorch 2.x: ${folder} holds no usable libtorch`);
  process.exit(1);
}

const place = join(root, '.cache/bundle');
const archive = join(place, archiveName());
const unpacked = join(place, archiveName().replace(/\.tar\.gz$/, ''));

/** Unpacks the bundle in place of an earlier one, whose build stays: where its sources are the same it is up to date. */
function unpack() {
  const folders = ['torch', 'suave'].map((name) => [
    join(unpacked, 'packages', name, 'build'),
    join(place, `${name}-build`),
  ]);
  for (const [built, aside] of folders) {
    rmSync(aside, { recursive: true, force: true });
    if (existsSync(built)) renameSync(built, aside);
  }
  rmSync(unpacked, { recursive: true, force: true });
  run('tar', ['-xzf', archive, '-C', place]);
  for (const [built, aside] of folders) if (existsSync(aside)) renameSync(aside, built);
}

try {
  mkdirSync(place, { recursive: true });
  run(process.execPath, ['scripts/bundle.mjs', '--out', archive]);
  unpack();
  run('sh', [join(unpacked, 'install.sh'), '--libtorch', folder]);
} catch (error) {
  say(error.message);
  process.stdout.write(`\nlibtorch ${libtorch.version}: 0 passed, 1 failed (the bundle and its installation)\n`);
  process.exit(1);
}
const result = runTests(['packages/torch/', 'tests/setup/loader', ...process.argv.slice(2)], {
  SUAVE_TORCH_BUILD: join(unpacked, 'packages/torch/build', buildTag(libtorch)),
});
process.stdout.write(`\nlibtorch ${libtorch.version}: ${summaryLine(result)}\n`);
process.exitCode = result.ok ? 0 : 1;
