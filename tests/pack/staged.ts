/** @file @suave/torch as it is installed, in a temporary folder: for tests that break the set-up, or install it for real. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const torchRoot = join(root, 'packages/torch');

/** `build.json` of a build. */
export interface BuildFacts {
  version: string;
  abi: number;
  cuda: boolean;
  needs: string[];
  platform: string;
  libraries: string;
}

/** The build that the tests run on: `SUAVE_TORCH_BUILD`, else the one in use. */
export function testedBuild(): { folder: string; facts: BuildFacts } {
  const named = process.env.SUAVE_TORCH_BUILD;
  const builds = join(torchRoot, 'build');
  const folder = named
    ? resolve(named)
    : join(builds, JSON.parse(readFileSync(join(builds, 'current.json'), 'utf8')).tag);
  return { folder, facts: JSON.parse(readFileSync(join(folder, 'build.json'), 'utf8')) };
}

export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'suave-package-')));
}

/** Copies what a user's `node_modules/@suave/torch` needs to be loaded; returns that folder. */
export function stage(project: string): string {
  const target = join(project, 'node_modules/@suave/torch');
  mkdirSync(target, { recursive: true });
  for (const name of ['dist', 'scripts', 'bin', 'package.json']) {
    cpSync(join(torchRoot, name), join(target, name), { recursive: true, filter: (path) => !path.endsWith('.map') });
  }
  if (!existsSync(join(target, 'dist/index.js'))) throw new Error('compile the TypeScript first: npx tsc -b');
  return target;
}

/** An environment in which nothing of this machine's settings is left but Node.js and the tools of the system. */
export function plainEnvironment(project: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: project,
    XDG_CACHE_HOME: join(project, 'cache'),
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    ...more,
  };
}

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program in a project. */
export function runIn(project: string, program: string, args: string[], environment: NodeJS.ProcessEnv): Ended {
  return spawnSync(program, args, { cwd: project, encoding: 'utf8', env: environment, maxBuffer: 1 << 26 });
}

/** Runs lines of JavaScript as a module of the project. */
export function runScript(project: string, script: string, environment: NodeJS.ProcessEnv): Ended {
  return runIn(project, process.execPath, ['--input-type=module', '--eval', script], environment);
}
