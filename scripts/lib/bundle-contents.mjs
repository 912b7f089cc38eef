/** @file What a bundle holds: the path of every file in it, and where it comes from. Sorted, so that it is the same each time. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { filesOf, packagesToCarry } from './bundle-packages.mjs';
import { pageNames } from './pages.mjs';
import { readIfPresent, root } from './process.mjs';

/**
 * @typedef {object} Entry
 * @property {string} path         inside the bundle
 * @property {string} [from]       file that it is a copy of
 * @property {string} [text]       or what it says
 * @property {string} [link]       or what it points to, relative
 * @property {boolean} [executable]
 */

/** What the tests need beside what the program needs. */
const testPackages = ['vitest', 'fast-check', 'typescript', 'playwright-core', 'hyparquet'];
const testFolders = ['tests', 'bench', 'scripts', 'packages/torch/src', 'packages/torch/codegen'];
const moreTestFolders = [
  'packages/torch/schemas',
  'packages/torch/examples',
  'packages/suave/src',
  'packages/suave/pages',
];
const testFiles = [
  'vitest.config.ts',
  'tsconfig.json',
  'tsconfig.base.json',
  'tsconfig.test.json',
  'package-lock.json',
];
const isOurs = (path) =>
  !/(^|\/)(node_modules|dist|build|compiled|__pycache__|\.cache)(\/|$)|\.tsbuildinfo$/.test(path);

/** Every file under a folder of the project, relative to the root and sorted. */
function under(folder) {
  const at = join(root, folder);
  if (!existsSync(at)) return [];
  return readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => isOurs(path.slice(folder.length + 1)))
    .sort();
}

/** Files that can be executed in the project itself. */
const programs = /(^|\/)bin\/[^/]+$|^scripts\/[^/]+\.(sh|mjs)$|^install\.sh$/;

/** Compiled files whose sources are there still; without what only development reads. @returns {Entry[]} */
function compiled(folder) {
  const entries = [];
  for (const path of under(`${folder}/src`)) {
    if (!path.endsWith('.ts') || /\.test\.ts$/.test(path)) continue;
    const base = path.replace('/src/', '/dist/').replace(/(\.d)?\.ts$/, '');
    for (const name of [`${base}.js`, `${base}.d.ts`]) {
      if (!existsSync(join(root, name))) continue;
      // The maps stay at home: what names them would lead nowhere.
      const text = readFileSync(join(root, name), 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n');
      entries.push({ path: name, text });
    }
  }
  return entries;
}

/** The scripts and style sheets of our pages. @returns {Entry[]} */
function pages() {
  const folder = 'packages/suave/dist/pages';
  const names = new Set(pageNames().flatMap((name) => [`${name}.js`, `${name}.css`, `${name}-worker.js`]));
  return readdirSync(join(root, folder))
    .filter((name) => names.has(name))
    .map((name) => ({ path: `${folder}/${name}`, from: join(root, folder, name) }));
}

/** License of the Node.js that travels, where its installation has one. @returns {Entry[]} */
function nodeLicense() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const file = ['LICENSE', 'share/doc/nodejs/LICENSE', 'share/doc/nodejs/copyright', 'share/doc/node/LICENSE']
    .map((name) => join(prefix, name))
    .find((path) => existsSync(path));
  return file === undefined ? [] : [{ path: 'licenses/node.txt', from: file }];
}

/**
 * All files of a bundle but Node.js itself and the manifest. The TypeScript must be compiled.
 * @param {{ withTests?: boolean }} options
 * @returns {Entry[]} sorted by path
 */
export function bundleContents({ withTests = false } = {}) {
  const copies = new Set();
  const copy = (...paths) => {
    for (const path of paths) copies.add(path);
  };
  copy('LICENSE', 'README.md', 'CHANGELOG.md', 'package.json', ...under('docs'));
  for (const name of ['torch', 'suave']) {
    const folder = `packages/${name}`;
    copy(`${folder}/package.json`, `${folder}/README.md`, ...under(`${folder}/bin`));
    copy(...under(`${folder}/native`).filter((path) => withTests || !path.includes('/native/tests/')));
  }
  copy('packages/torch/LICENSE', ...under('packages/torch/scripts'));
  copy(...under('scripts/bundle'));
  if (withTests) copy(...testFiles, 'packages/torch/tsconfig.json', 'packages/suave/tsconfig.json');
  if (withTests) copy(...[...testFolders, ...moreTestFolders].flatMap(under));

  const carried = packagesToCarry(withTests ? testPackages : []);
  for (const one of carried) copy(...filesOf(one).map((file) => posix.join(one.path, file)));

  /** @type {Entry[]} */
  const entries = [...copies]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => ({ path, from: join(root, path), executable: programs.test(path) }));
  entries.push(...compiled('packages/torch'), ...compiled('packages/suave'), ...pages(), ...nodeLicense());
  entries.push({ path: 'node_modules/@suave/torch', link: '../../packages/torch' });
  entries.push({ path: 'node_modules/suave', link: '../packages/suave' });
  for (const name of ['install.sh', 'bin/suave'])
    entries.push({ path: name, from: join(root, 'scripts/bundle', posix.basename(name)), executable: true });
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Version of the program. */
export const bundleVersion = () => JSON.parse(readIfPresent(join(root, 'packages/suave/package.json')) ?? '{}').version;
