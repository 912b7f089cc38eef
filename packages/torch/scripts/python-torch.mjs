/**
 * @file The folder of the `torch` that `python3` would import. It is located, not imported (that takes seconds); and since
 * starting Python takes 50 ms or more, its answer is kept and used again while nothing that it depends on has changed.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';

/** Prints torch's folder (an empty line for none), then the folders that are searched for modules. The working folder is none. */
const question = [
  'import sys, importlib.util as u',
  "sys.path[:] = [p for p in sys.path if p != '']",
  "s = u.find_spec('torch')",
  "print((s.submodule_search_locations or [''])[0] if s and s.origin else '')",
  "print('\\n'.join(sys.path))",
].join('\n');

/** Variables that change what `python3` is, or where it looks. */
const variables = ['PATH', 'PYTHONPATH', 'PYTHONHOME', 'PYTHONUSERBASE', 'PYTHONNOUSERSITE', 'PYENV_VERSION', 'HOME'];

function modified(path) {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return null;
  }
}

function executable(environment) {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, 'python3');
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/** Files that decide which Python a pyenv shim starts. */
function versionFiles(environment) {
  const files = [join(environment.PYENV_ROOT ?? join(environment.HOME ?? '', '.pyenv'), 'version')];
  for (let folder = resolve('.'); ; folder = dirname(folder)) {
    files.push(join(folder, '.python-version'));
    if (folder === dirname(folder)) return files;
  }
}

function isScript(path) {
  return readFileSync(path).subarray(0, 2).toString('latin1') === '#!';
}

/** Whether nothing that an earlier answer depends on has changed. */
function isCurrent(kept, key) {
  return kept?.key === key && kept.watched.every(([path, time]) => modified(path) === time);
}

/**
 * The folder of the `torch` that `python3` on the PATH would import, or ''.
 * @param {NodeJS.ProcessEnv} environment
 * @param {{ useCache?: boolean }} options  `useCache`: an answer kept in the cache folder is good enough, and is kept there
 * @returns {string}
 */
export function pythonTorch(environment = process.env, { useCache = false } = {}) {
  const python = executable(environment);
  if (python === null) return '';
  const script = isScript(python);
  const key = JSON.stringify([python, ...variables.map((name) => environment[name] ?? ''), script ? resolve('.') : '']);
  const record = join(cacheFolder(environment), 'python.json');
  if (useCache) {
    try {
      const kept = JSON.parse(readFileSync(record, 'utf8'));
      if (isCurrent(kept, key)) return kept.torch;
    } catch {
      // none kept, or not readable: ask
    }
  }

  const options = { encoding: 'utf8', env: environment, stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 };
  const answer = spawnSync(python, ['-c', question], options);
  if (answer.status !== 0) return '';
  const [torch = '', ...searched] = answer.stdout.split('\n').map((line) => line.trim());
  if (useCache) {
    const watched = [python, ...searched.filter(Boolean), ...(script ? versionFiles(environment) : [])];
    if (torch !== '') watched.push(torch);
    keep(record, { key, torch, watched: [...new Set(watched)].map((path) => [path, modified(path)]) });
  }
  return torch;
}

function keep(file, value) {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(value)}\n`);
    renameSync(temporary, file);
  } catch {
    // nowhere to keep it: the next start asks again
  }
}
