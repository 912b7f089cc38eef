/**
 * @file Python packages that read what we write, for tests alone: TensorBoard for event files, timm for weights. Tests that want one are
 * skipped where it is missing, so nothing here may fail, and nothing may take long.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, root, say } from './process.mjs';

/**
 * Without their dependencies: NumPy and PyTorch are the system's. What the first of each line needs beside those stands behind it.
 * The tests import them in the order of `PYTHONPATH` before the system's own.
 */
const packages = [
  ...['tensorboard==2.21.0', 'protobuf==7.36.2', 'absl-py==2.5.0'],
  ...[
    'timm==1.0.29',
    'safetensors==0.8.0',
    'huggingface_hub==2.0.0',
    'pyyaml==6.0.3',
    'requests==2.34.2',
    'tqdm==4.70.1',
  ],
  ...['filelock==4.0.8', 'fsspec==2026.9.0', 'packaging==26.3', 'typing_extensions==4.16.0'],
];
const folder = join(root, '.cache/python-readers');
const stamp = join(folder, 'installed.txt');
const longestMs = 30_000;

/** Puts the packages into `.cache/python-readers` where they are not there yet and can be had. @returns whether anything was done */
export function ensurePythonReaders() {
  const wanted = packages.join('\n');
  if (readIfPresent(stamp) === wanted) return false;
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--no-compile',
    '--disable-pip-version-check',
    '--retries=0',
    '--timeout=5',
  ];
  const { status } = spawnSync('/usr/bin/python3', [...pip, '--target', fresh, ...packages], {
    stdio: 'ignore',
    timeout: longestMs,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    say('no Python packages for the tests that read with them; those are skipped');
    return false;
  }
  writeFileSync(join(fresh, 'installed.txt'), wanted);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return true;
}
