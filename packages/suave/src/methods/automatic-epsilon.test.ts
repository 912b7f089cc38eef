import { afterEach, describe, expect } from 'vitest';
import { itOnDevice as test, testDevice } from '../../../../tests/fixtures/devices.js';
import {
  liveTensors,
  manualSeed,
  rand,
  scope,
  softmax,
  type Tensor,
  tensor,
} from '../../../../tests/fixtures/torch-on-device.js';
import { Assigner } from './assignments.js';
import { assignmentEntropy } from './automatic-epsilon.js';

const disposables: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of disposables.splice(0)) each.dispose();
});

const embeddings = () => [tensor([[0]], { dtype: 'float64' })];
const network = { prototypeLogits: () => [] };
const automatic = (): Assigner => {
  const assigner = new Assigner({ epsilon: 'auto' });
  disposables.push(assigner);
  return assigner;
};

/** Scores [64, 10] of step `step` whose spread is `spread`. */
function scores(step: number, spread: number): Tensor {
  manualSeed(step);
  return rand([64, 10], { dtype: 'float64' }).sub(0.5).mul(spread);
}

/** One step; ε and the entropy of its assignments. */
function follow(assigner: Assigner, step: number, spread: number): { epsilon: number; entropy: number } {
  return scope(() => {
    const [crops] = assigner.assign(embeddings(), [[scores(step, spread), scores(step + 500, spread)]], network, 0);
    return { epsilon: assigner.nextEpsilon()!.item(), entropy: assignmentEntropy(crops).item() };
  });
}

describe('assignmentEntropy', () => {
  test('is 0 for one prototype per image and 1 for all alike, whatever their number', () => {
    const entropy = (rows: number[][]) => scope(() => assignmentEntropy([tensor(rows)]).item());
    expect(entropy([[1, 0, 0, 0], [0, 0, 1, 0]])).toBe(0); // biome-ignore format: one row each
    expect(entropy([[0.25, 0.25, 0.25, 0.25]])).toBeCloseTo(1, 6);
    expect(entropy([[0.5, 0.5, 0, 0], [1, 0, 0, 0]])).toBeCloseTo(0.25, 6); // biome-ignore format: one row each
  });
});

describe('automatic epsilon', () => {
  const spreads = [0.1, 0.3, 1];
  for (const spread of spreads)
    test(`keeps assignments sharper than the predictions for scores of spread ${spread}`, () => {
      const assigner = automatic();
      for (let step = 0; step < 200; step++) follow(assigner, step, spread);
      const { epsilon, entropy } = follow(assigner, 200, spread);
      const predicted = scope(() => assignmentEntropy([softmax(scores(200, spread).div(0.1), 1)]).item());
      expect(entropy).toBeCloseTo(0.8 * predicted ** 2, 1);
      expect(entropy).toBeLessThan(predicted);
      expect(epsilon).toBeLessThan(0.1);
    });

  test('stays in its range where all scores are alike', () => {
    const assigner = automatic();
    for (let step = 0; step < 150; step++) follow(assigner, step, 0);
    expect(follow(assigner, 150, 0).epsilon).toBeCloseTo(0.005, 9);
  });

  test('starts at 0.05, continues from a state bit for bit, and keeps no other tensor', () => {
    const straight = automatic();
    expect(straight.state().size).toBe(0);
    const steps = (assigner: Assigner, from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => follow(assigner, from + i, 0.8));
    const whole = steps(straight, 0, 8);
    expect(Math.abs(Math.log(whole[0].epsilon / 0.05))).toBeLessThan(0.1);
    const first = automatic();
    const half = steps(first, 0, 4);
    const { count } = liveTensors();
    steps(first, 4, 6);
    expect(liveTensors().count).toBe(count);
    const second = automatic();
    const again = automatic();
    steps(again, 0, 4);
    scope(() =>
      second.loadState(new Map([...again.state()].map(([name, value]) => [name, value.clone()])), testDevice()),
    );
    expect([...half, ...steps(second, 4, 8)]).toEqual(whole);
  });
});
