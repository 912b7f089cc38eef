/** @file Finds the headers of CUDA's runtime that fit a libtorch: some of the addon's files need them. No dependencies. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The header that the files on CUDA include first. */
const runtimeHeader = 'cuda_runtime_api.h';
/** One that it needs, which CUDA 13 has in a wheel that PyTorch does not ask for, and a folder with one that takes its place. */
const wordsHeader = 'crt/host_defines.h';
const words = fileURLToPath(new URL('../native/cuda-words', import.meta.url));

/** Major version of the CUDA that a libtorch was built with, as its wheel or archive says it; undefined when neither does. */
function cudaMajor(root) {
  for (const [file, pattern] of [
    ['version.py', /^cuda\b[^=]*=\s*'(\d+)\./m],
    ['build-version', /\+cu(\d+)\d\b/],
  ]) {
    if (!existsSync(join(root, file))) continue;
    const found = pattern.exec(readFileSync(join(root, file), 'utf8'));
    if (found !== null) return Number(found[1]);
  }
  return undefined;
}

/**
 * Folders with all that is needed of those of one CUDA, and its major version; or the reason why they cannot be used.
 * @param {string[]} folders
 * @returns {{ includes: string[], major: number, reason?: undefined } | { includes?: undefined, major?: undefined, reason: string }}
 */
export function inspectCuda(folders) {
  const holder = (header) => folders.find((folder) => existsSync(join(folder, header)));
  const runtime = holder(runtimeHeader);
  if (runtime === undefined) return { reason: `${folders.join(', ')} has no ${runtimeHeader}` };
  const text = readFileSync(join(runtime, runtimeHeader), 'utf8');
  const version = Number(/#define\s+CUDART_VERSION\s+(\d+)/.exec(text)?.[1] ?? 0);
  const includes = holder(wordsHeader) === undefined ? [...folders, words] : folders;
  return { includes, major: Math.trunc(version / 1000) };
}

/** Where toolkits have their headers. */
function toolkits({ CUDA_HOME, CUDA_PATH, CONDA_PREFIX }) {
  const versions = existsSync('/usr/local') ? readdirSync('/usr/local').filter((name) => /^cuda-\d/.test(name)) : [];
  const homes = [CUDA_HOME, CUDA_PATH, '/usr/local/cuda', ...versions.sort().map((name) => join('/usr/local', name))];
  const folders = homes.filter(Boolean).map((home) => join(home, 'include'));
  return CONDA_PREFIX ? [...folders, join(CONDA_PREFIX, 'targets/x86_64-linux/include')] : folders;
}

/**
 * Include folders of CUDA's runtime for a libtorch: those of NVIDIA's wheels beside a wheel of torch, which hold what libtorch
 * loads, then a toolkit in `CUDA_HOME`, `CUDA_PATH`, /usr/local/cuda, /usr/local/cuda-VERSION or Conda's. Only headers of
 * libtorch's own major version fit: sizes of structures differ between them.
 * @param {string} root            folder of `include/` and `lib/`
 * @param {string} includeRoot     where libtorch's headers are
 * @param {NodeJS.ProcessEnv} environment
 * @returns {{ includes: string[], reason: string }}
 */
export function findCudaIncludes(root, includeRoot, environment) {
  if (!existsSync(join(includeRoot, 'c10/cuda/CUDAStream.h')))
    return { includes: [], reason: `${includeRoot} has no headers of libtorch's CUDA part` };
  const candidates = [];
  const wheels = join(dirname(root), 'nvidia');
  if (existsSync(wheels)) {
    // CUDA 12: one folder for each package; since CUDA 13 they share one.
    const folders = readdirSync(wheels)
      .sort()
      .map((name) => join(wheels, name, 'include'));
    const shared = folders.filter((folder) => /[/\\]cu\d+[/\\]include$/.test(folder) && existsSync(folder));
    for (const folder of shared) candidates.push([folder]);
    const single = ['cuda_runtime', 'cuda_crt']
      .map((name) => join(wheels, name, 'include'))
      .filter((path) => existsSync(path));
    if (single.length > 0) candidates.push(single);
  }
  for (const folder of toolkits(environment)) if (existsSync(folder)) candidates.push([folder]);

  const wanted = cudaMajor(root);
  const reasons = [];
  for (const folders of candidates) {
    const { includes, major, reason } = inspectCuda(folders);
    if (reason !== undefined) reasons.push(reason);
    else if (wanted !== undefined && major !== wanted)
      reasons.push(`${folders.join(', ')} is of CUDA ${major}, libtorch of CUDA ${wanted}`);
    else return { includes, reason: '' };
  }
  return { includes: [], reason: reasons.join('; ') || 'no headers of CUDA were found; CUDA_HOME can name a toolkit' };
}
