/** @file Which npm packages a bundle holds, and which of their files: what is installed here, by the lock file's own tree. */
import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { readIfPresent, root } from './process.mjs';

/** Compiled into the scripts of our pages when the bundle is made; only their licenses travel. */
const compiledIn = ['echarts', 'zrender'];
/** Types only; and what vite loads for style sheets alone, of which tests have none. */
const neverLoaded = /^(@types\/.*|undici-types|lightningcss)$/;

/** Packages of which only a part is ever loaded: those files, as regular expressions on paths inside the package. */
const parts = {
  // Node loads this entry, and it the one WebAssembly that exported pages carry too.
  'onnxruntime-web': [/^dist\/ort\.node\.min\.m?js$/, /^dist\/ort-wasm-simd-threaded\.(mjs|wasm)$/],
  protobufjs: [/^(index|light|minimal)\.js$/, /^src\//, /^google\//, /^ext\//],
  typescript: [/^lib\/typescript\.js$/],
  zod: [/^[^/]*\.c?js$/, /^(v3|v4|v4-mini|mini|locales)\/.*\.c?js$/, /package\.json$/],
  yaml: [/^dist\//, /^[^/]*\.m?js$/],
};
const isLicense = (path) => /^(license|licence|notice|copying|third[-_]?party)[^/]*$/i.test(path);
/** What no program loads. */
const isIdle = (path) =>
  /\.(map|md|markdown|flow|d\.[cm]?ts|ts|cts|mts|tsx|tsbuildinfo|umd\.js|h|cpp)$/.test(path) ||
  /^(test|tests|docs|doc|example|examples|\.github|benchmark|benchmarks)\//.test(path) ||
  /(^|\/)__tests__\/|\.test\.[cm]?js$/.test(path);

/** Whether a file of a package belongs into the bundle. @param {string} name @param {string} path inside the package */
export function keepsFile(name, path) {
  if (path === 'package.json' || isLicense(path)) return true;
  if (compiledIn.includes(name)) return false;
  if (parts[name] !== undefined) return parts[name].some((pattern) => pattern.test(path)) && !isIdle(path);
  // Headers are what this one is for.
  if (name === 'node-api-headers') return /^(index\.js|symbols\.js|include\/.*\.h)$/.test(path);
  return !isIdle(path);
}

/** Where Node finds `name` from the package at `from` (`''`, `packages/suave`, `node_modules/sharp`, …); null where it does not. */
function resolveFrom(from, name, installed) {
  for (let folder = from; ; folder = posix.dirname(folder)) {
    if (folder === '.') folder = '';
    if (posix.basename(folder) !== 'node_modules') {
      const path = posix.join(folder, 'node_modules', name);
      if (installed[path] !== undefined) return path;
    }
    if (folder === '') return null;
  }
}

/**
 * The installed packages that `names` and the workspace's packages need to run, without development's.
 * @param {readonly string[]} extra  names of packages of the root that are wanted too
 * @returns {{ path: string, name: string, version: string }[]} sorted by path; `path` is relative to the root
 */
export function packagesToCarry(extra = []) {
  const installed = JSON.parse(readIfPresent(join(root, 'package-lock.json')) ?? '{"packages":{}}').packages;
  const found = new Map();
  const visit = (from, name, optional) => {
    const path = resolveFrom(from, name, installed);
    if (path === null || !existsSync(join(root, path, 'package.json'))) {
      // The binaries of other platforms are optional dependencies, and are not installed.
      if (optional) return;
      throw new Error(`${name}, which ${from || 'the root'} needs, is not installed. Run npm ci.`);
    }
    const entry = installed[path];
    if (entry.link || found.has(path) || neverLoaded.test(name)) return;
    found.set(path, { path, name, version: entry.version });
    if (compiledIn.includes(name)) return;
    visitAll(path, entry);
  };
  const visitAll = (path, entry) => {
    for (const name of Object.keys(entry.dependencies ?? {})) visit(path, name, false);
    for (const name of Object.keys(entry.optionalDependencies ?? {})) visit(path, name, true);
    for (const name of Object.keys(entry.peerDependencies ?? {}))
      if (entry.peerDependenciesMeta?.[name]?.optional !== true) visit(path, name, false);
  };
  for (const path of ['packages/torch', 'packages/suave']) visitAll(path, installed[path]);
  for (const name of extra) visit('', name, false);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Files of a package that travel, as paths inside it, sorted. @param {{ path: string, name: string }} carried */
export function filesOf({ path, name }) {
  const files = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, path, folder), { withFileTypes: true })) {
      const inside = posix.join(folder, entry.name);
      // Packages inside a package are listed by themselves.
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') walk(inside);
      } else if (entry.isFile() && keepsFile(name, inside)) files.push(inside);
    }
  };
  walk('');
  return files.sort();
}
