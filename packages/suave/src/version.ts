/** @file The package's version, read from its package.json. */
import { readFileSync } from 'node:fs';

/** Version of the `suave` package. */
export const suaveVersion: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
