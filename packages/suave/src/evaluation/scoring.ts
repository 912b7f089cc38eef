/** @file Scores whole sets of images in batches, prepared as for evaluation. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cat, fromTypedArray, keep, noGrad, scope, type Tensor } from '@suave/torch';
import { evalTransform, type PixelSource } from '../augment/index.js';
import type { ImageSet, PixelReader } from '../data/index.js';
import type { CheckpointInput } from '../runs/index.js';

/** How a set is scored. */
export interface ScoringOptions {
  /** Preparation of the images. */
  readonly input: CheckpointInput;
  /** Images of a forward pass. */
  readonly batch: number;
  readonly device: string;
  /** Called with the number of images done and of all images. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | null;
}

/**
 * Scores images of a set, batch by batch, letting signals through in between.
 * @param score    scores [B, K] of prepared images [B, 3, s, s]
 * @param set      the images
 * @param indices  which of them, in which order
 * @returns        float32 [N, K] on the CPU; kept, the caller disposes of it
 */
export async function scoreImages(
  score: (images: Tensor) => Tensor,
  set: Pick<ImageSet, 'read'>,
  indices: Int32Array,
  options: ScoringOptions,
): Promise<Tensor> {
  const parts: Tensor[] = [];
  try {
    let done = 0;
    for await (const { window, chosen } of batchesOf(set, indices, options.batch)) {
      options.signal?.throwIfAborted();
      parts.push(
        noGrad(() =>
          scope(() =>
            keep(
              score(prepare(window, chosen, options))
                .to('float32')
                .cpu(),
            ),
          ),
        ),
      );
      done += chosen.length;
      options.onProgress?.(done, indices.length);
      await nextTurn();
    }
    return keep(cat(parts));
  } finally {
    for (const part of parts) part.dispose();
  }
}

/** The pixels of one batch after the other; they are there until the next one is asked for. */
async function* batchesOf(
  set: Pick<ImageSet, 'read'>,
  indices: Int32Array,
  batchSize: number,
): AsyncGenerator<{ window: PixelReader['window']; chosen: Int32Array }> {
  const chosenOf = (batch: number) => indices.subarray(batch * batchSize, (batch + 1) * batchSize);
  const numBatches = Math.ceil(indices.length / batchSize);
  const reader = set.read((batch) => (batch < numBatches ? chosenOf(batch) : null));
  try {
    for (let batch = 0; batch < numBatches; batch++) {
      await reader.prepare(batch);
      yield { window: reader.window, chosen: chosenOf(batch) };
    }
  } finally {
    reader.close();
  }
}

/** Prepares images for a classifier: resize, center crop, normalise; float32 [B, 3, s, s] on the device. */
export function prepare(
  set: PixelSource,
  indices: Int32Array,
  options: Pick<ScoringOptions, 'input' | 'device'>,
): Tensor {
  const { resize, crop, interpolation, mean, std } = options.input;
  return evalTransform(set, indices, { resize, crop, interpolation, mean, std }, { device: options.device });
}

/**
 * Images with their classes in batches, prepared for a classifier; a batch is freed when the next one is asked for.
 * @param labels  class of every image of the set
 */
export async function* labeledBatches(
  set: Pick<ImageSet, 'read'>,
  indices: Int32Array,
  labels: Int32Array,
  options: Pick<ScoringOptions, 'input' | 'batch' | 'device'>,
): AsyncGenerator<{ images: Tensor; labels: Tensor }> {
  for await (const { window, chosen } of batchesOf(set, indices, options.batch)) {
    const classes = Int32Array.from(chosen, (index) => labels[index]);
    const batch = noGrad(() =>
      scope(() => ({
        images: keep(prepare(window, chosen, options)),
        labels: keep(fromTypedArray(classes, [classes.length]).to({ dtype: 'int64', device: options.device })),
      })),
    );
    try {
      yield batch;
    } finally {
      batch.images.dispose();
      batch.labels.dispose();
    }
  }
}

/** 0, 1, …, n − 1. */
export function allIndices(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, index) => index);
}
