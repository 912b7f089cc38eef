/** @file The native operator without its AVX2 loops: the bits of a run must not depend on the processor. */
import { fromTypedArray, scope } from '@suave/torch';
import { expect, it } from 'vitest';
import { applyViews } from './apply.js';
import { imagenetNormalization } from './normalization.js';
import type { PixelSource } from './pixel-source.js';
import { Draws } from './random.js';
import { encodeViews } from './view-parameters.js';

process.env.SUAVE_NO_AVX2 = '1';

it('resizes to the values of the method specification (A.8), and as the tensor operations do', () => {
  scope(() => {
    const line = [0, 10, 20, 30, 200, 50, 60, 255].flatMap((value) => [value, value, value]);
    const draws = new Draws(4, 0, 'other').at(0, 0, 0, 0, 'imageDrawing');
    const noise = Array.from({ length: 3 * 37 * 53 }, () => draws.uniformInt(0, 256));
    const pixels = fromTypedArray(Uint8Array.from([...line, ...noise]), [line.length + noise.length]);
    const source: PixelSource = { pixels, offsets: [0, line.length], heights: [1, 37], widths: [8, 53] };
    const crops = [
      { top: 0, left: 0, height: 1, width: 8 },
      { top: 3, left: 5, height: 31, width: 40 },
    ];
    const resize = (image: number, width: number, interpolation: 'bilinear' | 'bicubic', path: 'native' | 'tensor') => {
      const parameters = encodeViews([{ crop: crops[image] }], { height: image === 0 ? 1 : 24, width });
      const format = { interpolation, ...imagenetNormalization };
      return [...(applyViews(source, [image], parameters, format, { dtype: 'uint8', path }).data() as Uint8Array)];
    };
    expect(resize(0, 5, 'bilinear', 'native').slice(0, 5)).toEqual([4, 19, 108, 80, 175]);
    expect(resize(0, 5, 'bicubic', 'native').slice(0, 5)).toEqual([3, 12, 117, 74, 176]);
    for (const interpolation of ['bilinear', 'bicubic'] as const) {
      const [native, tensors] = [resize(1, 29, interpolation, 'native'), resize(1, 29, interpolation, 'tensor')];
      expect(Math.max(...native.map((value, i) => Math.abs(value - tensors[i])))).toBeLessThanOrEqual(1);
    }
  });
});
