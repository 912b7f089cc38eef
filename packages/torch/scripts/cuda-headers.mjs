/** @file Finds the headers of CUDA's runtime that fit a libtorch: some of the addon's files need them. No dependencies. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Headers that the files on CUDA include first, and one that they need, which newer wheels have in a package of its own. */
const cudaHeaders = ['cuda_runtime_api.h', 'crt/host_defines.h'];

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

/** Major version of the CUDA whose headers lie in some folders together, or the reason why they cannot be used. */
function inspectCuda(folders) {
  for (const header of cudaHeaders) {
    if (!folders.some((folder) => existsSync(join(folder, header))))
      return { reason: `${folders.join(', ')} has no ${header}` };
  }
  const header = folders.map((folder) => join(folder, cudaHeaders[0])).find((path) => existsSync(path));
  const version = Number(/#define\s+CUDART_VERSION\s+(\d+)/.exec(readFileSync(header, 'utf8'))?.[1] ?? 0);
  return { major: Math.trunc(version / 1000) };
}

/**
 * Include folders of CUDA's runtime for a libtorch: those of NVIDIA's wheels beside a wheel of torch, which hold what libtorch
 * loads, then a toolkit in `CUDA_HOME`, `CUDA_PATH` or /usr/local/cuda. Only headers of libtorch's own major version fit: sizes
 * of structures differ between them.
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
  for (const home of [environment.CUDA_HOME, environment.CUDA_PATH, '/usr/local/cuda'])
    if (home && existsSync(join(home, 'include'))) candidates.push([join(home, 'include')]);

  const wanted = cudaMajor(root);
  const reasons = [];
  for (const folders of candidates) {
    const { major, reason } = inspectCuda(folders);
    if (reason !== undefined) reasons.push(reason);
    else if (wanted !== undefined && major !== wanted)
      reasons.push(`${folders.join(', ')} is of CUDA ${major}, libtorch of CUDA ${wanted}`);
    else return { includes: folders, reason: '' };
  }
  return { includes: [], reason: reasons.join('; ') || 'no headers of CUDA were found; CUDA_HOME can name a toolkit' };
}
