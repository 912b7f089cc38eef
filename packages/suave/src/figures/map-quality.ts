/** @file How far a map can be trusted, on a sample of its images. */
import { drawKey } from '../augment/index.js';
import type { MapQuality } from './map-figure.js';
import { nearestNeighbours } from './nearest-neighbours.js';
import { selectRows } from './select-rows.js';

/** Images whose order of all others is compared, and images whose neighbours vote. */
const sampleSizes = { ranks: 1000, votes: 5000 } as const;

/** Neighbours that are looked at, or fewer where there are few images. */
const defaultK = 15;

/** What is measured: the same images among the features and on the map. */
export interface MeasuredMap {
  /** [count · dim] */
  readonly features: Float32Array;
  readonly dim: number;
  /** [count · 2] */
  readonly points: Float32Array;
  /** [count], −1 where unknown. */
  readonly labels: Int32Array;
  readonly seed: number;
}

/** Measures trustworthiness, and how well the nearest others tell the class of an image before and after. */
export async function mapQuality(map: MeasuredMap): Promise<MapQuality> {
  const all = Array.from(map.labels.keys());
  const known = all.filter((i) => map.labels[i] >= 0);
  return {
    trustworthiness: await trustworthiness(map, sampleOf(all, sampleSizes.ranks, map.seed)),
    neighbourAccuracy: await neighbourAccuracy(map, sampleOf(known, sampleSizes.votes, map.seed)),
  };
}

function sampleOf(items: readonly number[], size: number, seed: number): number[] {
  if (items.length <= size) return [...items];
  const order = drawKey(seed, 0, 'other', 0, 0, 0, 5, 'figure').permutation(items.length);
  return Array.from(order.subarray(0, size), (i) => items[i]);
}

/** 1 − 2/(nk(2n−3k−1)) Σ_i Σ_j max(0, rank(i, j) − k) over the k nearest j of i on the map (Venna and Kaski 2001). */
async function trustworthiness(
  { features, dim, points }: MeasuredMap,
  sample: readonly number[],
): Promise<number | null> {
  const n = sample.length;
  const k = Math.min(defaultK, Math.floor((n - 1) / 3));
  if (k < 1) return null;
  const before = await nearestNeighbours(selectRows(features, dim, sample), n, dim, n);
  const after = await nearestNeighbours(selectRows(points, 2, sample), n, 2, k + 1);
  const rank = new Int32Array(n);
  let penalty = 0;
  for (let i = 0; i < n; i++) {
    for (let position = 0; position < n; position++) rank[before.indices[i * n + position]] = position;
    for (let j = 1; j <= k; j++) penalty += Math.max(0, rank[after.indices[i * (k + 1) + j]] - k);
  }
  return 1 - (2 * penalty) / (n * k * (2 * n - 3 * k - 1));
}

async function neighbourAccuracy(
  { features, dim, points, labels }: MeasuredMap,
  sample: readonly number[],
): Promise<MapQuality['neighbourAccuracy']> {
  const k = Math.min(defaultK, sample.length - 1);
  if (k < 1) return null;
  const own = sample.map((i) => labels[i]);
  const accuracy = async (rows: Float32Array, width: number): Promise<number> => {
    const { indices } = await nearestNeighbours(rows, own.length, width, k + 1);
    const isRight = (_: unknown, i: number): boolean =>
      vote(Array.from(indices.subarray(i * (k + 1) + 1, (i + 1) * (k + 1)), (j) => own[j])) === own[i];
    return own.filter(isRight).length / own.length;
  };
  return {
    features: await accuracy(selectRows(features, dim, sample), dim),
    map: await accuracy(selectRows(points, 2, sample), 2),
  };
}

/** The most frequent one; of several, that of the nearer neighbour. */
function vote(classes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const each of classes) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}
