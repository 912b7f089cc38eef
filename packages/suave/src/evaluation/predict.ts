/**
 * @file Classes and probabilities of many image files: decode workers run ahead, images are scored in batches and handed on, so
 * that memory does not grow with their number.
 */

import { decodeAll } from '../data/decode-pool.js';
import type { RgbImage } from '../data/index.js';
import type { Classifier } from './classifier.js';
import { answerOf, type Candidate, checkAbstain, defaultBatch, mostProbable } from './predict-batch.js';

/** The most probable classes of one image. */
export interface Prediction {
  path: string;
  /** Most probable first. */
  top: Candidate[];
  /** Only where `abstain` was asked for: the class, null where its probability is below it. */
  answer?: string | null;
}

/** How files are predicted. */
export interface PredictOptions {
  /** Classes per image. */
  top: number;
  /** Smallest probability that counts as an answer, from 0 to 1; null or absent: every image gets its most probable class. */
  abstain?: number | null;
  /** Decode workers; null picks a number. */
  workers?: number | null;
  /** Images of a forward pass. Default 128. */
  batch?: number;
  signal?: AbortSignal | null;
  /** Receives every prediction, in the order of the files. */
  onPrediction(prediction: Prediction): void;
  /** Receives every file that cannot be read, in order among themselves. */
  onSkipped(path: string, reason: string): void;
  onProgress?: (done: number, total: number) => void;
}

/** Pixels that wait for the next forward pass. */
interface Waiting {
  paths: string[];
  images: RgbImage[];
}

const nothing = (): Waiting => ({ paths: [], images: [] });

/**
 * Predicts files in order. Files that cannot be read are reported and left out.
 * @throws ConfigError where `abstain` is no probability
 */
export async function predict(
  classifier: Classifier,
  paths: readonly string[],
  options: PredictOptions,
): Promise<void> {
  const { input } = classifier.metadata;
  const batch = options.batch ?? defaultBatch;
  const abstain = options.abstain ?? null;
  if (abstain !== null) checkAbstain(abstain);
  let waiting = nothing();
  let next = 0;
  const flush = (): void => {
    if (waiting.paths.length === 0) return;
    for (const [i, top] of mostProbable(classifier, waiting.images, options.top).entries()) {
      const path = waiting.paths[i];
      options.onPrediction(abstain === null ? { path, top } : { path, top, answer: answerOf(top, abstain) });
    }
    waiting = nothing();
  };
  await decodeAll(
    paths,
    { cacheSide: input.cacheSide, exifOrientation: input.exifOrientation },
    ({ heights, widths, reasons, bytes }) => {
      let start = 0;
      for (let i = 0; i < heights.length; i++) {
        const path = paths[next++];
        const reason = reasons[i];
        if (reason !== null) {
          options.onSkipped(path, reason);
          continue;
        }
        const [height, width] = [heights[i], widths[i]];
        const end = start + height * width * 3;
        waiting.paths.push(path);
        waiting.images.push({ height, width, pixels: bytes.subarray(start, end) });
        start = end;
        if (waiting.paths.length >= batch) flush();
      }
    },
    {
      workers: options.workers ?? null,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    },
  );
  flush();
}
