/** @file Group 01: Sinkhorn-Knopp on one rank, on scores that overflow exp() in float32, and on two real processes. */
import { scope, type Tensor } from '@suave/torch';
import { sinkhornKnopp } from '../../packages/suave/src/methods/index.js';
import { assertNumbers, type GoldenCase, goldenGroup } from './harness.js';
import { simulateRanks } from './simulated-ranks.js';
import { toTensor } from './tensors.js';
import { runRanks } from './two-ranks.js';

type Float = 'float32' | 'float64';

function options(golden: GoldenCase) {
  return { epsilon: golden.number('epsilon'), iterations: golden.number('iterations') };
}

/** Scores of a case; bytes stand for (u8 − 128) / 128. */
function scores(golden: GoldenCase, dtype: Float): Tensor {
  if (golden.has('logits')) return toTensor(golden.tensor('logits'), dtype);
  return toTensor(golden.tensor('logits_u8'), dtype).sub(128).div(128);
}

/** The expected tensors of this group as functions of the assignments. */
const readings: Record<string, (q: Tensor, golden: GoldenCase) => Tensor> = {
  q: (q) => q,
  q_f64: (q) => q,
  q_rows: (q, golden) => q.indexSelect(0, toTensor(golden.tensor('rows'))),
  col_sums_per_prototype: (q) => q.sum([0]),
  row_max: (q) => q.amax({ dim: [1] }),
  argmax: (q) => q.argmax({ dim: 1 }),
};

function checkOneRank(golden: GoldenCase, dtype: Float): void {
  scope(() => {
    const q = sinkhornKnopp(scores(golden, dtype), options(golden));
    for (const name of golden.names('expected')) {
      const reading = readings[name];
      if (!reading) throw new Error(`${golden.id}: unknown expected tensor "${name}".`);
      // the stored answer of overflow cases is exact: a float64 run must meet it closely
      const tolerance = name.endsWith('_f64') && dtype === 'float64' ? { atol: 1e-9 } : golden.tolerance(name);
      golden.check(name, reading(q, golden).data(), tolerance);
    }
    const gap = 'smallest_gap_between_best_and_second';
    if (gap in golden.expectedValues && dtype === 'float64') golden.checkValue(gap, smallestGap(q));
    const total = q.sum([1]).data() as Float32Array | Float64Array;
    assertNumbers(total, new Float64Array(total.length).fill(1), { atol: 1e-5 }, `${golden.id}: sums of rows`);
  });
}

/** Smallest distance between the best and the second best assignment of a row: how safe the arg-max is. */
function smallestGap(q: Tensor): number {
  const [best] = q.topk(2, { dim: 1 });
  return best.select(1, 0).sub(best.select(1, 1)).min().item();
}

function ranksOf(golden: GoldenCase): number[] {
  return Array.from({ length: golden.number('world_size') }, (_, rank) => rank);
}

goldenGroup('01', [
  {
    when: (golden) => golden.params.world_size === 1,
    variants: (golden) => ({
      float32: () => checkOneRank(golden, 'float32'),
      float64: () => checkOneRank(golden, 'float64'),
    }),
  },
  {
    when: (golden) => Number(golden.params.world_size) > 1,
    hostOnly: ['real processes'],
    variants: (golden) => ({
      'real processes': async () => {
        const results = await runRanks(
          'sinkhorn',
          ranksOf(golden).map((rank) => {
            const { data, shape } = golden.tensor(`logits_rank${rank}`);
            return { scores: [...(data as Float32Array)], shape, ...options(golden) };
          }),
        );
        for (const rank of ranksOf(golden)) golden.check(`q_rank${rank}`, results[rank]);
      },
      'ranks in turn': () => {
        const inputs = ranksOf(golden).map((rank) => toTensor(golden.tensor(`logits_rank${rank}`)));
        const results = simulateRanks(inputs.length, (collective, rank) =>
          sinkhornKnopp(inputs[rank], { ...options(golden), collective }),
        );
        for (const rank of ranksOf(golden)) golden.check(`q_rank${rank}`, results[rank].data() as Float32Array);
      },
    }),
  },
]);
