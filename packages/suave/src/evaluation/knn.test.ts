import fc from 'fast-check';
import { describe, expect, it as itOnHost } from 'vitest';
import { itOnDevice as it, within } from '../../../../tests/fixtures/devices.js';
import { cat, manualSeed, randn, scope, type Tensor, tensor } from '../../../../tests/fixtures/torch-on-device.js';
import { neighbourScores } from './knn.js';

const bank = () => ({
  features: tensor([
    [1, 0],
    [2, 0.2],
    [0, 3],
    [-1, 0.1],
  ]),
  labels: tensor([0, 0, 1, 2], { dtype: 'int64' }),
});

describe('neighbourScores', () => {
  it('sums exp(cosine / T) of the nearest rows by class, whatever the lengths', () => {
    scope(() => {
      const scores = neighbourScores(bank(), tensor([[5, 0]]), { k: 2, numClasses: 3, temperature: 0.5 });
      const [[zero, one, two]] = scores.toArray() as number[][];
      expect(zero).toBeCloseTo(Math.exp(2) + Math.exp(2 / Math.sqrt(1.01)), 4);
      expect([one, two]).toEqual([0, 0]);
    });
  });

  it('does not depend on how many images are measured at once', () => {
    manualSeed(1);
    scope(() => {
      const large = {
        features: randn([300, 8]),
        labels: tensor(Array.from({ length: 300 }, (_, i) => i % 5)).to('int64'),
      };
      const queries = randn([7, 8]);
      const options = { k: 20, numClasses: 5 };
      const one = (row: number): Tensor => neighbourScores(large, queries.narrow(0, row, 1), options);
      const together = neighbourScores(large, queries, options).data() as Float32Array;
      const apart = cat([0, 1, 2, 3, 4, 5, 6].map(one)).data() as Float32Array;
      together.forEach((value, i) => {
        expect(Math.abs(value - apart[i]) / (1 + value)).toBeLessThan(within(1e-5));
      });
      expect(neighbourScores(large, queries.narrow(0, 0, 0), options).shape).toEqual([0, 5]);
    });
  });

  it('lets every image vote for its own class when k is 1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 4 }), (images, seed) => {
        manualSeed(seed);
        scope(() => {
          const labels = Array.from({ length: images }, (_, i) => (i * 7) % 3);
          const own = { features: randn([images, 6]), labels: tensor(labels).to('int64') };
          const scores = neighbourScores(own, own.features, { k: 1, numClasses: 3 });
          expect(Array.from(scores.argmax({ dim: 1 }).data() as BigInt64Array, Number)).toEqual(labels);
        });
      }),
      { numRuns: 20 },
    );
  });

  itOnHost.each([0, 5, 1.5])('refuses k = %s of four images', (k) => {
    scope(() => {
      expect(() => neighbourScores(bank(), tensor([[1, 0]]), { k, numClasses: 3 })).toThrow(
        expect.objectContaining({ code: 'USAGE_NEIGHBOURS', exitCode: 2 }),
      );
    });
  });
});
