/** @file Group 11: top-k accuracy. */
import { scope } from '@suave/torch';
import { topkAccuracy } from '../../packages/suave/src/methods/accuracy.js';
import { goldenGroup } from './harness.js';
import { toTensor } from './tensors.js';

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
  { when: (golden) => 'k' in golden.params && 'T' in golden.params, skip: 'belongs to a later issue: k-NN evaluation' },
]);
