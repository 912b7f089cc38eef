/** @file The compiled TypeScript: `tsc -b`, then the pages' scripts; skipped when the sources have the hash of the last compilation. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundlePages, pageProducts, pagesFolder } from './pages.mjs';
import { filesUnder, hashOf, readIfPresent, root, run, say } from './process.mjs';

const packages = ['packages/torch', 'packages/suave'];
/** What other parts run; without them nothing counts as compiled. */
const products = ['packages/torch/dist/index.js', 'packages/suave/dist/cli/main.js', ...pageProducts()];
/** Lies among the compiled files, so that removing them removes the stamp. */
const stampPath = join(root, 'packages/suave/dist/.setup-stamp');

function sourceHash() {
  const sources = packages.flatMap((folder) => filesUnder(`${folder}/src`, (path) => /(?<!\.test)\.ts$/.test(path)));
  const pages = filesUnder(pagesFolder);
  const configs = ['tsconfig.json', 'tsconfig.base.json', ...packages.map((folder) => `${folder}/tsconfig.json`)];
  const compiler = readIfPresent(join(root, 'node_modules/typescript/package.json')) ?? '';
  return hashOf([...sources, ...pages, ...configs.map((path) => join(root, path))], compiler);
}

/**
 * Compiles the packages where a source changed since the last time.
 * @returns whether anything was done
 */
export function ensureTypeScript() {
  const key = sourceHash();
  const compiled = products.every((path) => existsSync(join(root, path)));
  if (compiled && readIfPresent(stampPath) === key) return false;
  say('compiling the TypeScript');
  if (!compiled) {
    // A build record without the files it speaks of would make the compiler believe that all is done.
    for (const folder of packages) rmSync(join(root, folder, 'dist'), { recursive: true, force: true });
  }
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
  bundlePages();
  writeFileSync(stampPath, key);
  return true;
}
