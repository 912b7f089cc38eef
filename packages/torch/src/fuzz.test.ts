/** @file No value that JavaScript can give to a function of the addon ends the process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { native } from './native.js';

const script = fileURLToPath(new URL('../native/tests/fuzz.mjs', import.meta.url));
const door = new URL('../dist/native.js', import.meta.url).href;

it.each([1, 2])('lives through values of wrong kinds, seed %i', (seed) => {
  const run = spawnSync(process.execPath, [script, door, String(seed), '60'], { encoding: 'utf8' });
  expect({ signal: run.signal, status: run.status, stderr: run.stderr.slice(-2000) }).toEqual({
    signal: null,
    status: 0,
    stderr: expect.any(String),
  });
  const result = JSON.parse(run.stdout) as {
    functions: number;
    calls: number;
    errors: number;
    untyped: string[];
    shape: string;
  };
  expect(result.functions).toBe(Object.keys(native).length);
  expect(result.untyped).toEqual([]);
  expect(result.shape).toBe('2,3');
  expect(result.errors).toBeGreaterThan(result.calls / 4);
});
