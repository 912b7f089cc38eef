/**
 * @file Prepares an image for the network exactly as `suave predict` does: reduced as in the cache, turned, resized, its center cut
 * out, normalized. Pillow's integer arithmetic, the same bytes as the native operator.
 */
import { resizedSize } from '../../src/augment/draw.js';
import { centerStart } from '../../src/augment/rounding.js';
import { orient, type RgbImage, reducedSize, resizeBilinear, resizeImage } from '../../src/data/resize.js';
import type { CheckpointInput } from '../../src/runs/checkpoint-metadata.js';

/**
 * The image as decoding leaves it: shorter side at most `cacheSide`, then turned as its EXIF orientation says.
 * @param image        as stored in its file
 * @param orientation  1 to 8
 */
export function reduceAndTurn(image: RgbImage, orientation: number, input: CheckpointInput): RgbImage {
  const { height, width } = reducedSize(image.height, image.width, input.cacheSide);
  const reduced = resizeBilinear(image, height, width);
  return input.exifOrientation === 'apply' ? orient(reduced, orientation) : reduced;
}

/** Normalized value of every byte, in the arithmetic of single-precision tensors: three times 256. */
function normalizedValues({ mean, std }: CheckpointInput): Float32Array {
  const { fround } = Math;
  const values = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    for (let value = 0; value < 256; value++) {
      values[256 * channel + value] = fround(fround(value / 255) - fround(mean[channel])) / fround(std[channel]);
    }
  }
  return values;
}

/**
 * The network's input: shorter side resized, center cut out (padded with zeros where the image is smaller), normalized.
 * @returns [3, crop, crop]
 */
export function networkInput(image: RgbImage, input: CheckpointInput): Float32Array {
  const { crop, resize, interpolation } = input;
  const size = resizedSize(image.height, image.width, resize);
  const { height, width, pixels } = resizeImage(image, size.height, size.width, interpolation);
  const top = centerStart(height, crop);
  const left = centerStart(width, crop);
  const values = normalizedValues(input);
  const out = new Float32Array(3 * crop * crop);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < crop; y++) {
      for (let x = 0; x < crop; x++) {
        const row = y + top;
        const column = x + left;
        const inside = row >= 0 && row < height && column >= 0 && column < width;
        const byte = inside ? pixels[(row * width + column) * 3 + channel] : 0;
        out[(channel * crop + y) * crop + x] = values[256 * channel + byte];
      }
    }
  }
  return out;
}

/** Probabilities of scores: softmax in double precision, as `suave predict` computes it. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(scores);
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Positions of the `count` largest values, largest first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: values.length }, (_, index) => index)
    .sort((a, b) => values[b] - values[a])
    .slice(0, count);
}
