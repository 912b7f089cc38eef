import { fromTypedArray, tensor } from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitTemperature, lossOf, scoreOf } from './metrics.js';

const scores = tensor([
  [2, 1, 0],
  [0, 3, 1],
  [1, 0, 4],
  [5, 1, 0],
]);
const labels = Int32Array.from([0, 1, 0, 0]);

describe('scoreOf', () => {
  it('counts hits overall and per class', () => {
    const score = scoreOf(scores, labels, 1);
    expect(score.top1).toBe(0.75);
    expect(score.top5).toBe(1);
    expect(score.images).toBe(4);
    expect(score.classes).toEqual([
      { top1: 2 / 3, images: 3 },
      { top1: 1, images: 1 },
      { top1: 0, images: 0 },
    ]);
    const expected = [
      [2, 1, 0],
      [3, 0, 1],
      [1, 0, 4],
      [5, 1, 0],
    ].reduce((sum, [own, ...others]) => sum - own + Math.log([own, ...others].reduce((s, x) => s + Math.exp(x), 0)), 0);
    expect(score.loss).toBeCloseTo(expected / 4, 6);
  });

  it('gives a tie to the smaller class, so that equal scores are not all right', () => {
    const tied = tensor([
      [1, 1],
      [1, 1],
    ]);
    expect(scoreOf(tied, Int32Array.from([0, 1]), 1).top1).toBe(0.5);
  });

  it('has a top-5 that is stricter with more than five classes', () => {
    const row = Float32Array.from([7, 6, 5, 4, 3, 2, 1]);
    const wide = fromTypedArray(row, [1, 7]);
    expect([0, 4, 5].map((label) => scoreOf(wide, Int32Array.from([label]), 1).top5)).toEqual([1, 1, 0]);
  });
});

describe('fitTemperature', () => {
  it('finds the temperature that the scores were made with', () => {
    // Labels in exact proportion to softmax(x / 0.25): the loss is smallest at T = 0.25.
    const rows = [
      { logits: [0.25 * Math.log(3), 0], counts: [3, 1] },
      { logits: [0, 0.25 * Math.log(7)], counts: [1, 7] },
    ];
    const values: number[][] = [];
    const truth: number[] = [];
    for (const { logits, counts } of rows) {
      counts.forEach((count, label) => {
        for (let i = 0; i < count; i++) {
          values.push(logits);
          truth.push(label);
        }
      });
    }
    expect(fitTemperature(tensor(values), Int32Array.from(truth))).toBeCloseTo(0.25, 3);
  });

  it('is never worse than any other temperature', () => {
    const best = fitTemperature(scores, labels);
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 50, noNaN: true }), (temperature) => {
        expect(lossOf(scores, labels, best)).toBeLessThanOrEqual(lossOf(scores, labels, temperature) + 1e-6);
      }),
      { numRuns: 30 },
    );
  });
});
