/** @file The page's preparation of images against the operator that evaluation uses: the same bits. */
import { fromTypedArray, scope } from '@suave/torch';
import { describe, expect, it } from 'vitest';
import { testPixels } from '../../../../../tests/fixtures/image-folders.js';
import { largest, networkInput, reduceAndTurn, softmax } from '../../../pages/classifier/prepare.js';
import { evalTransform, imagenetNormalization, swavNormalization } from '../../augment/index.js';
import type { CheckpointInput } from '../../runs/index.js';

const base: CheckpointInput = {
  resize: 24,
  crop: 20,
  interpolation: 'bilinear',
  mean: [...swavNormalization.mean],
  std: [...swavNormalization.std],
  exifOrientation: 'apply',
  cacheSide: null,
};

/** Hard edges, where a bicubic filter overshoots. */
function blocks(height: number, width: number): Uint8Array {
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => ((((i / 21) | 0) + (i % 3)) % 2 === 0 ? 255 : 3));
}

function native(pixels: Uint8Array, height: number, width: number, input: CheckpointInput): Float32Array {
  return scope(() => {
    const set = { pixels: fromTypedArray(pixels, [pixels.length]), offsets: [0], heights: [height], widths: [width] };
    return evalTransform(
      { ...set, offsets: Float64Array.of(0), heights: Int32Array.of(height), widths: Int32Array.of(width) },
      [0],
      input,
    ).data() as Float32Array;
  });
}

describe('preparation of images in the page', () => {
  for (const interpolation of ['bilinear', 'bicubic'] as const) {
    it(`${interpolation}: the bits of the native operator, reduced, enlarged and padded`, () => {
      for (const [height, width, resize, crop] of [
        [90, 131, 24, 20],
        [131, 90, 25, 20],
        [13, 17, 32, 28],
        [40, 24, 24, 24],
        [33, 21, 21, 33],
        [1, 5, 8, 8],
        [257, 400, 64, 56],
      ]) {
        for (const pixels of [testPixels(height, width, 3), blocks(height, width)]) {
          const input = {
            ...base,
            resize,
            crop,
            interpolation,
            mean: [...imagenetNormalization.mean],
          } as CheckpointInput;
          const ours = networkInput({ height, width, pixels }, input);
          expect(ours).toEqual(native(pixels, height, width, input));
        }
      }
    });
  }

  it('reduces before it turns, and turns only where the checkpoint says so', () => {
    const image = { height: 40, width: 60, pixels: testPixels(40, 60) };
    expect(reduceAndTurn(image, 6, { ...base, cacheSide: 20 })).toMatchObject({ height: 30, width: 20 });
    expect(reduceAndTurn(image, 6, { ...base, cacheSide: 20, exifOrientation: 'ignore' })).toMatchObject({
      height: 20,
      width: 30,
    });
  });
});

describe('probabilities', () => {
  it('are a softmax that does not overflow, most probable first', () => {
    const probabilities = softmax([1000, 1001, 999]);
    expect(probabilities[1]).toBeCloseTo(1 / (1 + Math.exp(-1) + Math.exp(-2)), 14);
    expect(largest(probabilities, 2)).toEqual([1, 0]);
    expect([...softmax([7])]).toEqual([1]);
  });
});
