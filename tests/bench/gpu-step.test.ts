/** @file The two sides of the bench of whole steps do the same arithmetic: on the same weights and views, in float32, their losses are equal. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pythonWith, whyNoPython } from '../fixtures/python.js';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const modules = ['torch', 'torchvision', 'timm'] as const;
const python = pythonWith(...modules);

interface Outcome {
  readonly parity: { readonly losses: { ours: number[]; theirs: number[] }; readonly differences: number[] };
}

/** Runs the bench up to the comparison of losses. */
function compared(model: string): Outcome {
  const args = ['gpu-step', '--model', model, '--device', 'cpu', '--losses', '--threads', '1', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bench/run.mjs', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 230_000,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Outcome;
}

describe.skipIf(python === null)(`steps of the GPU bench${whyNoPython(python, ...modules)}`, () => {
  // Suave with queue, teacher, mixed pairs and online heads under LARS; the bench itself compares its other models before it measures them.
  it.each(['resnet18'])('%s: first losses equal those of PyTorch', { timeout: 240_000 }, (model) => {
    const { losses, differences } = compared(model).parity;
    expect(losses.ours.length).toBeGreaterThan(1);
    expect(losses.ours.every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
    expect(new Set(losses.ours).size).toBe(losses.ours.length);
    expect(differences[0]).toBeLessThan(1e-4);
    expect(Math.max(...differences)).toBeLessThan(2e-3);
  });
});
