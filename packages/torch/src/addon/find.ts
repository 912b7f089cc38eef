/**
 * @file Finds the binaries to load, in this order: the folder in `SUAVE_TORCH_BUILD`; a local build (of `suave-torch build`, in
 * the package's folder or in the cache); for each libtorch found (`LIBTORCH`, python3's, the system's) a prebuilt package.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedBuildRoot } from '../../scripts/cache-folder.mjs';
import { buildTag, candidates, inspectRuntime, minorOf, type Runtime } from '../../scripts/libtorch.mjs';
import { libraryFault } from './elf.js';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const require = createRequire(import.meta.url);

/** Binaries that fit this machine, as far as can be told without loading them. */
export interface Binaries {
  /** What led to them, e.g. `local build`. */
  readonly origin: string;
  /** Path of `suave_torch.node`. */
  readonly addon: string;
  /** Path of the addon that loads libtorch first; null for a build without it, which finds libtorch by its run path alone. */
  readonly preload: string | null;
  /** File names of the libtorch libraries that are linked to, in the order of loading. */
  readonly needs: readonly string[];
  /** Folder of libtorch; null where only the run path of the binary knows it. */
  readonly libraries: string | null;
  /** Name for binaries of custom operators that go with it, e.g. `torch-1.13.0`. */
  readonly tag: string;
}

/** What was found, and a line for each place that was passed over: `place: reason`. */
export interface Search {
  readonly binaries: Binaries | null;
  readonly searched: readonly string[];
  /** Libtorches that would serve if there were an addon for them. */
  readonly usable: readonly Runtime[];
}

/** `build.json`: what a folder of binaries fits. */
interface BuildFacts {
  readonly version: string;
  readonly abi: 0 | 1;
  readonly cuda: boolean;
  readonly needs: readonly string[];
  readonly platform: string;
  readonly arch: string;
  /** Only in local builds: the folder of the libtorch that it was built against. */
  readonly libraries?: string;
}

type Outcome = { binaries: Binaries; reason?: undefined } | { binaries?: undefined; reason: string };

function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Version of this package. */
export const packageVersion: string =
  readJson<{ version: string }>(join(packageRoot, 'package.json'))?.version ?? 'unknown';

function same(left: string, right: string): boolean {
  return existsSync(left) && existsSync(right) && realpathSync(left) === realpathSync(right);
}

function binariesIn(folder: string, origin: string, facts: BuildFacts, libraries: string, tag: string): Outcome {
  const [addon, preload] = ['suave_torch.node', 'suave_preload.node'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  const missing = [addon, preload].find((file) => !existsSync(file));
  if (missing !== undefined) return { reason: `${missing} does not exist` };
  const absent = facts.needs.find((name) => !existsSync(join(libraries, name)));
  if (absent !== undefined) return { reason: `${addon} is linked to ${absent}, which ${libraries} does not have` };
  const files = [addon, preload, ...facts.needs.map((name) => join(libraries, name))];
  const fault = process.platform === 'linux' ? files.map(libraryFault).find((text) => text !== null) : undefined;
  if (fault !== undefined && fault !== null) return { reason: fault };
  return { binaries: { origin, addon, preload, needs: facts.needs, libraries, tag } };
}

/** A folder of binaries that was built on this machine. */
function localBuild(folder: string, origin: string): Outcome {
  const addon = join(folder, 'suave_torch.node');
  if (!existsSync(addon)) return { reason: `${addon} does not exist` };
  const facts = readJson<BuildFacts>(join(folder, 'build.json'));
  if (facts === null) {
    return { binaries: { origin, addon, preload: null, needs: [], libraries: null, tag: basename(folder) } };
  }
  if (facts.platform !== process.platform || facts.arch !== process.arch) {
    const here = `${process.platform}-${process.arch}`;
    return { reason: `${folder} is for ${facts.platform}-${facts.arch}, this is ${here}` };
  }
  if (facts.libraries === undefined) return { reason: `${folder} is a prebuilt package: install it instead` };
  const built = `${folder} was built against libtorch ${facts.version} in ${facts.libraries}`;
  const include = facts.libraries.endsWith('/lib') ? join(facts.libraries, '../include') : '/usr/include';
  const { libtorch, reason } = inspectRuntime({ origin: 'system', include, libraries: facts.libraries });
  if (libtorch === undefined) return { reason: `${built}; now: ${reason}` };
  if (minorOf(libtorch.version) !== minorOf(facts.version)) {
    return { reason: `${built}, where ${libtorch.version} is now` };
  }
  return binariesIn(folder, origin, facts, facts.libraries, basename(folder));
}

/** The build that `current.json` of a folder of builds names. */
function currentBuild(buildRoot: string, origin: string, named: string | undefined): Outcome {
  const record = join(buildRoot, 'current.json');
  const current = readJson<{ tag: string; libraries?: string }>(record);
  if (current === null) return { reason: `${record} does not exist` };
  const { libraries } = current;
  // LIBTORCH is a wish of this very start; what was built earlier for another one must not outrank it.
  if (named && libraries !== undefined && !same(join(named, 'lib'), libraries)) {
    return { reason: `the build in use is for ${libraries}, and LIBTORCH names ${named}` };
  }
  return localBuild(join(buildRoot, current.tag), origin);
}

/** Name of the prebuilt package for a libtorch on this machine, e.g. `@suave/torch-linux-x64-torch1.13`. */
export function prebuiltName({ version, cuda }: { version: string; cuda: boolean }): string {
  return `@suave/torch-${process.platform}-${process.arch}-torch${minorOf(version)}${cuda ? '-cuda' : ''}`;
}

/** The prebuilt package for a libtorch. */
function prebuilt(libtorch: Runtime): Outcome {
  const name = prebuiltName(libtorch);
  const found = `libtorch ${libtorch.version} in ${libtorch.libraries}`;
  let folder: string;
  try {
    folder = dirname(require.resolve(`${name}/build.json`));
  } catch {
    return { reason: `${found}; the package ${name} is not installed` };
  }
  const facts = readJson<BuildFacts>(join(folder, 'build.json'));
  const version = readJson<{ version: string }>(join(folder, 'package.json'))?.version;
  if (facts === null) return { reason: `${found}; ${folder}/build.json cannot be read` };
  if (version !== packageVersion) {
    return { reason: `${found}; ${name} is of version ${version}, @suave/torch of ${packageVersion}` };
  }
  if (facts.abi !== libtorch.abi) {
    return {
      reason: `${found} has _GLIBCXX_USE_CXX11_ABI=${libtorch.abi}, ${name} is for ${facts.abi} (another C++ ABI)`,
    };
  }
  const outcome = binariesIn(folder, 'prebuilt package', facts, libtorch.libraries, buildTag(libtorch));
  return outcome.binaries === undefined ? { reason: `${found}; ${outcome.reason}` } : outcome;
}

/** Finds the binaries to load; never throws. */
export function findBinaries(environment: NodeJS.ProcessEnv = process.env): Search {
  const searched: string[] = [];
  const usable: Runtime[] = [];
  const passOver = (place: string, reason: string) => searched.push(`${place}: ${reason}`);

  const named = environment.SUAVE_TORCH_BUILD;
  if (named) {
    const { binaries = null, reason } = localBuild(resolve(named), 'SUAVE_TORCH_BUILD');
    if (reason !== undefined) passOver('SUAVE_TORCH_BUILD', reason);
    return { binaries, searched, usable };
  }
  passOver('SUAVE_TORCH_BUILD', 'is not set');

  for (const [place, root] of [
    ['local build', join(packageRoot, 'build')],
    ['local build in the cache', cachedBuildRoot(packageVersion, environment)],
  ] as const) {
    const { binaries, reason } = currentBuild(root, place, environment.LIBTORCH);
    if (binaries !== undefined) return { binaries, searched, usable };
    passOver(place, reason);
  }

  for (const { origin, candidate, reason = '' } of candidates(environment, { useCache: true })) {
    if (candidate === undefined) {
      passOver(origin, reason);
      continue;
    }
    const { libtorch, reason: unusable } = inspectRuntime(candidate);
    if (libtorch === undefined) {
      passOver(origin, unusable);
      continue;
    }
    const outcome = prebuilt(libtorch);
    if (outcome.binaries !== undefined) return { binaries: outcome.binaries, searched, usable };
    usable.push(libtorch);
    passOver(origin, outcome.reason);
  }
  return { binaries: null, searched, usable };
}
