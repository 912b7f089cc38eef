/**
 * @file What install.sh says where something is missing: on a bundle with the files that these refusals need, and no more. That it
 * installs is tried with the whole bundle, by scripts/test-second-libtorch.mjs.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandsOf, compileDirectly, findCompiler, jobsFor } from '../../packages/torch/scripts/compile-directly.mjs';
import { findLibtorch } from '../../packages/torch/scripts/libtorch.mjs';
import { root, temporaryFolder } from '../pack/staged.js';

let folder: string;
let bundle: string;
/** A folder with the few programs of the system that install.sh itself uses. */
let tools: string;

beforeAll(() => {
  folder = temporaryFolder();
  bundle = join(folder, 'bundle');
  for (const path of ['packages/torch/package.json', 'packages/torch/scripts', 'scripts/bundle']) {
    mkdirSync(dirname(join(bundle, path)), { recursive: true });
    cpSync(join(root, path), join(bundle, path), { recursive: true });
  }
  cpSync(join(root, 'scripts/bundle/install.sh'), join(bundle, 'install.sh'));
  mkdirSync(join(bundle, 'bin'));
  cpSync(join(root, 'scripts/bundle/suave'), join(bundle, 'bin/suave'));
  symlinkSync(realpathSync(process.execPath), join(bundle, 'bin/node'));
  const bytes = statSync(join(bundle, 'bin/suave')).size;
  const sha256 = spawnSync('sha256sum', [join(bundle, 'bin/suave')], { encoding: 'utf8' }).stdout.split(' ')[0];
  writeFileSync(join(bundle, 'manifest.json'), JSON.stringify({ files: { 'bin/suave': { bytes, sha256 } } }));
  tools = join(folder, 'tools');
  mkdirSync(tools);
  for (const name of ['sh', 'uname', 'dirname', 'tail', 'ldd'])
    symlinkSync(realpathSync(`/usr/bin/${name}`), join(tools, name));
});

afterAll(() => rmSync(folder, { recursive: true }));

function install(args: string[], path = tools, at = bundle): SpawnSyncReturns<string> {
  const env = { PATH: path, HOME: folder };
  return spawnSync('/bin/sh', [join(at, 'install.sh'), ...args], { encoding: 'utf8', env });
}

/** The one line in which it refuses. */
function refusal(args: string[], path?: string, at?: string): string {
  const { status, stderr } = install(args, path, at);
  expect(status).toBe(1);
  const lines = stderr.trim().split('\n');
  expect(lines.filter((line) => /^ {4}at /.test(line))).toEqual([]);
  return lines.at(-1) ?? '';
}

test('without a compiler it says so, before anything is made', ({ skip }) => {
  if (findLibtorch({}).libtorch?.origin !== 'system') skip("this machine has no system's libtorch");
  expect(refusal([])).toMatch(/^install: there is no C\+\+ compiler: .* Install g\+\+ \(Debian: apt-get install g\+\+/);
  expect(existsSync(join(bundle, 'packages/torch/build'))).toBe(false);
});

test('a folder without PyTorch is refused by name', () => {
  expect(refusal(['--libtorch', folder])).toBe(
    `install: --libtorch ${folder} cannot be built against: ${folder}/lib has no libtorch_cpu.so. Give the folder named torch of a PyTorch 2.x, which has include/ and lib/.`,
  );
});

test('another kind of machine is refused', () => {
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'uname'), '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 || echo Linux\n', { mode: 0o755 });
  expect(refusal([], `${other}:${tools}`)).toContain(
    'this bundle is for Linux on x86_64, and this machine is Linux on aarch64',
  );
});

test('wrong usage shows the usage', () => {
  for (const args of [['--jobs', '0'], ['--nonsense'], ['--jobs']]) {
    const { status, stderr } = install(args);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: ./install.sh [--prefix DIR] [--libtorch DIR] [--jobs N]');
  }
  expect(install(['--help']).status).toBe(0);
});

test('a damaged or incomplete bundle is refused', () => {
  const copy = join(folder, 'damaged');
  cpSync(bundle, copy, { recursive: true, verbatimSymlinks: true });
  appendFileSync(join(copy, 'bin/suave'), '#');
  expect(refusal([], tools, copy)).toMatch(/1 of the bundle's files are missing or changed, the first is bin\/suave\./);
  rmSync(join(copy, 'bin/node'));
  expect(refusal([], tools, copy)).toMatch(/bin\/node is missing\. Unpack the whole archive again/);
});

test('a Node.js that does not start is explained', () => {
  const copy = join(folder, 'foreign');
  cpSync(bundle, copy, { recursive: true, verbatimSymlinks: true });
  rmSync(join(copy, 'bin/node'));
  writeFileSync(join(copy, 'bin/node'), '#!/bin/sh\necho "version GLIBC_2.99 not found" >&2\nexit 127\n', {
    mode: 0o755,
  });
  expect(refusal([], tools, copy)).toContain(
    "the bundle's Node.js does not start here (version GLIBC_2.99 not found). It needs glibc 2.28 or newer",
  );
});

function job(name: string, text: string) {
  const { libtorch } = findLibtorch();
  const compiler = findCompiler();
  if (libtorch === null || compiler === null) throw new Error('the tests need a libtorch and a compiler');
  const source = join(folder, `${name}.cc`);
  writeFileSync(source, text);
  return {
    work: join(folder, `${name}-work`),
    compiler,
    launcher: [],
    name,
    suffix: '.so',
    sources: [source],
    includes: ['/usr/include'],
    definitions: ['ANSWER=42'],
    standard: '17',
    libraries: libtorch.libraries,
    preload: '',
    jobs: jobsFor(2),
  };
}

test('the compiler alone makes a module, linked to the libtorch of one folder', () => {
  const made = job(
    'answer',
    '#include <cstdlib>\nextern "C" __attribute__((visibility("default"))) int answer() { return ANSWER; }\n',
  );
  expect(compileDirectly(made)).toBeNull();
  const header = spawnSync('readelf', ['--wide', '--dynamic', join(made.work, 'answer.so')], {
    encoding: 'utf8',
  }).stdout;
  expect(header).toContain(`[${made.libraries}]`);
  expect(readFileSync(join(made.work, 'answer.so')).subarray(1, 4).toString()).toBe('ELF');
});

test("libtorch's CUDA is linked though nothing refers to it, and many files share a precompiled header", () => {
  const libraries = join(folder, 'torch/lib');
  mkdirSync(libraries, { recursive: true });
  const sources = ['a', 'bb', 'ccc', 'd', 'e'].map((name) => {
    const file = join(folder, `${name}.cc`);
    writeFileSync(file, name);
    return file;
  });
  const one = { ...job('linked', ''), libraries, sources };
  expect(commandsOf(one, { openMp: true }).link.join(' ')).not.toContain('as-needed');
  writeFileSync(join(libraries, 'libtorch_cuda.so'), '');
  const { precompile, compile, link } = commandsOf(one, { openMp: true });
  expect(link.join(' ')).toContain(
    `-Wl,--no-as-needed ${libraries}/libtorch_cuda.so ${libraries}/libc10_cuda.so -Wl,--as-needed -ldl -fopenmp`,
  );
  expect(link).toContain(`-Wl,-rpath,${libraries}`);
  expect(precompile?.slice(-3)).toEqual([join(one.work, 'precompiled.h'), '-o', join(one.work, 'precompiled.h.gch')]);
  expect(compile).toHaveLength(5);
  expect(compile[0]).toContain(join(folder, 'ccc.cc'));
  expect(compile.every((command: string[]) => command.includes('-include') && !command.includes('/usr/include'))).toBe(
    true,
  );
  expect(commandsOf({ ...one, sources: sources.slice(0, 4) }, { openMp: false }).precompile).toBeNull();
});

test("what does not compile is answered in the compiler's words", () => {
  expect(compileDirectly(job('broken', 'int answer() { return missing; }\n'))).toMatch(
    /broken\.cc:1:\d+: error: .*missing/,
  );
  expect(compileDirectly({ ...job('old', ''), standard: '99' })).toMatch(/headers need C\+\+99/);
});
