import { fromTypedArray, scope, tensor } from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyMix, cutmixBox, drawMix, mixLabeled, mixTargets, mixViews, numMixedPairs } from './mixup.js';
import { Draws } from './random.js';

describe('cutmixBox', () => {
  it.each([
    [8, 8, 0.6, 1, 6, [0, 3, 4, 8], 0.8125],
    [224, 224, 0.25, 100, 10, [4, 196, 0, 106], 0.594388],
    [32, 32, 0.5, 16, 16, [5, 27, 5, 27], 0.527344],
  ] as const)('%i × %i, λ %d (method specification A.3)', (h, w, drawn, cy, cx, expected, corrected) => {
    const { box, lambda } = cutmixBox(h, w, drawn, cy, cx);
    expect([box.top, box.bottom, box.left, box.right]).toEqual(expected);
    expect(lambda).toBeCloseTo(corrected, 6);
  });

  it('stays inside and corrects λ to the share outside', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 64 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (h, w, drawn, at) => {
          const { box, lambda } = cutmixBox(h, w, drawn, at % h, at % w);
          expect(box.top >= 0 && box.top <= box.bottom && box.bottom <= h).toBe(true);
          expect(box.left >= 0 && box.left <= box.right && box.right <= w).toBe(true);
          expect(lambda).toBeGreaterThanOrEqual(0);
          expect(lambda).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('drawMix', () => {
  const mixes = (spec: Parameters<typeof drawMix>[1], n = 5000) => {
    const draws = new Draws(7, 0, 'labeled');
    return Array.from({ length: n }, (_, i) => drawMix(draws.at(0, i, 0, 0, 'mix'), spec, 32, 24));
  };

  it('chooses CutMix and λ as asked', () => {
    const all = mixes({ cutmixProb: 0.5, beta: 1 });
    expect(Math.abs(all.filter((mix) => mix.box).length / all.length - 0.5)).toBeLessThan(0.04);
    const lambdas = all.filter((mix) => !mix.box).map((mix) => mix.lambda);
    expect(Math.abs(lambdas.reduce((sum, x) => sum + x, 0) / lambdas.length - 0.5)).toBeLessThan(0.03);
    expect(mixes({ cutmixProb: 0, beta: 1 }, 50).every((mix) => mix.box === null)).toBe(true);
    expect(mixes({ cutmixProb: 1, beta: 1 }, 50).every((mix) => mix.box !== null)).toBe(true);
  });

  it('leaves batches unmixed with probability 1 − prob', () => {
    const all = mixes({ prob: 0.3, cutmixProb: 0.5, beta: 0.8 });
    expect(Math.abs(all.filter((mix) => mix.lambda === 1 && !mix.box).length / all.length - 0.7)).toBeLessThan(0.04);
  });

  it('is a pure function of its key', () => {
    expect(mixes({ cutmixProb: 0.5, beta: 1 }, 20)).toEqual(mixes({ cutmixProb: 0.5, beta: 1 }, 20));
  });
});

describe('mixing', () => {
  it('makes the targets of the method specification (A.3)', () => {
    const targets = scope(() =>
      mixTargets([0, 1, 2, 0], 0.3, { numClasses: 3, dtype: 'float64' }).toArray(),
    ) as number[][];
    const expected = [
      [1, 0, 0],
      [0, 0.3, 0.7],
      [0, 0.7, 0.3],
      [1, 0, 0],
    ];
    for (const [row, values] of expected.entries()) {
      for (const [k, value] of values.entries()) expect(targets[row][k]).toBeCloseTo(value, 12);
    }
    expect(() => mixTargets([0, 3], 1, { numClasses: 3 })).toThrow(/labels below 3, got 3/);
    expect(() => mixTargets([-1], 1, { numClasses: 3 })).toThrow(/got -1/);
  });

  it('mixes with the reversed batch; the middle of an odd batch with itself', () => {
    scope(() => {
      const images = fromTypedArray(Float64Array.from([0, 1, 2]), [3, 1, 1, 1]);
      expect(applyMix(images, images, { lambda: 0.25, box: null }).reshape([3]).toArray()).toEqual([1.5, 1, 0.5]);
      const box = { top: 0, bottom: 1, left: 0, right: 1 };
      expect(applyMix(images, images, { lambda: 0, box }).reshape([3]).toArray()).toEqual([2, 1, 0]);
      expect(images.reshape([3]).toArray()).toEqual([0, 1, 2]);
    });
  });

  it('extends or replaces a labeled batch', () => {
    scope(() => {
      const images = tensor([[[[1]]], [[[3]]]], { dtype: 'float64' });
      const mix = { lambda: 0.5, box: null };
      const extended = mixLabeled(images, [0, 1], mix, 'extend', { numClasses: 2, dtype: 'float64' });
      expect(extended.images.reshape([4]).toArray()).toEqual([1, 3, 2, 2]);
      expect(extended.targets.toArray()).toEqual([
        [1, 0],
        [0, 1],
        [0.5, 0.5],
        [0.5, 0.5],
      ]);
      expect(extended.numOriginal).toBe(2);
      const replaced = mixLabeled(images, [0, 1], mix, 'replace', { numClasses: 2 });
      expect(replaced.images.reshape([2]).toArray()).toEqual([2, 2]);
      expect(replaced.numOriginal).toBe(0);
    });
  });

  it('refuses views that cannot be paired', () => {
    scope(() => {
      const view = tensor([[[[1]]]]);
      expect(() => numMixedPairs(3, 'all')).toThrow(/even number of views/);
      expect(() => mixViews([view, view], [], 'globals')).toThrow(/1 mixes, got 2 views and 0 mixes/);
      const other = tensor([[[[1, 2]]]]);
      expect(() => applyMix(view, other, { lambda: 0.5, box: null })).toThrow(/one shape/);
    });
  });
});
