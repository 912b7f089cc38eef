/** @file The browser code of our pages: each `packages/suave/pages/NAME/main.ts` becomes one script, beside its style sheet. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './process.mjs';

export const pagesFolder = 'packages/suave/pages';
const outFolder = 'packages/suave/dist/pages';

/** Names of the pages. */
export function pageNames() {
  return readdirSync(join(root, pagesFolder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Files that must be there once the pages are bundled. */
export const pageProducts = () => pageNames().map((name) => `${outFolder}/${name}.js`);

/** Bundles every page. */
export function bundlePages() {
  mkdirSync(join(root, outFolder), { recursive: true });
  for (const name of pageNames()) {
    const source = join(root, pagesFolder, name);
    const file = join(root, outFolder, `${name}.js`);
    run(process.execPath, [
      join(root, 'node_modules/rolldown/bin/cli.mjs'),
      ...[join(source, 'main.ts'), '--file', file, '--format', 'iife', '--minify', '--platform', 'browser'],
      ...['--log-level', 'warn'],
    ]);
    copyFileSync(join(source, 'style.css'), join(root, outFolder, `${name}.css`));
  }
}
