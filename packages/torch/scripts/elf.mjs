/** @file What a shared library asks of the machine that loads it, by `readelf`, which comes with every compiler. */
import { spawnSync } from 'node:child_process';

function readelf(option, file) {
  const run = spawnSync('readelf', ['--wide', option, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 26,
  });
  return run.status === 0 ? run.stdout : '';
}

/** The libtorch libraries that a file is linked to, by SONAME, c10 first. @param {string} file @returns {string[]} */
export function libtorchNeeds(file) {
  const names = [...readelf('--dynamic', file).matchAll(/\(NEEDED\).*\[(lib(?:c10|torch)[^\]]*)\]/g)].map(
    ([, name]) => name,
  );
  const rank = (name) => ['libc10.', 'libtorch_cpu.', 'libc10_cuda.'].findIndex((start) => name.startsWith(start));
  return names.sort((a, b) => ((rank(a) + 4) % 4) - ((rank(b) + 4) % 4));
}

/** The run paths of a file. @param {string} file @returns {string[]} */
export function runPaths(file) {
  return [...readelf('--dynamic', file).matchAll(/\((?:RUNPATH|RPATH)\).*\[([^\]]*)\]/g)].map(([, path]) => path);
}

/** The greatest version of a versioned set of symbols (`GLIBC`, `GLIBCXX`) that a file needs; '' for none. */
export function greatestVersion(file, set) {
  const versions = [...readelf('--version-info', file).matchAll(new RegExp(`Name: ${set}_(\\d+(?:\\.\\d+)+)`, 'g'))];
  return (
    versions
      .map(([, version]) => version)
      .sort(compareVersions)
      .at(-1) ?? ''
  );
}

/** Orders `2.9` before `2.34`. @param {string} a @param {string} b */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); ++i) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
