/**
 * @file The browser code of our pages: each `packages/suave/pages/NAME/main.ts` becomes one script, beside its style sheet;
 * a `worker.ts` becomes a script of its own, `NAME-worker.js`. Scripts, not modules: a page that was opened from disk may load none.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
export const pageProducts = () =>
  pageNames().flatMap((name) => [
    `${outFolder}/${name}.js`,
    ...(hasWorker(name) ? [`${outFolder}/${name}-worker.js`] : []),
  ]);

const hasWorker = (name) => existsSync(join(root, pagesFolder, name, 'worker.ts'));

/** Bundles every page. */
export function bundlePages() {
  mkdirSync(join(root, outFolder), { recursive: true });
  for (const name of pageNames()) {
    const source = join(root, pagesFolder, name);
    bundle(join(source, 'main.ts'), `${name}.js`);
    if (hasWorker(name)) bundle(join(source, 'worker.ts'), `${name}-worker.js`);
    writeFileSync(join(root, outFolder, `${name}.css`), styleSheet(join(source, 'style.css')));
  }
}

/** A style sheet with the ones that it imports in their place. */
function styleSheet(file) {
  return readFileSync(file, 'utf8').replace(/^@import "(.+)";$/gm, (_, name) => styleSheet(join(dirname(file), name)));
}

function bundle(entry, name) {
  run(process.execPath, [
    join(root, 'node_modules/rolldown/bin/cli.mjs'),
    ...[entry, '--file', join(root, outFolder, name), '--format', 'iife', '--minify', '--platform', 'browser'],
    ...['--transform.define', 'import.meta.url:undefined', '--log-level', 'warn'],
  ]);
}
