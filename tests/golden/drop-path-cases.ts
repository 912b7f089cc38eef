/** @file The stochastic-depth cases of group 04: given uniform numbers, and the rates of a network's blocks. */
import { nn, scope } from '@suave/torch';
import { dropPathRates } from '../../packages/suave/src/models/index.js';
import { assertNumbers, type Handler } from './harness.js';
import { toTensor } from './tensors.js';

/** Rates of `depth12_rate0.1`. */
function ratesOf(name: string): number[] {
  const spelled = /^depth(\d+)_rate([\d.]+)$/.exec(name);
  if (!spelled) throw new Error(`drop path rates: expected depthD_rateR, got "${name}".`);
  return dropPathRates(Number(spelled[2]), Number(spelled[1]));
}

/** Handlers of every case with `drop_prob` and uniform numbers, or with rates per block. */
export const dropPathHandlers: readonly Handler[] = [
  {
    when: (golden) => 'drop_prob' in golden.params && golden.has('u'),
    run: (golden) =>
      scope(() => {
        const [x, u] = ['x', 'u'].map((name) => toTensor(golden.tensor(name)));
        golden.check('y', nn.functional.dropPath(x, golden.number('drop_prob'), u).data() as Float32Array);
      }),
  },
  {
    hostOnly: true,
    when: (golden) => 'rates' in golden.expectedValues,
    run: (golden) => {
      const expected = golden.expectedValues.rates as Record<string, number[]>;
      for (const [name, rates] of Object.entries(expected)) {
        const { atol = 0 } = golden.entry.expected_values_tolerance!.rates as { atol?: number };
        assertNumbers(ratesOf(name), rates, { atol }, `${golden.id}/${name}`);
      }
    },
  },
];
