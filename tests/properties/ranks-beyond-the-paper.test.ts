/** @file A class prior and an automatic epsilon on two ranks: the same as all samples on one. */
import { type Collective, cat, manualSeed, rand, scope, tensor } from '@suave/torch';
import { expect, test } from 'vitest';
import { Assigner, classPrior, sinkhornKnopp } from '../../packages/suave/src/methods/index.js';
import { assertNumbers } from '../golden/compare.js';
import { simulateRanks } from '../golden/simulated-ranks.js';

const numSamples = 12;
const numPrototypes = 4;
const half = numSamples / 2;

function drawScores(step: number) {
  manualSeed(step);
  return rand([numSamples, numPrototypes], { dtype: 'float64' });
}

test('a prior is of the samples of all ranks', () => {
  scope(() => {
    const scores = drawScores(5);
    const prior = tensor(classPrior([9, 4, 1, 0]), { dtype: 'float64' });
    const parts = simulateRanks(2, (collective, rank) =>
      sinkhornKnopp(scores.narrow(0, half * rank, half), { prior, collective }),
    );
    const whole = sinkhornKnopp(scores, { prior }).data() as Float64Array;
    assertNumbers(cat(parts).data() as Float64Array, whole, { atol: 1e-12 }, 'two ranks');
  });
});

test('an automatic epsilon is the same on all ranks, and that of one rank', () => {
  /** ε after three steps on the rows from `start` on. */
  const epsilonAfter = (start: number, rows: number, collective: Collective | null): number =>
    scope(() => {
      const assigner = new Assigner({ epsilon: 'auto', collective });
      try {
        for (let step = 0; step < 3; step++) {
          const scores = drawScores(step).narrow(0, start, rows);
          assigner.assign([scores], [[scores]], { prototypeLogits: () => [] }, 0);
        }
        return assigner.nextEpsilon()!.item();
      } finally {
        assigner.dispose();
      }
    });
  const [first, second] = simulateRanks(2, (collective, rank) => epsilonAfter(half * rank, half, collective));
  expect(first).toBe(second);
  expect(first).toBeCloseTo(epsilonAfter(0, numSamples, null), 12);
});
