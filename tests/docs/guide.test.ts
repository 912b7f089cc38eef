/** @file The guide from PyTorch to TypeScript: its TypeScript compiles under strict settings, runs, and gives what Python gives. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleOf, readGuide, typeErrors } from './idioms.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const guide = readGuide(join(root, 'docs/pytorch-to-typescript.md'));
const module = moduleOf(guide);
const folder = mkdtempSync(join(tmpdir(), 'suave-guide-'));

/** What a cell gave: see make-guide-values.py. */
type Value = number | string | boolean | null | Value[] | { shape: number[]; dtype: string; data: number[] };
type Expected = { readonly python: string; readonly value: Value };
const expectations = readFileSync(new URL('guide-values.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Expected);

let values: (Value | { error: string })[] = [];

beforeAll(() => {
  copyFileSync(join(root, 'packages/torch/examples/mlp.pth'), join(folder, 'mlp.pth'));
  const door = new URL('../../packages/torch/dist/index.js', import.meta.url).href;
  const { outputText } = ts.transpileModule(module.replaceAll('@suave/torch', door), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: folder,
    encoding: 'utf8',
    input: outputText,
  });
  expect(run.stderr).toBe('');
  values = JSON.parse(run.stdout);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Lists and tensors as nested plain values, numbers rounded by comparing closely. */
function expectClose(got: unknown, wanted: unknown, where: string): void {
  if (typeof wanted === 'number' && typeof got === 'number') {
    expect(Math.abs(got - wanted), `${where}: got ${got}, Python ${wanted}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(wanted),
    );
  } else if (typeof wanted === 'object' && wanted !== null && typeof got === 'object' && got !== null) {
    expect(Object.keys(got), where).toEqual(Object.keys(wanted));
    for (const [key, value] of Object.entries(wanted)) expectClose((got as Record<string, unknown>)[key], value, where);
  } else expect(got, where).toEqual(wanted);
}

describe('the guide', () => {
  it('compiles under strict settings', () => {
    expect(typeErrors(module, join(root, 'packages/torch/examples/guide.ts'))).toEqual([]);
  });

  it('has many idioms, and all run', () => {
    expect(guide.idioms.length).toBeGreaterThan(100);
    const failures = guide.idioms.flatMap(({ typescript }, i) => {
      const value = values[i];
      return typeof value === 'object' && value !== null && 'error' in value ? [`${typescript}: ${value.error}`] : [];
    });
    expect(failures).toEqual([]);
  });

  it('gives what Python gives', () => {
    const byPython = new Map(expectations.map((expected) => [expected.python, expected]));
    let compared = 0;
    for (const [i, { python, typescript }] of guide.idioms.entries()) {
      if (python === null) continue;
      const expected = byPython.get(python);
      expect(expected, `${python} is not in guide-values.jsonl: run make-guide-values.py`).toBeDefined();
      if (expected === undefined || expected.value === null || values[i] === null) continue;
      expectClose(values[i], expected.value, typescript);
      compared++;
    }
    expect(compared).toBeGreaterThan(90);
  });
});
