import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classPrior } from './class-prior.js';

describe('classPrior', () => {
  test('follows the labels, and a class without labels keeps a share', () => {
    expect(classPrior([7, 2, 0])).toEqual([8 / 12, 3 / 12, 1 / 12]);
    expect(classPrior([7, 2, 0], { smoothing: 3 })).toEqual([10 / 18, 5 / 18, 3 / 18]);
  });

  test('gives extra prototypes the share of an average class', () => {
    const [a, b, ...extra] = classPrior([5, 1], { extraPrototypes: 2 });
    expect([a, b]).toEqual([6 / 8 / 2, 2 / 8 / 2]);
    expect(extra).toEqual([0.25, 0.25]);
  });

  test('sums to 1, and equal counts give equal shares to the last bit', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(counts, fc.integer({ min: 0, max: 20 }), (c, extraPrototypes) => {
        const prior = classPrior(c, { extraPrototypes });
        expect(prior.length).toBe(c.length + extraPrototypes);
        expect(Math.min(...prior)).toBeGreaterThan(0);
        expect(prior.reduce((sum, share) => sum + share)).toBeCloseTo(1, 12);
        const equal = classPrior(
          c.map(() => c[0]),
          { extraPrototypes },
        );
        expect(new Set(equal).size).toBe(1);
      }),
    );
  });

  test('refuses what is no count', () => {
    expect(() => classPrior([])).toThrow(/at least one class/);
    expect(() => classPrior([1, -1])).toThrow(/got counts \[1, -1\]/);
    expect(() => classPrior([1, 2], { smoothing: 0 })).toThrow(/smoothing > 0/);
  });
});
