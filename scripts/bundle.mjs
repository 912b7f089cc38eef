#!/usr/bin/env node
/**
 * @file `npm run bundle`: one archive with all that a linux-x64 machine needs beside a PyTorch and a C++ compiler (docs/bundle.md).
 *
 *     npm run bundle [-- --out FILE] [--with-tests]
 *
 * `--out`: `bundle/suave-VERSION-linux-x64.tar.gz` unless said. `--with-tests`: also what the tests and benchmarks need.
 */
import './lib/node-version.mjs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { archiveName, checkPlatform, largest, makeBundle } from './lib/bundle-archive.mjs';
import { alone } from './lib/lock.mjs';
import { ensureNpmPackages } from './lib/npm-packages.mjs';
import { root, SetupError } from './lib/process.mjs';
import { ensureTypeScript } from './lib/typescript.mjs';

function main() {
  let values;
  try {
    ({ values } = parseArgs({ options: { out: { type: 'string' }, 'with-tests': { type: 'boolean' } } }));
  } catch (error) {
    process.stderr.write(`${error.message}\nusage: npm run bundle [-- --out FILE] [--with-tests]\n`);
    return 2;
  }
  const withTests = values['with-tests'] ?? false;
  checkPlatform();
  alone(() => {
    ensureNpmPackages();
    ensureTypeScript();
  });
  const out = values.out ?? join(root, 'bundle', archiveName({ withTests }));
  const { file, bytes, sha256 } = makeBundle({ out, withTests });
  process.stdout.write(`${relative('.', file)}: ${(bytes / 1e6).toFixed(1)} MB\nsha256 ${sha256}\n`);
  const limit = withTests ? largest.withTests : largest.program;
  if (bytes <= limit) return 0;
  throw new SetupError(`${bytes} bytes are more than the ${limit} that a bundle may have.`);
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`bundle: ${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
