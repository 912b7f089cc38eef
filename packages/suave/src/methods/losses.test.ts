import { describe, expect } from 'vitest';
import { itOnDevice as test } from '../../../../tests/fixtures/devices.js';
import { scope, type Tensor, tensor } from '../../../../tests/fixtures/torch-on-device.js';
import { logProbabilities, lossWeights, mixedLoss, smoothTargets, softCrossEntropy, swappedLoss } from './losses.js';
import { sinkhornKnopp } from './sinkhorn.js';

const T = 0.1;
const VIEW_0 = [
  [0.9, 0.1, -0.2],
  [0.8, 0.3, 0],
  [0.7, -0.1, 0.2],
  [0.85, 0.05, 0.6],
];
const VIEW_1 = [
  [0.5, 0.2, 0.1],
  [0.4, 0.6, -0.1],
  [0.1, 0, 0.3],
  [0.9, -0.2, 0.4],
];
const MIXED = [
  [0.3, 0.1, 0],
  [0.2, 0.5, 0.1],
  [-0.2, 0.4, 0.6],
  [0.7, 0, 0.1],
];

const f64 = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'float64' });
const q = (scores: number[][]): Tensor => sinkhornKnopp(f64(scores), { epsilon: 0.05 });

describe('losses', () => {
  test('give the published values', () => {
    scope(() => {
      const assignments = [q(VIEW_0), q(VIEW_1)];
      const views = [VIEW_0, VIEW_1].map((view) => logProbabilities(f64(view), T));
      expect(swappedLoss(views, assignments, [0, 1]).item()).toBeCloseTo(3.020295, 6);
      expect(mixedLoss([logProbabilities(f64(MIXED), T)], [0.3], assignments).item()).toBeCloseTo(2.852071, 6);
      const labeled = softCrossEntropy(
        f64([
          [0.8, 0.1, 0],
          [0.1, 0.2, 0.9],
        ]),
        f64([
          [1, 0, 0],
          [0, 0.4, 0.6],
        ]),
        { temperature: T, labelSmoothing: 0.01 },
      );
      expect(labeled.item()).toBeCloseTo(1.437247, 6);
      const hard = tensor([0, 1, 2, 0], { dtype: 'int64' });
      expect(softCrossEntropy(f64(VIEW_0), hard, { temperature: T }).item()).toBeCloseTo(2.523412, 6);
      expect(softCrossEntropy(f64(VIEW_0), hard, { temperature: T, labelSmoothing: 0.01 }).item()).toBeCloseTo(
        2.544662,
        6,
      );
      const rows = { batch: 4, views: 2, labeled: 2, mixedViews: 1, numOriginal: 2 };
      const total = (kind: 'views' | 'samples') => {
        const weights = lossWeights(rows, kind);
        return weights.unlabeled * 3.020295 + weights.labeled * 1.437247 + weights.mixed * 2.852071;
      };
      expect(total('views')).toBeCloseTo(2.717175, 5);
      expect(total('samples')).toBeCloseTo(2.746081, 5);
    });
  });

  test('weights of the published settings', () => {
    const pretrain = { batch: 32, views: 10, labeled: 32, mixedViews: 1, numOriginal: 16 };
    expect(lossWeights(pretrain)).toMatchObject({ total: 353, online: 16 / 353 });
    expect(lossWeights(pretrain).mixed).toBeCloseTo(0.00283, 5);
    expect(lossWeights(pretrain, 'samples')).toMatchObject({ total: 384, mixed: 32 / 384 });
  });

  test('smoothing keeps the sum of a row', () => {
    scope(() => {
      expect(smoothTargets(f64([[1, 0, 0, 0]]), 0.1).toArray()).toEqual([[0.9 + 0.025, 0.025, 0.025, 0.025]]);
    });
  });

  test('half scores are widened before they are divided', () => {
    scope(() => {
      const scores = tensor(VIEW_0, { dtype: 'bfloat16' });
      expect(logProbabilities(scores, T).dtype).toBe('float32');
    });
  });

  test('refuse batches that cannot be swapped or mixed', () => {
    scope(() => {
      const view = logProbabilities(f64(VIEW_0), T);
      expect(() => swappedLoss([view], [q(VIEW_0)], [0])).toThrow(/at least two unmixed views, got 1/);
      expect(() => mixedLoss([view], [], [q(VIEW_0), q(VIEW_1)])).toThrow(/one lambda per mixed view/);
    });
  });
});
