/** @file Loading the addon in set-ups that work and in broken ones: child processes on a package that lies as an installed one does. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makePrebuilt } from '../../packages/torch/scripts/make-prebuilt.mjs';
import {
  type BuildFacts,
  plainEnvironment,
  runIn,
  runScript,
  stage,
  temporaryFolder,
  testedBuild,
} from '../pack/staged.js';

const { folder: build, facts } = testedBuild();
const usesSystem = !facts.libraries.endsWith('/lib');
/** The setting that leads to the tested libtorch; the system's is found without one. */
const libtorch: NodeJS.ProcessEnv = usesSystem ? {} : { LIBTORCH: dirname(facts.libraries) };

/** Loads the package and prints its libtorch, or the error with its fields. */
const load = `
try {
  const torch = await import('@suave/torch');
  console.log(JSON.stringify({ version: torch.libtorchVersion(), folder: torch.libtorchInfo().folder, sum: torch.scope(() => torch.tensor([1, 2]).sum().item()) }));
} catch (error) {
  const { name, code, searched, mend, message } = error;
  console.log(JSON.stringify({ name, code, searched, mend, message, stack: error.stack }));
}`;

interface Loaded {
  version?: string;
  folder?: string;
  sum?: number;
  name?: string;
  code?: string;
  searched: string[];
  mend: string;
  message: string;
}

let project: string;
let torch: string;

beforeEach(() => {
  project = temporaryFolder();
  torch = stage(project);
  // Not the machine's python3: one without torch, which notes that it was asked.
  python('');
});

afterEach(() => rmSync(project, { recursive: true }));

function python(folder: string): void {
  mkdirSync(join(project, 'bin'), { recursive: true });
  const file = join(project, 'bin/python3');
  writeFileSync(
    file,
    `#!/bin/sh\necho asked >> '${project}/asked'\necho '${folder}'\necho '${project}/site-packages'\n`,
  );
  chmodSync(file, 0o755);
}

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return plainEnvironment(project, { PATH: `${join(project, 'bin')}:/usr/bin:/bin`, ...more });
}

function loaded(more: NodeJS.ProcessEnv = {}, script = load): Loaded {
  const { status, stdout, stderr } = runScript(project, script, environment(more));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

function installPrebuilt(): string {
  const made = makePrebuilt({ folder: build, out: join(project, 'node_modules/@suave') });
  const target = join(dirname(made), `torch-${made.split('/').at(-1)}`);
  mkdirSync(target);
  for (const name of ['package.json', 'build.json', 'suave_torch.node', 'suave_preload.node'])
    copyFileSync(join(made, name), join(target, name));
  return target;
}

function localBuild(change: Partial<BuildFacts> = {}): string {
  const folder = join(torch, 'build/here');
  mkdirSync(folder, { recursive: true });
  for (const name of ['suave_torch.node', 'suave_preload.node']) copyFileSync(join(build, name), join(folder, name));
  writeFileSync(join(folder, 'build.json'), JSON.stringify({ ...facts, ...change }));
  writeFileSync(join(torch, 'build/current.json'), JSON.stringify({ tag: 'here', libraries: facts.libraries }));
  return folder;
}

/** Makes a library refer to a library that does not exist: it looks well and does not load. */
function spoil(file: string): void {
  const text = readFileSync(file, 'latin1');
  writeFileSync(file, text.replaceAll('libstdc++.so', 'libstdcxx.so'), 'latin1');
}

function edit(file: string, change: (text: Record<string, unknown>) => void): void {
  const value = JSON.parse(readFileSync(file, 'utf8'));
  change(value);
  writeFileSync(file, JSON.stringify(value));
}

test('a prebuilt package is loaded with the libtorch that is found', () => {
  installPrebuilt();
  const result = loaded(libtorch);
  expect(result).toMatchObject({ version: facts.version, sum: 3 });
  expect(result.folder).toBe(facts.libraries);
});

test('a prebuilt package is loaded in a worker thread too, beside the main thread', () => {
  installPrebuilt();
  const script = `
    import { Worker } from 'node:worker_threads';
    const torch = await import('@suave/torch');
    const source = "import('@suave/torch').then((torch) => require('node:worker_threads').parentPort.postMessage(torch.libtorchVersion()))";
    new Worker(source, { eval: true, execArgv: [] }).once('message', (version) => console.log(version, torch.libtorchVersion()));`;
  const { stdout, stderr } = runScript(project, script, environment(libtorch));
  expect(stderr).toBe('');
  expect(stdout).toBe(`${facts.version} ${facts.version}\n`);
});

test('another libc10 in LD_LIBRARY_PATH does not get in', () => {
  installPrebuilt();
  const other = join(project, 'other');
  mkdirSync(other);
  const [c10] = facts.needs;
  copyFileSync(join(facts.libraries, c10 ?? ''), join(other, c10 ?? ''));
  expect(loaded({ ...libtorch, LD_LIBRARY_PATH: other })).toMatchObject({ sum: 3, folder: facts.libraries });
});

test('a process that has another libtorch already is refused, not ended', () => {
  const [c10 = ''] = facts.needs;
  const other = join(project, c10);
  copyFileSync(join(facts.libraries, c10), other);
  const preload = join(installPrebuilt(), 'suave_preload.node');
  const before = `import { createRequire } from 'node:module'; createRequire('/')(${JSON.stringify(preload)}).open(${JSON.stringify(other)});`;
  const error = loaded(libtorch, before + load);
  expect(error.code).toBe('ERR_LIBTORCH_NOT_FOUND');
  expect(error.searched.at(-1)).toContain(`two versions of libtorch would be mixed: the process has ${other}`);
});

test('python3 is asked once, and again when a folder of its modules changes', ({ skip }) => {
  if (!usesSystem) return skip('with LIBTORCH set, python3 is not asked');
  installPrebuilt();
  const asked = () =>
    existsSync(join(project, 'asked')) ? readFileSync(join(project, 'asked'), 'utf8').length / 6 : 0;
  expect([loaded().sum, asked()]).toEqual([3, 1]);
  expect([loaded().sum, asked()]).toEqual([3, 1]);
  mkdirSync(join(project, 'site-packages'));
  expect([loaded().sum, asked()]).toEqual([3, 2]);
});

test('a local build comes before a prebuilt package, unless it does not fit', () => {
  installPrebuilt();
  spoil(join(localBuild(), 'suave_torch.node'));
  expect(loaded(libtorch).searched.at(-1)).toMatch(/^local build: \S+suave_torch.node does not load: /);
  const elsewhere = loaded({ LIBTORCH: project });
  if (usesSystem) expect(elsewhere.sum).toBe(3);
  else expect(elsewhere.searched[1]).toContain(`LIBTORCH names ${project}`);
  localBuild({ needs: ['libnone.so'] });
  expect(loaded(libtorch).sum).toBe(3);
});

test('with nothing to load, every place is named with its reason, then what to do', () => {
  const old = join(project, 'old');
  mkdirSync(join(old, 'lib'), { recursive: true });
  for (const name of ['libc10.so', 'libtorch_cpu.so']) writeFileSync(join(old, 'lib', name), '');
  writeFileSync(join(old, 'version.py'), "__version__ = '1.12.1+cu113'\n");
  python(old);
  const error = loaded({ LIBTORCH: join(project, 'empty') });
  expect(error.name).toBe('LibtorchNotFoundError');
  expect(error.searched.map((line) => line.split(':')[0]).slice(0, 6)).toEqual([
    'SUAVE_TORCH_BUILD',
    'local build',
    'local build in the cache',
    'LIBTORCH',
    'python3',
    'system',
  ]);
  expect(error.searched[1]).toContain(join(torch, 'build/current.json'));
  expect(error.searched[2]).toContain(join(project, 'cache/suave-torch'));
  expect(error.searched[3]).toContain(`${join(project, 'empty/lib')} has no libtorch_cpu.so`);
  expect(error.searched[4]).toContain('version 1.12.1 is not one of 1.13 to 2.x');
  expect(error.message.split('\n').length).toBeLessThan(12);
  expect(error.mend).toContain('npx suave-torch build');
  expect(error.message).toContain(error.mend);
});

test('a libtorch without its prebuilt package is named with the package', () => {
  const error = loaded(libtorch);
  const minor = facts.version.split('.').slice(0, 2).join('.');
  const lines = error.searched.filter((line) => line.includes(`libtorch ${facts.version} in ${facts.libraries}`));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`-torch${minor}${facts.cuda ? '-cuda' : ''} is not installed`);
  expect(error.mend).toMatch(/^Build the addon with `npx suave-torch build`/);
});

test('a prebuilt package of another version, C++ ABI or library name is passed over', () => {
  const target = installPrebuilt();
  const reasons = () => loaded(libtorch).searched.join('\n');
  edit(join(target, 'package.json'), (manifest) => (manifest.version = '0.0.9'));
  expect(reasons()).toContain('is of version 0.0.9, @suave/torch of ');
  edit(
    join(target, 'package.json'),
    (manifest) => (manifest.version = JSON.parse(readFileSync(join(torch, 'package.json'), 'utf8')).version),
  );
  edit(join(target, 'build.json'), (built) => (built.abi = 1 - facts.abi));
  expect(reasons()).toContain('another C++ ABI');
  edit(join(target, 'build.json'), (built) => {
    built.abi = facts.abi;
    built.needs = ['libc10.so.9.9'];
  });
  expect(reasons()).toContain('is linked to libc10.so.9.9');
});

test('a damaged binary, and one for another kind of machine, are told', () => {
  const folder = localBuild();
  for (const length of [0, 1000, statSync(join(build, 'suave_torch.node')).size - 1]) {
    truncateSync(join(folder, 'suave_torch.node'), length);
    expect(loaded().message).toContain('suave_torch.node is damaged: it ');
    localBuild();
  }
  const bytes = readFileSync(join(build, 'suave_torch.node'));
  bytes.writeUInt16LE(243, 18); // e_machine: RISC-V
  writeFileSync(join(folder, 'suave_torch.node'), bytes);
  expect(loaded().message).toContain('is for another kind of machine (ELF machine 243');
  localBuild();
  spoil(join(folder, 'suave_torch.node'));
  expect(loaded().message).toContain('suave_torch.node does not load: ');
  localBuild({ platform: 'plan9' });
  expect(loaded().searched[1]).toContain('is for plan9-');
});

test('a build for a libtorch that was replaced or removed is passed over', () => {
  localBuild({ version: '1.12.0' });
  expect(loaded().searched[1]).toContain(
    `was built against libtorch 1.12.0 in ${facts.libraries}, where ${facts.version} is now`,
  );
  localBuild({ libraries: join(project, 'gone') });
  expect(loaded().searched[1]).toContain(`now: ${join(project, 'gone')} has no libtorch_cpu.so`);
});

test('SUAVE_TORCH_BUILD is obeyed, and alone', () => {
  installPrebuilt();
  const error = loaded({ SUAVE_TORCH_BUILD: join(project, 'nowhere') });
  expect(error.searched).toEqual([`SUAVE_TORCH_BUILD: ${join(project, 'nowhere/suave_torch.node')} does not exist`]);
  expect(error.mend).toContain('Unset SUAVE_TORCH_BUILD');
  expect(loaded({ SUAVE_TORCH_BUILD: build })).toMatchObject({ sum: 3, folder: facts.libraries });
});

test('the doctor says what is there, and ends with 0 only when the addon loads', () => {
  const doctor = () =>
    runIn(project, process.execPath, [join(torch, 'bin/suave-torch.mjs'), 'doctor'], environment(libtorch));
  const ill = doctor();
  expect(ill.status).toBe(1);
  expect(ill.stdout).toContain('loads: no');
  expect(ill.stdout).toContain('is not installed');
  installPrebuilt();
  const well = doctor();
  expect(well.stdout).toContain(`${facts.version}`);
  expect(well.stdout).toContain('loads: yes');
  expect(well.status).toBe(0);
});
