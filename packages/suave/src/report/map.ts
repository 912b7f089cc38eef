/** @file The map of a report: some of the measured images and the prototypes on a plane. */
import { noGrad, scope, type Tensor } from '@suave/torch';
import type { HeldOut } from '../evaluation/held-out.js';
import { type CheckpointChoice, FeatureExtractor } from '../evaluation/index.js';
import { scoreImages } from '../evaluation/scoring.js';
import { projectTo2d } from '../figures/index.js';
import type { MapData } from './report-data.js';

/** A map whose thumbnails are numbers of measured images, until they are made. */
export type MapDraft = Omit<MapData, 'thumbnails'> & { readonly thumbnails: readonly (number | null)[] };

/** Where the network lies and how the map is made. */
export interface MapOptions {
  readonly run: string;
  readonly checkpoint: CheckpointChoice;
  readonly device: string;
  readonly seed: number;
  /** [images] answers of the classifier; null without one. */
  readonly predicted: Int32Array | null;
  readonly signal: AbortSignal | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** Most points, prototypes and thumbnails. */
const limits = { points: 1000, prototypes: 100, thumbnails: 84 } as const;

/** Images below which a map shows nothing. */
const smallest = 4;

/** Passes of UMAP: a layout of so few points has settled by then. */
const epochs = 200;

/** Evenly spaced ones of the images in the order of their classes, so that every class has its share. */
export function stratified(labels: Int32Array, count: number): Int32Array {
  const order = Array.from(labels.keys()).sort((a, b) => labels[a] - labels[b] || a - b);
  const chosen = Math.min(count, order.length);
  return Int32Array.from({ length: chosen }, (_, i) => order[Math.floor(((i + 0.5) * order.length) / chosen)]);
}

/** Makes the map; null of too few images. */
export async function mapOf(heldOut: HeldOut, options: MapOptions): Promise<MapDraft | null> {
  if (heldOut.labels.length < smallest) return null;
  const { run, checkpoint, device, seed, predicted, signal, onProgress } = options;
  const chosen = stratified(heldOut.labels, limits.points);
  const extractor = FeatureExtractor.load(run, { device, checkpoint });
  let features: Tensor | null = null;
  let prototypes: Tensor | null = null;
  try {
    features = await scoreImages((images) => extractor.bottleneck(images), heldOut.images, chosen, {
      input: extractor.source.input,
      batch: 128,
      device,
      signal,
      onProgress: (done, total) => onProgress?.('features for the map', done, total),
    });
    prototypes = extractor.prototypes();
    const { shown, areClasses } = shownPrototypes(features, prototypes, extractor.source.classes?.length ?? null);
    const rows = joined(features, prototypes, shown);
    const plane = await projectTo2d(rows, chosen.length + shown.length, features.shape[1], {
      seed,
      epochs,
      signal,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    const placed = Array.from({ length: chosen.length + shown.length }, (_, i) => pointAt(plane, i));
    const step = Math.ceil(chosen.length / limits.thumbnails);
    return {
      points: placed.slice(0, chosen.length),
      names: heldOut.classes,
      labels: Array.from(chosen, (image) => heldOut.labels[image]),
      predicted: predicted === null ? null : Array.from(chosen, (image) => predicted[image]),
      prototypes: placed.slice(chosen.length),
      prototypesAreClasses: areClasses,
      images: heldOut.labels.length,
      features: extractor.bottleneckName,
      thumbnails: Array.from(chosen, (image, i) => (i % step === 0 ? image : null)),
    };
  } finally {
    features?.dispose();
    prototypes?.dispose();
    extractor.dispose();
  }
}

/** Rounded: a pixel of the drawing is larger. */
function pointAt(plane: Float32Array, index: number): [number, number] {
  const rounded = (value: number): number => Math.round(value * 1000) / 1000;
  return [rounded(plane[2 * index]), rounded(plane[2 * index + 1])];
}

/** All prototypes where they are few, else those that are nearest to the most images, in their order. */
function shownPrototypes(
  features: Tensor,
  prototypes: Tensor | null,
  numClasses: number | null,
): { shown: number[]; areClasses: boolean } {
  if (prototypes === null) return { shown: [], areClasses: false };
  const [count] = prototypes.shape;
  if (count <= limits.prototypes)
    return { shown: Array.from({ length: count }, (_, i) => i), areClasses: numClasses !== null };
  const nearest = noGrad(() =>
    scope(() => features.matmul(prototypes.transpose(0, 1)).argmax({ dim: 1 }).data() as BigInt64Array),
  );
  const wins = new Map<number, number>();
  for (const winner of nearest) wins.set(Number(winner), (wins.get(Number(winner)) ?? 0) + 1);
  const most = [...wins].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, limits.prototypes);
  return { shown: most.map(([index]) => index).sort((a, b) => a - b), areClasses: false };
}

/** Rows of the features, then of the prototypes that are shown. */
function joined(features: Tensor, prototypes: Tensor | null, shown: readonly number[]): Float32Array {
  const [count, dim] = features.shape;
  const rows = new Float32Array((count + shown.length) * dim);
  rows.set(features.data() as Float32Array);
  if (prototypes === null) return rows;
  const all = prototypes.data() as Float32Array;
  shown.forEach((index, i) => {
    rows.set(all.subarray(index * dim, (index + 1) * dim), (count + i) * dim);
  });
  return rows;
}
