/** @file Loads the binaries that were found: libtorch first, then the addon; never two libtorches in one process. */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { LibtorchNotFoundError } from '../errors.js';
import { type Binaries, findBinaries, packageVersion, type Search } from './find.js';

const require = createRequire(import.meta.url);

/** The functions of `suave_preload.node`. */
interface Preload {
  /** Paths of all shared libraries in the process. */
  loaded(): string[];
  /** Loads a library for the rest of the process; throws with the loader's words. */
  open(path: string): void;
}

/** Libtorch's libraries in the process that do not lie in the folder of ours. */
function strangers(preload: Preload, ours: string): string[] {
  const torch = preload.loaded().filter((path) => /^lib(c10|torch)(_cpu|_cuda)?\.so/.test(basename(path)));
  return torch.filter((path) => existsSync(path) && dirname(realpathSync(path)) !== ours);
}

/** Brings libtorch's libraries into the process, all from one folder. */
function loadLibtorch({ preload, libraries, needs }: Binaries): void {
  const [first] = needs;
  if (preload === null || libraries === null || first === undefined) return;
  const functions = require(preload) as Preload;
  const ours = dirname(realpathSync(join(libraries, first)));
  const mixed = (when: string) => {
    const others = strangers(functions, ours);
    if (others.length > 0) {
      throw new Error(
        `two versions of libtorch would be mixed: ${when} ${others.join(', ')}, and the addon needs those in ${ours}. ` +
          'Check LD_LIBRARY_PATH and LD_PRELOAD, and other packages that load libtorch',
      );
    }
  };
  mixed('the process has');
  for (const name of needs) functions.open(join(libraries, name));
  mixed('loading it brought');
}

/** What a failure of the dynamic loader means, for those that can be told from its words. */
function explain(message: string): string {
  if (/ELF|file too short|cannot read file data/.test(message))
    return ' (the file is damaged, or for another kind of machine)';
  if (message.includes('is not a function')) return ' (it was built from other sources)';
  const version = /version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)'/.exec(message)?.[1];
  if (version !== undefined)
    return ` (it was built on a newer system: it needs ${version}, which this one does not have)`;
  if (message.includes('undefined symbol'))
    return ' (it was built against another libtorch than the one that is there)';
  return '';
}

/** One paragraph for the person who reads the error. */
function mendFor({ searched, usable }: Search, failed: Binaries | null): string {
  const build =
    'Build the addon with `npx suave-torch build`; that needs a C++17 compiler (C++20 for libtorch 2.10 and newer)';
  const prebuilt = failed?.origin === 'prebuilt package';
  if (failed !== null) return prebuilt ? `Install the package again, or build. ${build}.` : `${build}.`;
  if (searched.length === 1)
    return 'Unset SUAVE_TORCH_BUILD, or let it name a folder that `npx suave-torch build` filled.';
  const [libtorch] = usable;
  if (libtorch === undefined) {
    return (
      'Install libtorch: a PyTorch wheel for python3, or Debian’s libtorch-dev with libopenblas0-pthread, or unpack it and set ' +
      `LIBTORCH to its folder. Where there is no prebuilt package for it: ${build.charAt(0).toLowerCase()}${build.slice(1)}.`
    );
  }
  return `${build}, or install a libtorch that there is a prebuilt package for.`;
}

/**
 * Finds and loads the addon.
 * @param prepare  what must be done with it first; a failure means that it is not of this version
 * @throws LibtorchNotFoundError with all that was searched and what to do
 */
export function loadAddon<T>(prepare: (addon: unknown) => T): { addon: T; binaries: Binaries } {
  const search = findBinaries();
  const { binaries, searched } = search;
  const fail = (lines: readonly string[], cause?: unknown) =>
    new LibtorchNotFoundError(lines, mendFor(search, binaries), packageVersion, cause);
  if (binaries === null) throw fail(searched);
  try {
    loadLibtorch(binaries);
    return { addon: prepare(require(binaries.addon)), binaries };
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw fail(
      [...searched, `${binaries.origin}: ${binaries.addon} does not load: ${message}${explain(message)}`],
      error,
    );
  }
}
