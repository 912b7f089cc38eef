/** @file Rows projected onto the plane in which they vary most. Shapes: N rows, D numbers of a row. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromTypedArray, keep, linalgQr, noGrad, scope, type Tensor, zeros } from '@suave/torch';
import { drawKey } from '../augment/index.js';

/** Numbers that are widened to float64 at once. */
const blockElements = 2 ** 22;

/** Enough for a layout to start from: directions of nearly equal variance may stay mixed. */
const iterations = 24;

/** How much the projection may vary with the thread count before it is rounded away, in units of the largest coordinate. */
const grid = 2 ** -14;

/**
 * Coordinates on the first two principal axes, by subspace iteration in float64, between −1 and 1. They are rounded to a grid, so that the
 * last bits of the matrix products (which depend on the thread count) do not matter.
 * @param rows  [count · dim]
 * @param seed  of the first directions
 * @returns     [count · 2]
 */
export async function principalPlane(
  rows: Float32Array,
  count: number,
  dim: number,
  { seed, signal }: { readonly seed: number; readonly signal?: AbortSignal | null },
): Promise<Float64Array> {
  const axes = Math.min(2, dim);
  const blockRows = Math.max(1, Math.floor(blockElements / Math.max(1, dim)));
  const center = meanRow(rows, count, dim);
  const mean_1D = keep(fromTypedArray(center, [1, dim]));
  /** Calls `use` with every block of centered rows [n, D], float64. */
  const eachBlock = (use: (block_nD: Tensor, start: number) => void) => {
    for (let start = 0; start < count; start += blockRows) {
      const size = Math.min(blockRows, count - start);
      const part = rows.subarray(start * dim, (start + size) * dim);
      scope(() => use(fromTypedArray(part, [size, dim]).to('float64').sub(mean_1D), start));
    }
  };
  const draws = drawKey(seed, 0, 'other', 0, 0, 0, 1, 'figure');
  let directions_D2: Tensor = keep(
    fromTypedArray(
      Float64Array.from({ length: dim * axes }, () => draws.normal()),
      [dim, axes],
    ),
  );
  const plane = new Float64Array(count * 2);
  try {
    for (let iteration = 0; iteration < iterations; iteration++) {
      signal?.throwIfAborted();
      const next = noGrad(() =>
        scope(() => {
          const spread_D2 = zeros([dim, axes], { dtype: 'float64' });
          eachBlock((block_nD) => spread_D2.add_(block_nD.transpose(0, 1).matmul(block_nD.matmul(directions_D2))));
          return keep(linalgQr(spread_D2)[0]);
        }),
      );
      directions_D2.dispose();
      directions_D2 = next;
      await nextTurn();
    }
    noGrad(() =>
      eachBlock((block_nD, start) => {
        const projected = block_nD.matmul(directions_D2).contiguous().data() as Float64Array;
        for (let i = 0; i < projected.length / axes; i++)
          for (let axis = 0; axis < axes; axis++) plane[(start + i) * 2 + axis] = projected[i * axes + axis];
      }),
    );
  } finally {
    directions_D2.dispose();
    mean_1D.dispose();
  }
  const largest = plane.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest === 0 ? plane : plane.map((value) => Math.round(value / largest / grid) * grid);
}

function meanRow(rows: Float32Array, count: number, dim: number): Float64Array {
  const total = new Float64Array(dim);
  for (let i = 0; i < count * dim; i++) total[i % dim] += rows[i];
  return total.map((value) => value / Math.max(1, count));
}
