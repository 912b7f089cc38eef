/**
 * @file Finds libtorch: `LIBTORCH`, then the `torch` of `python3` on the PATH, then the system's package; to build against, or
 * to run a prebuilt addon with. Needs no dependencies, so that set-up can use it on a bare clone.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { findCudaIncludes } from './cuda-headers.mjs';
import { pythonTorch } from './python-torch.mjs';

/**
 * @typedef {object} Candidate
 * @property {'LIBTORCH' | 'python3' | 'system'} origin  where it was found
 * @property {string} include      its folder of headers; need not exist
 * @property {string} libraries    the one folder of libc10 and libtorch_cpu
 */

/**
 * What is known of a libtorch without its headers: enough to run.
 * @typedef {object} Runtime
 * @property {'LIBTORCH' | 'python3' | 'system'} origin
 * @property {string} version      e.g. `1.13.1`
 * @property {string} libraries    the one folder of libc10 and libtorch_cpu
 * @property {0|1} abi             `_GLIBCXX_USE_CXX11_ABI`
 * @property {boolean} cuda        libtorch_cuda is there
 */

/**
 * @typedef {object} Libtorch
 * @property {'LIBTORCH' | 'python3' | 'system'} origin  where it was found
 * @property {string} version      e.g. `1.13.1`
 * @property {string[]} includes   include folders
 * @property {string} libraries    the one folder of libc10 and libtorch_cpu
 * @property {0|1} abi             `_GLIBCXX_USE_CXX11_ABI`
 * @property {boolean} cuda        libtorch_cuda is there
 * @property {string[]} cudaIncludes  include folders of CUDA's runtime of libtorch's major version; empty without CUDA or headers
 * @property {string} cudaReason   why `cudaIncludes` is empty, '' otherwise
 * @property {string[]} gloo       extra include folders for ProcessGroupGloo, empty when its headers are missing
 * @property {string} identity     changes when another build of libtorch takes its place
 */

const versionHeaders = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'];

/** The file of a library in a folder: `<stem>.so`, which development packages have, else `<stem>.so.<version>`; or null. */
function libraryFile(folder, stem) {
  const plain = join(folder, `${stem}.so`);
  if (existsSync(plain)) return plain;
  try {
    const name = readdirSync(folder).find((entry) => entry.startsWith(`${stem}.so.`));
    return name === undefined ? null : join(folder, name);
  } catch {
    return null;
  }
}

/** The system's folders of libraries. */
function systemFolders() {
  const folders = ['/usr/local/lib', '/usr/lib', '/usr/lib64'];
  try {
    for (const entry of readdirSync('/usr/lib'))
      if (entry.includes('-linux-')) folders.unshift(join('/usr/lib', entry));
  } catch {
    // not a Linux layout: the fixed folders are all there is
  }
  return [...new Set(folders.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder)))];
}

/** The text of a file, '' without one. */
function textOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** The version by its header, a wheel's or an archive's note of it, or the name of the library; null when none tells. */
function versionOf({ include, libraries }) {
  const header = versionHeaders.map((path) => textOf(join(include, path))).find((text) => text !== '') ?? '';
  const library = libraryFile(libraries, 'libtorch_cpu');
  const said =
    /TORCH_VERSION\b[\s\\]*"([^"]+)"/.exec(header)?.[1] ??
    /^__version__ = ['"]([^'"]+)/m.exec(textOf(join(libraries, '../version.py')))?.[1] ??
    /^\d+\.\d+\S*/.exec(textOf(join(libraries, '../build-version')))?.[0] ??
    (library === null ? undefined : /\.so\.(\d+\.\d+[\d.]*)$/.exec(basename(realpathSync(library)))?.[1]);
  return said?.replace(/\+.*$/, '') ?? null;
}

function supported(version) {
  const [major, minor] = version.split('.').map(Number);
  return (major === 1 && minor >= 13) || major === 2;
}

/**
 * Looks at the libraries of a candidate: the libtorch, or the reason why it cannot be used.
 * @param {Candidate} candidate
 * @returns {{ libtorch: Runtime, reason?: undefined } | { libtorch?: undefined, reason: string }}
 */
export function inspectRuntime(candidate) {
  const { origin, libraries } = candidate;
  const files = ['libtorch_cpu', 'libc10'].map((stem) => [stem, libraryFile(libraries, stem)]);
  for (const [stem, file] of files) if (file === null) return { reason: `${libraries} has no ${stem}.so` };
  const version = versionOf(candidate);
  if (version === null) return { reason: `${libraries} does not tell the version of its libtorch` };
  if (!supported(version)) return { reason: `version ${version} is not one of 1.13 to 2.x` };
  const c10 = readFileSync(realpathSync(files[1][1])).toString('latin1');
  const abi = c10.includes('torchCheckFailEPKcS2_jRKNSt7__cxx11') ? 1 : 0;
  return { libtorch: { origin, version, libraries, abi, cuda: libraryFile(libraries, 'libtorch_cuda') !== null } };
}

/** Adds what building needs; returns the libtorch or the reason why it is none. */
function inspectForBuild(candidate, environment) {
  const { include, libraries } = candidate;
  for (const stem of ['libtorch_cpu', 'libc10']) {
    if (existsSync(join(libraries, `${stem}.so`))) continue;
    const bare = libraryFile(libraries, stem) === null ? '' : ' (the library is there, what building needs is not)';
    return { reason: `${libraries} has no ${stem}.so${bare}` };
  }
  const header = versionHeaders.some((path) => existsSync(join(include, path)));
  if (!header || !existsSync(join(include, 'ATen/core/dispatch/Dispatcher.h')))
    return { reason: `${include} has no libtorch headers` };
  const { libtorch, reason } = inspectRuntime(candidate);
  if (libtorch === undefined) return { reason };

  const cpu = realpathSync(join(libraries, 'libtorch_cpu.so'));
  const { size, mtimeMs } = statSync(cpu);
  const c10d = join(include, 'torch/csrc/distributed/c10d/ProcessGroupGloo.hpp');
  const glooRoot = [include, '/usr/include'].find((root) => existsSync(join(root, 'gloo/transport/tcp/device.h')));
  const cuda = libtorch.cuda
    ? findCudaIncludes(dirname(libraries), include, environment)
    : { includes: [], reason: 'this libtorch has no CUDA' };
  return {
    libtorch: {
      ...libtorch,
      includes: [include, join(include, 'torch/csrc/api/include')],
      cudaIncludes: cuda.includes,
      cudaReason: cuda.reason,
      gloo: existsSync(c10d) && glooRoot !== undefined ? [glooRoot] : [],
      identity: `${cpu} ${size} ${Math.trunc(mtimeMs)}`,
    },
  };
}

/**
 * The places where a libtorch may be, in the documented order; places without one come with the reason. Each is looked up
 * only when it is asked for.
 * @param {NodeJS.ProcessEnv} environment  LIBTORCH: a folder with `lib/` (and `include/`), such as a wheel's `torch` folder
 * @param {{ useCache?: boolean }} options  `useCache`: what python3 said at an earlier time is good enough while it holds
 * @returns {Generator<{ origin: Candidate['origin'], candidate?: Candidate, reason?: string }>}
 */
export function* candidates(environment = process.env, { useCache = false } = {}) {
  const under = (origin, folder) => ({
    origin,
    candidate: { origin, include: join(folder, 'include'), libraries: join(folder, 'lib') },
  });
  yield environment.LIBTORCH
    ? under('LIBTORCH', resolve(environment.LIBTORCH))
    : { origin: 'LIBTORCH', reason: 'is not set' };

  const folders = systemFolders();
  const system = folders.filter((folder) => libraryFile(folder, 'libtorch_cpu') !== null);
  const systemCpu = system.map((folder) => realpathSync(libraryFile(folder, 'libtorch_cpu')));
  const python = pythonTorch(environment, { useCache });
  const pythonCpu = join(python, 'lib/libtorch_cpu.so');
  if (python === '') {
    yield { origin: 'python3', reason: 'there is no python3 on the PATH, or it has no torch' };
  } else if (existsSync(pythonCpu) && systemCpu.includes(realpathSync(pythonCpu))) {
    // Debian's python3-torch is made of links to the system's libraries: those are found, and named, as the system's.
    yield { origin: 'python3', reason: `its torch in ${python} is the system's` };
  } else {
    yield under('python3', python);
  }

  if (system.length === 0) yield { origin: 'system', reason: `no libtorch_cpu.so in ${folders.join(', ')}` };
  for (const libraries of system) {
    const include = libraries.startsWith('/usr/local') ? '/usr/local/include' : '/usr/include';
    yield { origin: 'system', candidate: { origin: 'system', include, libraries } };
  }
}

/**
 * The first libtorch to build against in the documented order, and why each earlier candidate was passed over.
 * @param {NodeJS.ProcessEnv} environment  LIBTORCH: a folder with `include/` and `lib/`, such as a wheel's `torch` folder
 * @returns {{ libtorch: Libtorch | null, passedOver: string[] }}
 */
export function findLibtorch(environment = process.env) {
  const passedOver = [];
  for (const { origin, candidate } of candidates({ ...process.env, LIBTORCH: undefined, ...environment })) {
    if (candidate === undefined) continue;
    const { libtorch, reason } = inspectForBuild(candidate, environment);
    if (libtorch !== undefined) return { libtorch, passedOver };
    passedOver.push(`${origin}: ${reason}`);
  }
  return { libtorch: null, passedOver };
}

/**
 * Name of the build folder for a libtorch: binaries of different versions lie side by side.
 * @param {{ version: string, cuda: boolean }} libtorch
 */
export function buildTag(libtorch) {
  return `torch-${libtorch.version.replace(/[^\w.]+/g, '-')}${libtorch.cuda ? '-cuda' : ''}`;
}

/** `1.13` of `1.13.1`: an addon fits the versions that agree in it. @param {string} version */
export function minorOf(version) {
  return version.split('.').slice(0, 2).join('.');
}

/** Whether a library file lies, links followed, beside those of a libtorch. @param {string} path @param {string} libraries */
export function isOf(path, libraries) {
  const own = libraryFile(libraries, 'libtorch_cpu');
  return own !== null && existsSync(path) && dirname(realpathSync(path)) === dirname(realpathSync(own));
}
