/**
 * @file Finds the libtorch to build against: `LIBTORCH`, then the `torch` of `python3` on the PATH, then the system's package.
 * Needs no dependencies, so that set-up can use it on a bare clone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * @typedef {object} Libtorch
 * @property {'LIBTORCH' | 'python3' | 'system'} origin  where it was found
 * @property {string} version      e.g. `1.13.1`
 * @property {string[]} includes   include folders
 * @property {string} libraries    the one folder of libc10 and libtorch_cpu
 * @property {0|1} abi             `_GLIBCXX_USE_CXX11_ABI`
 * @property {boolean} cuda        libtorch_cuda is there
 * @property {string[]} gloo       extra include folders for ProcessGroupGloo, empty when its headers are missing
 * @property {string} identity     changes when another build of libtorch takes its place
 */

const versionHeaders = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'];

/** The folder of the `torch` that `python3` would import, or ''. It is located, not imported (that takes seconds). */
function pythonTorch() {
  const code =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  const result = spawnSync('python3', ['-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout.trim() : '';
}

/** The system's folders of libraries that hold a libtorch_cpu, each real folder once. */
function systemLibraryFolders() {
  const folders = ['/usr/local/lib', '/usr/lib', '/usr/lib64'];
  try {
    for (const entry of readdirSync('/usr/lib'))
      if (entry.includes('-linux-')) folders.unshift(join('/usr/lib', entry));
  } catch {
    // not a Linux layout: the fixed folders are all there is
  }
  const found = folders.filter((folder) => existsSync(join(folder, 'libtorch_cpu.so')));
  return [...new Set(found.map((folder) => realpathSync(folder)))];
}

/** Looks into one place; returns the libtorch or the reason why it is none. */
function inspect(origin, includeRoot, libraries) {
  for (const name of ['libtorch_cpu.so', 'libc10.so']) {
    if (!existsSync(join(libraries, name))) return { reason: `${libraries} has no ${name}` };
  }
  const header = versionHeaders.map((path) => join(includeRoot, path)).find((path) => existsSync(path));
  if (header === undefined || !existsSync(join(includeRoot, 'ATen/core/dispatch/Dispatcher.h'))) {
    return { reason: `${includeRoot} has no libtorch headers` };
  }
  const version = /TORCH_VERSION\b[\s\\]*"([^"]+)"/.exec(readFileSync(header, 'utf8'))?.[1] ?? 'unknown';
  const [major, minor] = version.split('.').map(Number);
  if (!((major === 1 && minor >= 13) || major === 2)) return { reason: `version ${version} is not one of 1.13 to 2.x` };

  const cpu = realpathSync(join(libraries, 'libtorch_cpu.so'));
  const { size, mtimeMs } = statSync(cpu);
  const c10 = readFileSync(realpathSync(join(libraries, 'libc10.so'))).toString('latin1');
  const c10d = join(includeRoot, 'torch/csrc/distributed/c10d/ProcessGroupGloo.hpp');
  const glooRoot = [includeRoot, '/usr/include'].find((root) => existsSync(join(root, 'gloo/transport/tcp/device.h')));
  return {
    libtorch: {
      origin,
      version,
      includes: [includeRoot, join(includeRoot, 'torch/csrc/api/include')],
      libraries,
      abi: c10.includes('torchCheckFailEPKcS2_jRKNSt7__cxx11') ? 1 : 0,
      cuda: existsSync(join(libraries, 'libtorch_cuda.so')),
      gloo: existsSync(c10d) && glooRoot !== undefined ? [glooRoot] : [],
      identity: `${cpu} ${size} ${Math.trunc(mtimeMs)}`,
    },
  };
}

/**
 * The first usable libtorch in the documented order, and why each earlier candidate was passed over.
 * @param {NodeJS.ProcessEnv} environment  LIBTORCH: a folder with `include/` and `lib/`, such as a wheel's `torch` folder
 * @returns {{ libtorch: Libtorch | null, passedOver: string[] }}
 */
export function findLibtorch(environment = process.env) {
  const candidates = [];
  const under = (origin, folder) => candidates.push([origin, join(folder, 'include'), join(folder, 'lib')]);
  if (environment.LIBTORCH) under('LIBTORCH', resolve(environment.LIBTORCH));

  const system = systemLibraryFolders();
  const systemCpu = system.map((folder) => realpathSync(join(folder, 'libtorch_cpu.so')));
  const python = pythonTorch();
  const pythonCpu = join(python, 'lib/libtorch_cpu.so');
  // Debian's python3-torch is made of links to the system's libraries: those are found, and named, as the system's.
  if (python !== '' && !(existsSync(pythonCpu) && systemCpu.includes(realpathSync(pythonCpu))))
    under('python3', python);

  for (const folder of system) {
    candidates.push(['system', folder.startsWith('/usr/local') ? '/usr/local/include' : '/usr/include', folder]);
  }

  const passedOver = [];
  for (const [origin, include, libraries] of candidates) {
    const { libtorch, reason } = inspect(origin, include, libraries);
    if (libtorch !== undefined) return { libtorch, passedOver };
    passedOver.push(`${origin}: ${reason}`);
  }
  return { libtorch: null, passedOver };
}

/** Name of the build folder for a libtorch: binaries of different versions lie side by side. */
export function buildTag(libtorch) {
  return `torch-${libtorch.version.replace(/[^\w.]+/g, '-')}${libtorch.cuda ? '-cuda' : ''}`;
}
