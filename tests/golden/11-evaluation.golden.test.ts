/** @file Group 11: top-k accuracy and the weighted k-nearest-neighbour classifier. */
import { scope, type Tensor } from '@suave/torch';
import { expect } from 'vitest';
import { neighbourScores } from '../../packages/suave/src/evaluation/knn.js';
import { scoreOf } from '../../packages/suave/src/evaluation/metrics.js';
import { topkAccuracy } from '../../packages/suave/src/methods/accuracy.js';
import { type GoldenCase, goldenGroup } from './harness.js';
import { toTensor } from './tensors.js';

function checkNeighbours(golden: GoldenCase, dtype: 'float32' | 'float64'): void {
  scope(() => {
    const features = (name: string): Tensor => toTensor(golden.tensor(name), dtype);
    const bank = { features: features('train_features'), labels: toTensor(golden.tensor('train_labels')) };
    const scores = neighbourScores(bank, features('test_features'), {
      k: golden.number('k'),
      numClasses: golden.number('num_classes'),
      temperature: golden.number('T'),
    });
    expect(scores.dtype).toBe(dtype);
    golden.check('class_scores', scores.data() as Float64Array);
    golden.check('top1_prediction', scores.argmax({ dim: 1 }).data() as BigInt64Array);
    const labels = Int32Array.from(golden.tensor('test_labels').data as ArrayLike<number | bigint>, Number);
    const { top1, top5 } = scoreOf(scores, labels, 1);
    golden.checkValue('top1', 100 * top1);
    const [low, high] = golden.expectedValues.top5_range_over_ties as [number, number];
    expect(100 * top5).toBeGreaterThanOrEqual(low - 1e-9);
    expect(100 * top5).toBeLessThanOrEqual(high + 1e-9);
  });
}

goldenGroup('11', [
  {
    when: (golden) => Array.isArray(golden.params.topk),
    run: (golden) =>
      scope(() => {
        const ks = golden.params.topk as number[];
        const scores = toTensor(golden.tensor('output'), 'float64');
        const shares = topkAccuracy(scores, toTensor(golden.tensor('target')), ks);
        golden.checkValue(
          'accuracy',
          shares.map((share) => 100 * share.item()),
        );
      }),
  },
  {
    when: (golden) => 'k' in golden.params && 'T' in golden.params,
    variants: (golden) => ({
      float32: () => checkNeighbours(golden, 'float32'),
      float64: () => checkNeighbours(golden, 'float64'),
    }),
  },
]);
