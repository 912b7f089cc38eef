#!/usr/bin/env node
/**
 * @file Brings a clone to the state in which `npx suave` runs: system packages, npm packages, the addon, TypeScript.
 * Does only what is missing, speaks on standard error only, needs nothing but Node.js.
 *
 *     node scripts/setup.mjs [--for start|test|bench]
 */
import './lib/node-version.mjs';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, buildAll } from '../packages/torch/scripts/build-native.mjs';
import { alone } from './lib/lock.mjs';
import { ensureNpmPackages } from './lib/npm-packages.mjs';
import { ask, root, SetupError, say } from './lib/process.mjs';
import { ensurePythonReaders } from './lib/python-readers.mjs';
import { ensureSystemPackages } from './lib/system-packages.mjs';
import { ensureTypeScript } from './lib/typescript.mjs';

const roles = ['start', 'test', 'bench'];

/**
 * Does all set-up that is missing for a role; a second call has nothing to do and takes under a second.
 * @param {'start' | 'test' | 'bench'} role  tests also want a browser, benches also Python's PyTorch
 * @throws SetupError with what to do about it
 */
export function setUp(role) {
  const began = performance.now();
  const system = ensureSystemPackages(role);
  const readers = role === 'test' ? [ensurePythonReaders] : [];
  const steps = [
    ensureNpmPackages,
    () => buildAll({ libtorch: system.libtorch, log: say }),
    ensureTypeScript,
    ...readers,
  ];
  const didWork = alone(() => steps.map((step) => step()));
  if (!system.didWork && !didWork.includes(true)) return;

  const version = ask('npx', ['--no-install', 'suave', '--version']);
  if (version === null) {
    throw new SetupError('`npx --no-install suave --version` fails after the set-up; run it by hand to see why.');
  }
  const load = "import { libtorchVersion } from '@suave/torch'; console.log(libtorchVersion())";
  const libtorchVersion = ask(process.execPath, ['--input-type=module', '--eval', load]);
  if (libtorchVersion === null)
    throw new SetupError('the addon is built but does not load; `npx suave doctor` says why.');
  const seconds = Math.round((performance.now() - began) / 1000);
  say(`ready: suave ${version} on libtorch ${libtorchVersion} (${seconds} s)`);
}

/** Runs `setUp` for a script; on a failure says it in one piece and ends the process with exit status 1. */
export function setUpOrExit(role) {
  try {
    setUp(role);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(error instanceof SetupError || error instanceof BuildError ? error.message : (error.stack ?? error.message));
    process.exit(1);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const role = args.length === 0 ? 'start' : args[0] === '--for' ? args[1] : args[0].replace(/^--for=/, '');
  if (!roles.includes(role) || args.length > 2) {
    process.stderr.write(`usage: node ${join('scripts', 'setup.mjs')} [--for ${roles.join('|')}]   (in ${root})\n`);
    process.exit(2);
  }
  setUpOrExit(role);
}
