/**
 * @file The properties that define the Suave step (specification 1.16), on random inputs.
 * Shapes: N samples, K prototypes, B images, V views.
 */
import { fromTypedArray, grad, manualSeed, rand, scope, type Tensor, tensor } from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AssignmentQueue,
  lossWeights,
  mixedLoss,
  queueRows,
  sinkhornKnopp,
  softCrossEntropy,
  swappedLoss,
} from '../../packages/suave/src/methods/index.js';
import { createBackbone, runsOfEqualWidth, SwavModel } from '../../packages/suave/src/models/index.js';
import { assertNumbers } from '../golden/compare.js';
import { simulateRanks } from '../golden/simulated-ranks.js';

const matrix = fc
  .record({ rows: fc.integer({ min: 1, max: 24 }), columns: fc.integer({ min: 1, max: 12 }), seed: fc.integer() })
  .map(({ rows, columns, seed }) => ({ rows, columns, seed }));

function randomScores(rows: number, columns: number, seed: number): Float64Array {
  let state = seed >>> 0;
  return Float64Array.from({ length: rows * columns }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 0.9;
  });
}

function assign(values: Float64Array, rows: number, columns: number): Float64Array {
  return scope(() => sinkhornKnopp(fromTypedArray(values, [rows, columns])).data()) as Float64Array;
}

function forAllMatrices(check: (values: Float64Array, rows: number, columns: number) => void): void {
  fc.assert(
    fc.property(matrix, ({ rows, columns, seed }) => check(randomScores(rows, columns, seed), rows, columns)),
    { numRuns: 50 },
  );
}

describe('assignments', () => {
  test('(1) rows sum to 1', () => {
    forAllMatrices((values, rows, columns) => {
      const q = assign(values, rows, columns);
      for (let i = 0; i < rows; i++) {
        const sum = q.subarray(i * columns, (i + 1) * columns).reduce((left, right) => left + right);
        expect(sum).toBeCloseTo(1, 12);
      }
    });
  });

  test('(2) permuting samples permutes assignments', () => {
    forAllMatrices((values, rows, columns) => {
      const reversed = (data: Float64Array) =>
        Float64Array.from(
          { length: data.length },
          (_, i) => data[(rows - 1 - Math.floor(i / columns)) * columns + (i % columns)],
        );
      const tolerance = { atol: 1e-12 };
      assertNumbers(
        assign(reversed(values), rows, columns),
        reversed(assign(values, rows, columns)),
        tolerance,
        'reversed',
      );
    });
  });

  test('(3) adding a constant to all scores changes nothing', () => {
    forAllMatrices((values, rows, columns) => {
      const shifted = assign(
        values.map((value) => value + 3.5),
        rows,
        columns,
      );
      assertNumbers(shifted, assign(values, rows, columns), { atol: 1e-11 }, 'shifted');
    });
  });

  test('(4) ranks with split batches assign as one rank with the joint batch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 6 }), fc.integer(), (ranks, rows, seed) => {
        const columns = 5;
        const values = randomScores(ranks * rows, columns, seed);
        const part = (rank: number) => values.slice(rank * rows * columns, (rank + 1) * rows * columns);
        const split = simulateRanks(ranks, (collective, rank) =>
          scope(() => [
            ...(sinkhornKnopp(fromTypedArray(part(rank), [rows, columns]), { collective }).data() as Float64Array),
          ]),
        );
        assertNumbers(split.flat(), assign(values, ranks * rows, columns), { atol: 1e-12 }, 'ranks');
      }),
      { numRuns: 20 },
    );
  });
});

describe('queue', () => {
  test('(5) is used first when it is full, newest rows in front', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 4 }),
        (batch, steps, rest) => {
          const rows = queueRows(batch * steps + Math.min(rest, batch - 1), batch, 1);
          const queue = new AssignmentQueue({ crops: 1, rows, dim: 1, dtype: 'float64' });
          let firstUse = -1;
          for (let step = 0; step < steps + 3; step++) {
            if (queue.isFull && firstUse < 0) firstUse = step;
            scope(() => queue.push([tensor(new Array(batch).fill([step]), { dtype: 'float64' })]));
          }
          const held = [...(queue.values.data() as Float64Array)];
          queue.dispose();
          expect(firstUse).toBe(steps);
          expect(held).toEqual(held.map((_, i) => steps + 2 - Math.floor(i / batch)));
        },
      ),
    );
  });
});

describe('losses', () => {
  const views = (count: number, seed: number): Tensor[] => {
    manualSeed(seed);
    return Array.from({ length: count }, () => rand([4, 3], { dtype: 'float64' }));
  };
  const logProbs = (scores: Tensor) => scores.div(0.1).logSoftmax(1);

  test('(6) two views, nothing labeled, nothing mixed: the total is the SwAV loss', () => {
    scope(() => {
      const weights = lossWeights({ batch: 4, views: 2, labeled: 0, mixedViews: 0, numOriginal: 0 });
      expect(weights).toEqual({ unlabeled: 1, labeled: 0, mixed: 0, online: 0, total: 8 });
      const [first, second] = views(2, 1);
      const q = [first, second].map((scores) => sinkhornKnopp(scores));
      const swav = softCrossEntropy(second, q[0], { temperature: 0.1 })
        .add(softCrossEntropy(first, q[1], { temperature: 0.1 }))
        .div(2);
      expect(swappedLoss([logProbs(first), logProbs(second)], q, [0, 1]).item()).toBeCloseTo(swav.item(), 12);
    });
  });

  test('(6b) many views: every view but its own is asked', () => {
    scope(() => {
      const all = views(5, 2);
      const q = [sinkhornKnopp(all[0]), sinkhornKnopp(all[1])];
      let sum = 0;
      for (const crop of [0, 1]) {
        for (const [v, scores] of all.entries()) {
          if (v !== crop) sum += softCrossEntropy(scores, q[crop], { temperature: 0.1 }).item() / (2 * 4);
        }
      }
      expect(swappedLoss(all.map(logProbs), q, [0, 1]).item()).toBeCloseTo(sum, 12);
    });
  });

  test('(8) with lambda 1 the target of a mixed view is the assignment of the first crop', () => {
    scope(() => {
      const [first, second, mixed] = views(3, 3);
      const q = [sinkhornKnopp(first), sinkhornKnopp(second)];
      const expected = softCrossEntropy(mixed, q[0], { temperature: 0.1 }).item();
      expect(mixedLoss([logProbs(mixed)], [1], q).item()).toBeCloseTo(expected, 12);
      const flipped = softCrossEntropy(mixed, q[1].flip([0]), { temperature: 0.1 }).item();
      expect(mixedLoss([logProbs(mixed)], [0], q).item()).toBeCloseTo(flipped, 12);
    });
  });

  test('(10) weights without the online term sum to 1', () => {
    const count = fc.integer({ min: 0, max: 50 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        count,
        count,
        fc.constantFrom('views', 'samples'),
        (batch, labeled, mixedViews, kind) => {
          const rows = { batch, views: 2 * mixedViews + 2, labeled, mixedViews, numOriginal: labeled };
          const { unlabeled, labeled: share, mixed } = lossWeights(rows, kind as 'views' | 'samples');
          expect(unlabeled + share + mixed).toBeCloseTo(1, 12);
        },
      ),
    );
  });
});

describe('model', () => {
  test('(7) online heads send no gradient into the trunk', () => {
    const backbone = createBackbone('resnet8', { width: 0.25 });
    const model = new SwavModel({
      backbone,
      hiddenMlp: [8],
      outputDim: 6,
      prototypes: 3,
      onlineClasses: 3,
      ensembleHead: true,
    });
    scope(() => {
      const { online } = model.forward([rand([2, 3, 8, 8]), rand([2, 3, 8, 8])], 2);
      expect(online.map((logits) => logits.shape)).toEqual(new Array(4).fill([2, 3]));
      const named = [...model.namedParameters()];
      const loss = online.map((logits) => logits.square().sum()).reduce((left, right) => left.add(right));
      const gradients = grad(
        [loss],
        named.map(([, parameter]) => parameter),
        { allowUnused: true },
      );
      const reached = named.filter((_, i) => gradients[i] !== null).map(([name]) => name.split('.')[0]);
      expect(new Set(reached)).toEqual(new Set(['cls_heads', 'cls_ensemble']));
    });
    model.dispose();
  });

  test('(9) inputs are grouped by consecutive width', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(18, 32, 96)), (widths) => {
        const runs = runsOfEqualWidth(widths);
        expect(runs.flatMap(([from, to]) => widths.slice(from, to))).toEqual(widths);
        for (const [i, [from, to]] of runs.entries()) {
          expect(new Set(widths.slice(from, to)).size).toBe(1);
          if (i > 0) expect(widths[from]).not.toBe(widths[from - 1]);
        }
      }),
    );
  });

  test('(9b) labeled rows share batch statistics with the global views, not with the small ones', () => {
    manualSeed(3);
    const model = new SwavModel({ backbone: createBackbone('resnet8', { width: 0.25 }), hiddenMlp: [], outputDim: 4 });
    scope(() => {
      const [labeled, global, local] = [8, 8, 6].map((side) => rand([2, 3, side, side]));
      const features = model.forward([labeled, global, local], 2).features;
      const small = model.backbone.forward(local);
      const large = model.backbone.forward(labeled);
      assertNumbers(
        features.narrow(0, 4, 2).data() as Float32Array,
        small.data() as Float32Array,
        { atol: 1e-5 },
        'small views',
      );
      expect(features.narrow(0, 0, 2).sub(large).abs().max().item()).toBeGreaterThan(1e-3);
    });
    model.dispose();
  });
});
