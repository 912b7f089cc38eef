/** @file An empty project of a user, into which tarballs are installed by npm as they would be from a registry. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { npmPack, packTorch } from '../../packages/torch/scripts/pack.mjs';
import { type BuildFacts, plainEnvironment, root, runIn } from './staged.js';

/** The setting that leads to a libtorch; the system's is found without one. */
export function settingFor({ libraries }: BuildFacts): NodeJS.ProcessEnv {
  return libraries.endsWith('/lib') ? { LIBTORCH: dirname(libraries) } : {};
}

/** The tarballs of the package and of what it depends on, all packed here: installing them needs no network. */
export function packAll(out: string): { torch: string; headers: string } {
  mkdirSync(out, { recursive: true });
  const headers = npmPack(join(root, 'node_modules/node-api-headers'), out).filename;
  return { torch: packTorch(out).filename, headers };
}

/** Makes an empty project and installs tarballs, without install scripts (npm 11 runs none that nobody approved). */
export function newProject(project: string, tarballs: string[]): void {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  const settings = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = runIn(project, 'npm', ['install', ...settings, ...tarballs], plainEnvironment(project));
  expect(npm.stderr, npm.stdout).not.toContain('npm error');
  expect(npm.status).toBe(0);
}
