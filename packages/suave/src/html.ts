/** @file Building blocks of pages that are one file: escaped text, data and scripts that cannot end their own element. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as the content of an element or of a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

/** A value as the content of `<script type="application/json">`: no `<` is left that could end the element. */
export function inlineJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** A script as the content of `<script>`: an end tag can only stand in strings and patterns, where `\/` is the same character. */
export function inlineScript(source: string): string {
  return source.replace(/<\/(?=script)/gi, '<\\/');
}

/** How a Content-Security-Policy names the content of an element that may run or apply: `'sha256-…'`. */
export function contentHash(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

/** Pages whose browser code lies in `pages/NAME/main.ts`, bundled when the package is built. */
export type PageName = 'report' | 'classifier' | 'map';

/** A file of a bundled page. @throws Error where the package was not built */
function bundled(name: string): string {
  const file = fileURLToPath(new URL(`../dist/pages/${name}`, import.meta.url));
  if (!existsSync(file)) throw new Error(`${file}: the page was not built. Run npm run build.`);
  return readFileSync(file, 'utf8');
}

/**
 * The bundled browser code of a page and its style sheet, ready to be put into its HTML.
 * @throws Error where the package was not built
 */
export function pageBundle(name: PageName): { script: string; style: string } {
  return { script: bundled(`${name}.js`), style: bundled(`${name}.css`) };
}

/** The bundled script of a page's worker. @throws Error where the package was not built */
export function workerBundle(name: PageName): string {
  return bundled(`${name}-worker.js`);
}
