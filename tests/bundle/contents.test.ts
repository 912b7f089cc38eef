/** @file What is in the bundle, by the list that it is made from, and that the same files always give the same archive. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pack } from '../../scripts/lib/bundle-archive.mjs';
import { bundleContents } from '../../scripts/lib/bundle-contents.mjs';
import { root, temporaryFolder } from '../pack/staged.js';

interface Entry {
  path: string;
  from?: string;
  text?: string;
  link?: string;
  executable?: boolean;
}

const program: Entry[] = bundleContents();
const withTests: Entry[] = bundleContents({ withTests: true });
const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
  readFileSync(join(root, 'package-lock.json'), 'utf8'),
);
const paths = (entries: Entry[]) => entries.map(({ path }) => path);
/** Folder of the npm package that a file belongs to, as the lock file names it. */
const packageOf = (path: string) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

test('all that installing and running needs is there, once, sorted', () => {
  const found = paths(program);
  expect(found).toEqual([...new Set(found)].sort());
  for (const path of [
    ...['install.sh', 'bin/suave', 'LICENSE', 'README.md', 'docs/bundle.md', 'scripts/bundle/install.mjs'],
    ...['packages/torch/native/CMakeLists.txt', 'packages/torch/native/preload/preload.cc'],
    ...['packages/torch/native/cuda-words/crt/host_defines.h', 'packages/torch/scripts/build-native.mjs'],
    ...['packages/torch/dist/index.js', 'packages/suave/dist/cli/main.js', 'packages/suave/bin/suave.js'],
    ...['packages/suave/native/augment.cc', 'packages/suave/dist/pages/report.js'],
    ...['node_modules/node-api-headers/include/node_api.h', 'node_modules/sharp/package.json'],
    ...['node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm', 'node_modules/echarts/LICENSE'],
  ])
    expect(found, path).toContain(path);
  expect(found.filter((path) => path.startsWith('node_modules/@img/sharp-linux-x64/')).length).toBeGreaterThan(1);
  const executable = program.filter((entry) => entry.executable).map(({ path }) => path);
  expect(executable).toEqual(expect.arrayContaining(['bin/suave', 'install.sh', 'packages/suave/bin/suave.js']));
});

test('nothing of development is there, nor what only it reads', () => {
  const packages = new Set(
    paths(program)
      .map(packageOf)
      .filter((name) => name !== undefined),
  );
  expect([...packages].filter((name) => lock.packages[name]?.dev === true)).toEqual([]);
  expect(packages.size).toBeGreaterThan(20);
  expect(
    paths(program).filter((path) => /\.map$|\.test\.|^tests\/|^bench\/|\/src\/.*(?<!\.d)\.ts$/.test(path)),
  ).toEqual([]);
});

test('with the tests comes what they are run with', () => {
  const found = new Set(paths(withTests));
  expect(paths(program).filter((path) => !found.has(path))).toEqual([]);
  for (const path of [
    ...['vitest.config.ts', 'tests/golden/data/manifest.json', 'packages/torch/src/tensor.test.ts', 'bench/run.mjs'],
    ...['node_modules/vitest/vitest.mjs', 'node_modules/fast-check/package.json', 'scripts/test.mjs'],
  ])
    expect(found, path).toContain(path);
  expect([...found].filter((path) => /node_modules\/(@biomejs|typedoc|@huggingface)\//.test(path))).toEqual([]);
});

test('no file of ours names a folder of this machine', () => {
  const ours = program.filter(({ path, link }) => link === undefined && packageOf(path) === undefined);
  const names = [root.replace(/\/$/, ''), ...(homedir() === '/root' ? [] : [homedir()])];
  const telling = ours.filter(({ from = '', text }) => {
    const content = text ?? (statSync(from).size < 2e6 ? readFileSync(from, 'latin1') : '');
    return names.some((name) => content.includes(`${name}/`));
  });
  expect(paths(telling)).toEqual([]);
});

test('every link leads to something in the bundle', () => {
  const found = paths(program);
  const links = program.filter(({ link }) => link !== undefined);
  expect(links).toHaveLength(2);
  for (const { path, link = '' } of links) {
    const target = join(path, '..', link);
    expect(
      found.some((name) => name.startsWith(`${target}/`)),
      `${path} → ${link}`,
    ).toBe(true);
  }
});

/** The archive of a small folder, made with some time and mode of its files. */
function archived(name: string, seconds: number, mode: number): string {
  const source = join(folder, name, 'suave');
  mkdirSync(join(source, 'sub'), { recursive: true });
  for (const file of name === 'first' ? ['b', 'sub/a'] : ['sub/a', 'b']) {
    writeFileSync(join(source, file), `content of ${file}`);
    chmodSync(join(source, file), mode);
    utimesSync(join(source, file), seconds, seconds);
  }
  const out = join(folder, `${name}.tar.gz`);
  pack(source, out);
  expect(existsSync(`${out}.part`)).toBe(false);
  return createHash('sha256').update(readFileSync(out)).digest('hex');
}

test('the same files give the same archive, whenever and by whomever it is made', () => {
  expect(archived('first', 1e9, 0o600)).toBe(archived('second', 1.5e9, 0o666));
  expect(paths(bundleContents())).toEqual(paths(program));
});

test('an archive is named for what it is', () => {
  expect(() => pack(folder, join(folder, 'bundle.zip'))).toThrow('ends in .tar.gz or .tar.xz');
});
