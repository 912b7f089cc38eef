import { scope, tensor } from '@suave/torch';
import { describe, expect, test } from 'vitest';
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
