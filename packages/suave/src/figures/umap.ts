/** @file Rows of many numbers as points of a plane, neighbours beside each other (UMAP; McInnes et al. 2018). */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { UMAP } from 'umap-js';
import { Draws } from '../augment/index.js';
import { SuaveError } from '../errors.js';
import { type Neighbours, nearestNeighbours } from './nearest-neighbours.js';
import { principalPlane } from './principal-plane.js';
import { selectRows } from './select-rows.js';

/** How a map is made. */
export interface ProjectionOptions {
  /** The same rows and seed give the same points. */
  readonly seed: number;
  /** Neighbours that a point is placed by, itself included. Default 15, or all others of fewer points. */
  readonly neighbours?: number;
  /** How close points may lie, in units of the map. Default 0.1. */
  readonly minDistance?: number;
  /** Passes over the pairs of neighbours. Default: 500 for few points, 200 for more than 7,500. */
  readonly epochs?: number;
  /** Called with what is done, how much of it and of how much. */
  readonly onProgress?: (what: string, done: number, total: number) => void;
  /** Ends the work with its reason, at the next epoch. */
  readonly signal?: AbortSignal | null;
}

/** Neighbours of the published defaults. */
export const defaultMapNeighbours = 15;

/** Half the width that a layout starts with, as in the published program. */
const startRadius = 10;

/** Moves points of a common start apart. */
const startNoise = 1e-3;

/**
 * Places rows on a plane by UMAP: neighbours by exact Euclidean distance, from a start on the two principal axes, which keeps far groups
 * where they belong. Equal rows share a point and count once. The numbers depend on rows and seed alone.
 * @param rows   [count · dim], finite
 * @returns      x, y of every row, [count · 2]
 * @throws SuaveError `FEATURES_NOT_FINITE` for a row that is not a number
 */
export async function projectTo2d(
  rows: Float32Array,
  count: number,
  dim: number,
  options: ProjectionOptions,
): Promise<Float32Array> {
  checkFinite(rows, dim);
  const { kept, pointOf } = distinctRows(rows, count, dim);
  const distinct = kept.length === count ? rows : selectRows(rows, dim, kept);
  const points = await layOut(distinct, kept.length, dim, options);
  const placed = new Float32Array(count * 2);
  for (let i = 0; i < count; i++) {
    placed[2 * i] = points[2 * pointOf[i]];
    placed[2 * i + 1] = points[2 * pointOf[i] + 1];
  }
  return placed;
}

function checkFinite(rows: Float32Array, dim: number): void {
  const wrong = rows.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  throw new SuaveError(
    'FEATURES_NOT_FINITE',
    `map: expected features that are numbers, got ${rows[wrong]} in row ${Math.floor(wrong / dim)}. The network has diverged: use an earlier checkpoint.`,
  );
}

/** The first of each set of equal rows, and which of them every row equals. */
function distinctRows(rows: Float32Array, count: number, dim: number): { kept: number[]; pointOf: Int32Array } {
  const seen = new Map<string, number>();
  const kept: number[] = [];
  const pointOf = new Int32Array(count);
  const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
  for (let i = 0; i < count; i++) {
    const key = createHash('sha1')
      .update(bytes.subarray(4 * i * dim, 4 * (i + 1) * dim))
      .digest('base64');
    const known = seen.get(key);
    pointOf[i] = known ?? kept.length;
    if (known !== undefined) continue;
    seen.set(key, kept.length);
    kept.push(i);
  }
  return { kept, pointOf };
}

/** Points of distinct rows, [count · 2]. */
async function layOut(
  rows: Float32Array,
  count: number,
  dim: number,
  options: ProjectionOptions,
): Promise<Float64Array> {
  const { seed, signal = null, onProgress } = options;
  const plane = await principalPlane(rows, count, dim, { seed, signal });
  if (count < 4) return plane.map((value) => value * startRadius); // the plane shows their distances as they are
  const k = Math.min(Math.max(2, options.neighbours ?? defaultMapNeighbours), count - 1);
  const neighbours = await nearestNeighbours(rows, count, dim, k, {
    signal,
    onProgress: (done, total) => onProgress?.('nearest neighbours', done, total),
  });
  return optimize(neighbours, count, plane, options);
}

/** Runs umap-js on given neighbours from a given start. */
async function optimize(
  { indices, distances, k }: Neighbours,
  count: number,
  start: Float64Array,
  { seed, minDistance = 0.1, epochs, onProgress, signal }: ProjectionOptions,
): Promise<Float64Array> {
  const draws = new Draws(seed, 0, 'other').at(0, 0, 0, 0, 'figure');
  const umap = new UMAP({
    nNeighbors: k,
    minDist: minDistance,
    ...(epochs === undefined ? {} : { nEpochs: epochs }),
    random: () => draws.uniform(),
  });
  const rowsOf = <T>(values: ArrayLike<T>) =>
    Array.from({ length: count }, (_, i) => Array.from({ length: k }, (_, j) => values[i * k + j]));
  umap.setPrecomputedKNN(rowsOf(indices), rowsOf(distances));
  const numEpochs = umap.initializeFit(Array.from({ length: count }, () => [])); // with neighbours given, only their number counts
  const points = umap.getEmbedding(); // the points themselves, moved in place: what is written here is where they start
  for (const [i, point] of points.entries()) {
    for (let axis = 0; axis < 2; axis++)
      point[axis] = start[2 * i + axis] * startRadius + draws.uniformIn(-startNoise, startNoise);
  }
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    signal?.throwIfAborted();
    draws.at(epoch + 1, 0, 0, 0, 'figure'); // a key has numbers for one epoch of millions of points
    umap.step();
    onProgress?.('map', epoch + 1, numEpochs);
    await nextTurn();
  }
  return Float64Array.from({ length: count * 2 }, (_, i) => points[i >> 1][i & 1]);
}
