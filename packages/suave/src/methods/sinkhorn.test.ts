import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { itOnDevice as test } from '../../../../tests/fixtures/devices.js';
import { full, manualSeed, rand, scope, tensor } from '../../../../tests/fixtures/torch-on-device.js';
import { sinkhornKnopp } from './sinkhorn.js';

const SCORES = [
  [0.9, 0.1, -0.2],
  [0.8, 0.3, 0],
  [0.7, -0.1, 0.2],
  [0.85, 0.05, 0.6],
];

function assignments(scores: number[][], epsilon: number, iterations = 3): number[][] {
  return scope(() =>
    sinkhornKnopp(tensor(scores, { dtype: 'float64' }), { epsilon, iterations }).toArray(),
  ) as number[][];
}

function expectClose(got: number[][], expected: number[][], digits = 6): void {
  expect(got.flat().length).toBe(expected.flat().length);
  for (const [i, value] of got.flat().entries()) expect(value).toBeCloseTo(expected.flat()[i], digits);
}

describe('sinkhornKnopp', () => {
  test('gives the published values', () => {
    expectClose(assignments(SCORES, 0.05), [
      [0.900348, 0.099652, 0.000001],
      [0.021905, 0.978087, 0.000008],
      [0.794899, 0.08798, 0.117121],
      [0.04352, 0.004817, 0.951663],
    ]);
    expectClose(assignments(SCORES, 0.05, 1), [
      [0.973541, 0.026459, 0],
      [0.083582, 0.916413, 0.000006],
      [0.947835, 0.02576, 0.026405],
      [0.193734, 0.005265, 0.801001],
    ]);
    expectClose(assignments(SCORES, 0.5), [
      [0.449587, 0.377593, 0.172819],
      [0.309526, 0.473678, 0.216796],
      [0.320914, 0.269524, 0.409562],
      [0.253548, 0.212946, 0.533506],
    ]);
  });

  test('takes queue rows in front', () => {
    const queue = [
      [0.2, 0.9, 0.1],
      [0, 0.1, 0.8],
      [0.3, 0.7, -0.3],
      [-0.1, 0.2, 0.95],
    ];
    expectClose(assignments([...queue, ...SCORES], 0.1).slice(4), [
      [0.997654, 0.002289, 0.000057],
      [0.954906, 0.043997, 0.001097],
      [0.975254, 0.002237, 0.022509],
      [0.77914, 0.001787, 0.219073],
    ]);
  });

  test('works for one sample, one prototype, and half types', () => {
    expectClose(assignments([[0.3, -0.2]], 0.05), [[0.5, 0.5]]);
    expectClose(assignments([[0.3], [0.1]], 0.05), [[1], [1]]);
    scope(() => {
      const q = sinkhornKnopp(tensor(SCORES, { dtype: 'bfloat16' }));
      expect(q.dtype).toBe('float32');
    });
  });

  test('sends no gradient back', () => {
    scope(() => {
      const scores = tensor(SCORES, { requiresGrad: true });
      expect(sinkhornKnopp(scores).requiresGrad).toBe(false);
    });
  });

  test('refuses wrong shapes and options', () => {
    scope(() => {
      expect(() => sinkhornKnopp(tensor([1, 2]))).toThrow(/expected scores \[N, K\], got \[2\]/);
      expect(() => sinkhornKnopp(tensor(SCORES), { epsilon: 0 })).toThrow(/epsilon > 0/);
      expect(() => sinkhornKnopp(tensor(SCORES), { iterations: 0 })).toThrow(/iterations ≥ 1/);
    });
  });
});

describe('sinkhornKnopp with a prior', () => {
  const matrices = fc.record({
    rows: fc.integer({ min: 1, max: 20 }),
    columns: fc.integer({ min: 1, max: 9 }),
    seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  });

  /** Scores [rows, columns] and a prior [columns] with shares up to a factor of 20 apart. */
  function drawn({ rows, columns, seed }: { rows: number; columns: number; seed: number }) {
    manualSeed(seed);
    const scores = rand([rows, columns], { dtype: 'float64' }).mul(1.8).sub(0.9);
    const shares = rand([columns], { dtype: 'float64' }).mul(0.95).add(0.05);
    return { scores, prior: shares.div(shares.sum()) };
  }

  test('keeps rows at 1 and, converged, gives every prototype its share', () => {
    fc.assert(
      fc.property(matrices, (drawing) =>
        scope(() => {
          const { scores, prior } = drawn(drawing);
          const q = sinkhornKnopp(scores, { epsilon: 0.3, iterations: 1000, prior });
          for (const sum of q.sum([1]).data() as Float64Array) expect(sum).toBeCloseTo(1, 12);
          const apart = q.mean([0]).sub(prior).abs().max().item();
          expect(apart).toBeLessThan(1e-6);
        }),
      ),
      { numRuns: 15 },
    );
  });

  test('of equal shares is bit-equal to none, at every number of rounds', () => {
    fc.assert(
      fc.property(matrices, fc.integer({ min: 1, max: 4 }), (drawing, iterations) =>
        scope(() => {
          const { scores } = drawn(drawing);
          const { columns } = drawing;
          for (const share of [1 / columns, 3]) {
            const prior = full([columns], share, { dtype: 'float64' });
            for (const dtype of ['float64', 'float32'] as const) {
              const given = scores.to(dtype);
              const q = sinkhornKnopp(given, { iterations, prior });
              expect(q.bytes()).toEqual(sinkhornKnopp(given, { iterations }).bytes());
            }
          }
        }),
      ),
      { numRuns: 25 },
    );
  });

  test('refuses one of another length', () => {
    scope(() => {
      expect(() => sinkhornKnopp(tensor(SCORES), { prior: tensor([0.5, 0.5]) })).toThrow(/a prior \[3\].*got \[2\]/);
    });
  });

  test('takes epsilon as a tensor, with the bits of the number', () => {
    scope(() => {
      const scores = tensor(SCORES, { dtype: 'float64' });
      const epsilon = tensor(0.07, { dtype: 'float64' });
      expect(sinkhornKnopp(scores, { epsilon }).bytes()).toEqual(sinkhornKnopp(scores, { epsilon: 0.07 }).bytes());
    });
  });
});
