/** @file What is in the tarball of @suave/torch, and what its manifest says. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packTorch } from '../../packages/torch/scripts/pack.mjs';
import { temporaryFolder, torchRoot } from './staged.js';

interface Manifest {
  name: string;
  version: string;
  types: string;
  bin: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  sideEffects: string[];
  scripts?: unknown;
  optionalDependencies: Record<string, string>;
  dependencies: Record<string, string>;
}

let folder: string;
let packed: ReturnType<typeof packTorch>;
let manifest: Manifest;

beforeAll(() => {
  folder = temporaryFolder();
  packed = packTorch(folder);
  spawnSync('tar', ['-xzf', packed.filename, '-C', folder]);
  manifest = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8'));
});

afterAll(() => rmSync(folder, { recursive: true }));

test('it holds what runs, what builds, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const kinds = [
    /^(package\.json|README\.md|LICENSE)$/,
    /^dist\/.*\.(js|d\.ts)$/,
    /^native\/((preload|cuda-words\/crt)\/)?[\w-]+\.(cc|h)$/,
    /^native\/CMakeLists\.txt$/,
    /^scripts\/[\w-]+\.(mjs|d\.mts)$/,
    /^bin\/suave-torch\.mjs$/,
  ];
  expect(paths.filter((path) => !kinds.some((kind) => kind.test(path)))).toEqual([]);
  expect(paths.filter((path) => /test|fixture|\.map$|tsbuildinfo|make-prebuilt|pack\.mjs/.test(path))).toEqual([]);
  for (const path of [
    'dist/index.js',
    'dist/index.d.ts',
    'native/addon.cc',
    'native/preload/preload.cc',
    'LICENSE',
    'README.md',
  ])
    expect(paths).toContain(path);
});

test('it is small: under 1 MiB packed, 6 MiB unpacked', () => {
  expect(packed.size).toBeLessThan(1 << 20);
  expect(packed.unpackedSize).toBeLessThan(6 << 20);
});

test('`npm pack` of the folder itself holds the same kinds of files', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: torchRoot,
    encoding: 'utf8',
  });
  const [listed] = Object.values(JSON.parse(stdout)) as [{ files: { path: string }[] }];
  expect(listed.files.map(({ path }) => path).sort()).toEqual(packed.files.map(({ path }) => path).sort());
});

test('every file that the manifest names is there', () => {
  const named = [manifest.types, ...Object.values(manifest.bin), ...manifest.sideEffects];
  for (const entry of Object.values(manifest.exports))
    named.push(...(typeof entry === 'string' ? [entry] : Object.values(entry)));
  for (const path of named) expect(existsSync(join(folder, 'package', path)), path).toBe(true);
  const [conditions] = Object.values(manifest.exports);
  expect(Object.keys(conditions ?? {})[0]).toBe('types');
  const [bin] = packed.files.filter(({ path }) => path === 'bin/suave-torch.mjs');
  expect((bin?.mode ?? 0) & 0o111).toBe(0o111);
});

test('nothing runs at the installation, and prebuilt packages are optional, of the same version', () => {
  expect(manifest.scripts).toBeUndefined();
  expect(Object.keys(manifest.dependencies)).toEqual(['node-api-headers']);
  const prebuilt = Object.entries(manifest.optionalDependencies);
  expect(prebuilt.map(([name]) => name)).toEqual([
    '@suave/torch-linux-x64-torch1.13',
    '@suave/torch-linux-x64-torch2.13',
    '@suave/torch-linux-x64-torch2.13-cuda',
  ]);
  expect(new Set(prebuilt.map(([, version]) => version))).toEqual(new Set([manifest.version]));
});

test('no file names a source map or an import that is not there', () => {
  for (const { path } of packed.files.filter(({ path }) => /^dist\/.*\.(js|d\.ts)$/.test(path))) {
    const text = readFileSync(join(folder, 'package', path), 'utf8');
    expect(text).not.toContain('sourceMappingURL');
    for (const [, specifier] of text.matchAll(/^(?:import|export) [^'"]*from '(\.[^']+)'/gm)) {
      expect(existsSync(join(folder, 'package', path, '..', specifier ?? '')), `${path}: ${specifier}`).toBe(true);
    }
  }
});
