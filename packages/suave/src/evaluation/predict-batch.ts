/** @file The most probable classes of a few decoded images. Legend: N images, K classes. */
import { fromTypedArray, noGrad, scope, softmax } from '@suave/torch';
import type { RgbImage } from '../data/index.js';
import { ConfigError } from '../errors.js';
import type { Classifier } from './classifier.js';
import { allIndices, prepare } from './scoring.js';

/** A class with its calibrated probability. */
export interface Candidate {
  class: string;
  probability: number;
}

/** Images of a forward pass where nothing is said. */
export const defaultBatch = 128;

/**
 * Probabilities of images: `softmax(scores / probabilityTemperature)`.
 * @param images  decoded as for the cache, N ≥ 1
 * @param top     classes per image; at most K are given
 * @returns       per image, most probable first
 */
export function mostProbable(classifier: Classifier, images: readonly RgbImage[], top: number): Candidate[][] {
  return noGrad(() =>
    scope(() => {
      const batch = prepare(joined(images), allIndices(images.length), {
        input: classifier.metadata.input,
        device: classifier.device,
      });
      const probabilities_NK = softmax(classifier.score(batch).to('float64').div(classifier.temperature), 1);
      const count = Math.min(top, classifier.classes.length);
      const [values, indices] = probabilities_NK.topk(count, { dim: 1 });
      const probabilities = values.data() as Float64Array;
      const classes = indices.data() as BigInt64Array;
      return images.map((_, row) =>
        Array.from({ length: count }, (__, k) => ({
          class: classifier.classes[Number(classes[row * count + k])],
          probability: probabilities[row * count + k],
        })),
      );
    }),
  );
}

/** The pixels of all images one after the other, as views are cut from them. Makes a tensor: call it in a scope. */
export function joined(images: readonly RgbImage[]) {
  const offsets = new Float64Array(images.length);
  let numBytes = 0;
  for (const [i, { pixels }] of images.entries()) {
    offsets[i] = numBytes;
    numBytes += pixels.length;
  }
  const bytes = new Uint8Array(numBytes);
  for (const [i, { pixels }] of images.entries()) bytes.set(pixels, offsets[i]);
  return {
    pixels: fromTypedArray(bytes, [numBytes], { dtype: 'uint8' }),
    offsets,
    heights: Int32Array.from(images, ({ height }) => height),
    widths: Int32Array.from(images, ({ width }) => width),
  };
}

/**
 * The class that an image is told to be, null where its probability is below `abstain`.
 * @param top  most probable first
 */
export function answerOf(top: readonly Candidate[], abstain: number): string | null {
  const [best] = top;
  return best !== undefined && best.probability >= abstain ? best.class : null;
}

/** Checks a threshold. @throws ConfigError `OUT_OF_RANGE` */
export function checkAbstain(abstain: number): number {
  if (abstain >= 0 && abstain <= 1) return abstain;
  throw new ConfigError(
    'abstain',
    `abstain: expected a probability from 0 to 1, got ${abstain}. 0.9 is a strict one.`,
    {
      code: 'OUT_OF_RANGE',
    },
  );
}
