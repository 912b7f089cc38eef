/**
 * @file The package as its users get it: packed, installed into an empty project beside the prebuilt package for the libtorch in
 * use, then used from plain JavaScript and from strict TypeScript.
 */
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePrebuilt } from '../../packages/torch/scripts/make-prebuilt.mjs';
import { npmPack } from '../../packages/torch/scripts/pack.mjs';
import { newProject, packAll, settingFor } from './project.js';
import { plainEnvironment, root, runIn, temporaryFolder, testedBuild } from './staged.js';

const { folder: build, facts } = testedBuild();
const libtorch = settingFor(facts);
const consumer = join(root, 'tests/pack/consumer');
const tsc = join(root, 'node_modules/typescript/bin/tsc');

let work: string;
let project: string;

beforeAll(() => {
  work = temporaryFolder();
  project = join(work, 'project');
  const { torch, headers } = packAll(work);
  const prebuilt = npmPack(makePrebuilt({ folder: build, out: join(work, 'prebuilt') }), work).filename;
  newProject(project, [torch, prebuilt, headers]);
});

afterAll(() => rmSync(work, { recursive: true }));

interface Trained {
  version: string;
  xor: number;
  shapes: number;
}

function run(program: string): Trained {
  const ended = runIn(project, process.execPath, [program], plainEnvironment(project, libtorch));
  expect(ended.stderr).toBe('');
  expect(ended.status).toBe(0);
  return JSON.parse(ended.stdout) as Trained;
}

test('the command is linked and can be executed', () => {
  const bin = join(project, 'node_modules/.bin/suave-torch');
  expect(lstatSync(bin).isSymbolicLink()).toBe(true);
  const help = runIn(project, bin, ['--help'], plainEnvironment(project));
  expect(help.stdout).toContain('suave-torch build');
  expect(help.status).toBe(0);
});

test('the prebuilt package is what is used', () => {
  const doctor = runIn(project, 'npx', ['suave-torch', 'doctor'], plainEnvironment(project, libtorch));
  expect(doctor.stdout).toMatch(/prebuilt package: \S+node_modules\/@suave\/torch-linux-\S+suave_torch\.node/);
  expect(doctor.stdout).toContain('loads: yes');
  expect(existsSync(join(project, 'node_modules/@suave/torch/build'))).toBe(false);
});

test('plain JavaScript trains an MLP on XOR and a small convolutional network', () => {
  copyFileSync(join(consumer, 'train.mjs'), join(project, 'train.mjs'));
  const { version, xor, shapes } = run('train.mjs');
  expect(version).toBe(facts.version);
  expect(xor).toBe(1);
  expect(shapes).toBeGreaterThan(0.95);
});

/** A strict project, without types of Node.js; our declarations are checked too. */
function compile(module: string, moduleResolution: string, out: string): string {
  mkdirSync(join(project, 'src'), { recursive: true });
  copyFileSync(join(consumer, 'train.ts'), join(project, 'src/train.ts'));
  writeFileSync(join(project, 'src/console.d.ts'), 'declare const console: { log(text: string): void };\n');
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022'],
    types: [],
    module,
    moduleResolution,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    skipLibCheck: false,
    outDir: out,
    rootDir: 'src',
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  return runIn(project, process.execPath, [tsc, '-p', '.'], plainEnvironment(project)).stdout;
}

test('strict TypeScript compiles without skipLibCheck, and trains', () => {
  expect(compile('NodeNext', 'NodeNext', 'compiled')).toBe('');
  const { version, xor, shapes } = run('compiled/train.js');
  expect(version).toBe(facts.version);
  expect(xor).toBe(1);
  expect(shapes).toBeGreaterThan(0.95);
});

test('the types resolve for bundlers and for node16 too', () => {
  expect(compile('ESNext', 'bundler', 'bundled')).toBe('');
  expect(compile('Node16', 'node16', 'compiled16')).toBe('');
});

test('package.json can be imported, what is inside cannot', () => {
  const script = (specifier: string) =>
    runIn(project, process.execPath, ['-e', `require.resolve('${specifier}')`], plainEnvironment(project)).status;
  expect(script('@suave/torch/package.json')).toBe(0);
  expect(script('@suave/torch/dist/native.js')).toBe(1);
  const manifest = JSON.parse(readFileSync(join(project, 'node_modules/@suave/torch/package.json'), 'utf8'));
  expect(Object.keys(manifest.optionalDependencies)).toContain('@suave/torch-linux-x64-torch1.13');
});
