/**
 * @file Classes and probabilities of many image files: decode workers run ahead, images are scored in batches and handed on, so
 * that memory does not grow with their number.
 */

import { decodeAll } from '../data/decode-pool.js';
import type { Classifier } from './classifier.js';
import { decodeBatches } from './decoded-batches.js';
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

/**
 * Predicts files in order. Files that cannot be read are reported and left out.
 * @throws ConfigError where `abstain` is no probability
 */
export async function predict(
  classifier: Classifier,
  paths: readonly string[],
  options: PredictOptions,
): Promise<void> {
  const { cacheSide, exifOrientation } = classifier.metadata.input;
  const abstain = options.abstain ?? null;
  if (abstain !== null) checkAbstain(abstain);
  await decodeBatches(
    { paths, decode: (take, run) => decodeAll(paths, { cacheSide, exifOrientation }, take, run) },
    {
      batch: options.batch ?? defaultBatch,
      workers: options.workers ?? null,
      signal: options.signal ?? null,
      onSkipped: options.onSkipped,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      onBatch(images, positions) {
        for (const [i, top] of mostProbable(classifier, images, options.top).entries()) {
          const path = paths[positions[i]];
          options.onPrediction(abstain === null ? { path, top } : { path, top, answer: answerOf(top, abstain) });
        }
      },
    },
  );
}
