/** @file The examples of packages/torch run as their README says, and print what they should. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'packages/torch/examples');
const folder = mkdtempSync(join(tmpdir(), 'suave-examples-'));

afterAll(() => rmSync(folder, { recursive: true }));

function run(program: string, ...args: string[]): string[] {
  const ended = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' });
  expect(ended.stderr).toBe('');
  expect(ended.status).toBe(0);
  return ended.stdout.trimEnd().split('\n');
}

/** The number at the end of the last line. */
function result(lines: string[], text: string): number {
  const last = lines.at(-1) ?? '';
  expect(last).toMatch(new RegExp(`^${text}: [\\d.]+$`));
  return Number(last.slice(text.length + 2));
}

describe('examples in JavaScript', () => {
  it('xor.mjs learns XOR', () => {
    expect(run(join(examples, 'xor.mjs')).at(-1)).toBe('0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1: 0, 1, 1, 0');
  });

  it('data-parallel.mjs learns with two worker threads', () => {
    expect(result(run(join(examples, 'data-parallel.mjs')), 'final loss of 2 workers')).toBeLessThan(1.5);
  });
});

describe('examples in TypeScript', () => {
  const compiled = join(examples, 'compiled');

  beforeAll(() => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const ended = spawnSync(process.execPath, [tsc, '-p', examples], { encoding: 'utf8' });
    expect(ended.stdout).toBe('');
    expect(ended.status).toBe(0);
  });

  it('conv-net.ts tells shapes apart', () => {
    expect(result(run(join(compiled, 'conv-net.js')), 'accuracy on unseen shapes')).toBeGreaterThan(0.9);
  });

  it('vision-transformer.ts tells stripes apart', () => {
    const lines = run(join(compiled, 'vision-transformer.js'));
    expect(result(lines, 'accuracy over the last 10 batches')).toBeGreaterThan(0.9);
  });

  it('transfer.ts reads a checkpoint and saves safetensors', () => {
    const lines = run(join(compiled, 'transfer.js'), join(examples, 'mlp.pth'), 'mlp.safetensors');
    expect(lines[0]).toBe('zip file with 8 tensors');
    expect(lines).toContain('  /model/0.weight: float32 [8, 4]');
    expect(lines.at(-1)).toBe('mlp.safetensors: 4 tensors, equal, metadata {"source":"mlp.pth"}');
  });
});

it('each has fewer than 80 lines', () => {
  const programs = readdirSync(examples).filter((name) => /\.(mjs|ts)$/.test(name));
  expect(programs).toHaveLength(5);
  for (const name of programs) {
    expect(readFileSync(join(examples, name), 'utf8').split('\n').length, name).toBeLessThan(81);
  }
});
