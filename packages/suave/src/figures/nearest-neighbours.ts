/** @file Exact nearest neighbours of many rows. Shapes: N rows, D numbers of a row, k neighbours. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromTypedArray, mean, noGrad, scope, sum, type Tensor } from '@suave/torch';

/** Neighbours of every row, nearest first; the row itself is the first. */
export interface Neighbours {
  /** [N · k] */
  readonly indices: Int32Array;
  /** Euclidean distances [N · k]. */
  readonly distances: Float64Array;
  readonly k: number;
}

/** How neighbours are looked for. */
export interface NeighbourSearch {
  /** Called with the number of rows done and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | null;
}

/** Distances that are in memory at once. */
const blockElements = 2 ** 24;

/** Candidates beyond k: a product in float32 may order near neighbours wrongly. */
const margin = 8;

/**
 * The k nearest rows of every row, by Euclidean distance. Matrix products choose candidates, which are measured again in float64, so that
 * the numbers depend neither on the thread count nor on the blocks; equal distances are ordered by row.
 * @param rows   [count · dim]
 * @param k      from 1 to count
 */
export async function nearestNeighbours(
  rows: Float32Array,
  count: number,
  dim: number,
  k: number,
  { onProgress, signal }: NeighbourSearch = {},
): Promise<Neighbours> {
  const indices = new Int32Array(count * k);
  const distances = new Float64Array(count * k);
  const numCandidates = Math.min(count, k + margin);
  const block = Math.max(1, Math.min(count, Math.floor(blockElements / Math.max(1, count))));
  const { centered, lengths } = noGrad(() => scope(() => prepare(fromTypedArray(rows, [count, dim]))));
  try {
    for (let start = 0; start < count; start += block) {
      signal?.throwIfAborted();
      const size = Math.min(block, count - start);
      const candidates = noGrad(() => scope(() => candidatesOf(centered, lengths, start, size, numCandidates)));
      for (let i = 0; i < size; i++) {
        const own = candidates.subarray(i * numCandidates, (i + 1) * numCandidates);
        measure(rows, dim, start + i, own, indices, distances, k);
      }
      onProgress?.(start + size, count);
      await nextTurn();
    }
  } finally {
    centered.dispose();
    lengths.dispose();
  }
  return { indices, distances, k };
}

/** Rows around their mean, so that float32 is exact where they lie close together, and half their squared lengths [1, N]. */
function prepare(rows_ND: Tensor): { centered: Tensor; lengths: Tensor } {
  const centered = rows_ND.sub(mean(rows_ND, [0], { keepdim: true }));
  return { centered, lengths: sum(centered.mul(centered), [1]).mul(0.5).unsqueeze(0) };
}

/** Rows that are nearest to rows start … start + size − 1, [size · m], in no order. */
function candidatesOf(centered: Tensor, lengths: Tensor, start: number, size: number, m: number): BigInt64Array {
  const block_nD = centered.narrow(0, start, size);
  const closeness_nN = block_nD.matmul(centered.transpose(0, 1)).sub(lengths); // −½ d² but for a constant of the row
  const [, nearest] = closeness_nN.topk(m, { dim: 1, sorted: false });
  return nearest.contiguous().data() as BigInt64Array;
}

function measure(
  rows: Float32Array,
  dim: number,
  row: number,
  candidates: BigInt64Array,
  indices: Int32Array,
  distances: Float64Array,
  k: number,
): void {
  const found = Array.from(candidates, (candidate) => {
    const index = Number(candidate);
    return { index, distance: index === row ? -1 : squaredDistance(rows, dim, row, index) };
  });
  if (!found.some(({ index }) => index === row)) found.push({ index: row, distance: -1 }); // among many equal rows
  found.sort((a, b) => a.distance - b.distance || a.index - b.index);
  for (let j = 0; j < k; j++) {
    indices[row * k + j] = found[j].index;
    distances[row * k + j] = Math.sqrt(Math.max(0, found[j].distance));
  }
}

/** ‖x_a − x_b‖² in float64. */
function squaredDistance(rows: Float32Array, dim: number, a: number, b: number): number {
  let total = 0;
  for (let d = 0, i = a * dim, j = b * dim; d < dim; d++, i++, j++) {
    const difference = rows[i] - rows[j];
    total += difference * difference;
  }
  return total;
}
