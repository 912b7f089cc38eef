import { fromTypedArray, liveTensors, scope, type Tensor } from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noiseImages } from '../../../../tests/fixtures/noise-images.js';
import { applyViews } from './apply.js';
import { boxOf } from './blur-box.js';
import { drawViews } from './draw.js';
import { evalTransform } from './eval-transform.js';
import { imagenetNormalization } from './normalization.js';
import * as pipelines from './pipelines.js';
import type { PixelSource } from './pixel-source.js';
import { encodeViews, type OperationKind, type ViewDescription, type ViewOperation } from './view-parameters.js';

const format = { interpolation: 'bilinear', ...imagenetNormalization } as const;

/** One view of an image given as rows of gray values or [R, G, B]; result as nested rows of the red channel. */
function apply(rows: number[][][], view: Partial<ViewDescription>, size: [number, number], options = {}): number[][][] {
  return scope(() => {
    const [height, width] = [rows.length, rows[0].length];
    const pixels = fromTypedArray(Uint8Array.from(rows.flat(2)), [3 * height * width], { dtype: 'uint8' });
    const source = { pixels, offsets: [0], heights: [height], widths: [width] };
    const crop = { top: 0, left: 0, height, width };
    const parameters = encodeViews([{ crop, ...view }], { height: size[0], width: size[1] });
    const result = applyViews(source, [0], parameters, { ...format, ...options }, { dtype: 'uint8', ...options });
    return result.reshape([3, size[0], size[1]]).permute([1, 2, 0]).toArray() as number[][][];
  });
}

const gray = (values: number[]) => [values.map((value) => [value, value, value])];
const colors = [
  [
    [200, 100, 50],
    [10, 250, 30],
    [0, 0, 0],
    [123, 123, 123],
  ],
];
const bothPaths = [{ path: 'native' }, { path: 'tensor' }] as const;

describe.each(bothPaths)('view operations ($path)', ({ path }) => {
  const line = [0, 10, 20, 30, 200, 50, 60, 255];
  const resized = (width: number, interpolation: string) =>
    apply(gray(line), {}, [1, width], { path, interpolation })[0].map((pixel) => pixel[0]);
  const colored = (kind: OperationKind, value: number) =>
    apply(colors, { operations: [{ kind, value }] }, [1, 4], { path })[0];

  it('resizes a row as Pillow does (method specification A.8)', () => {
    expect(resized(3, 'bilinear')).toEqual([11, 85, 125]);
    expect(resized(5, 'bilinear')).toEqual([4, 19, 108, 80, 175]);
    expect(resized(12, 'bilinear')).toEqual([0, 5, 12, 18, 25, 58, 172, 125, 52, 58, 158, 255]);
    expect(resized(3, 'bicubic')).toEqual([5, 84, 131]);
    expect(resized(5, 'bicubic')).toEqual([3, 12, 117, 74, 176]);
  });

  it('blurs an impulse (A.8)', () => {
    const impulse = Array.from({ length: 9 }, (_, y) =>
      Array.from({ length: 9 }, (_, x) => (x === 4 && y === 4 ? [255, 255, 255] : [0, 0, 0])),
    );
    const centerRow = (sigma: number) =>
      apply(impulse, { operations: [{ kind: 'blur', value: sigma }] }, [9, 9], { path })[4].map((pixel) => pixel[1]);
    expect(centerRow(0.5)).toEqual([0, 0, 1, 21, 154, 21, 1, 0, 0]);
    expect(centerRow(1)).toEqual([0, 1, 6, 24, 42, 24, 6, 1, 0]);
    expect(centerRow(2)).toEqual([2, 4, 6, 8, 9, 8, 6, 4, 2]);
  });

  it('changes colors as Pillow does (A.8)', () => {
    expect(colored('gray', 0).map((pixel) => pixel[2])).toEqual([124, 153, 0, 123]);
    expect(colored('hue', 0.1).slice(0, 2)).toEqual([
      [200, 188, 50],
      [11, 250, 168],
    ]);
    expect(colored('hue', -0.2).slice(0, 2)).toEqual([
      [200, 50, 177],
      [250, 219, 11],
    ]);
    expect(colored('brightness', 1.5)).toEqual([
      [255, 150, 75],
      [15, 255, 45],
      [0, 0, 0],
      [184, 184, 184],
    ]);
    expect(colored('contrast', 0.6)).toEqual([
      [160, 100, 70],
      [45, 190, 58],
      [39, 39, 39],
      [113, 113, 113],
    ]);
    expect(colored('saturation', 1.8).slice(0, 2)).toEqual([
      [255, 80, 0],
      [0, 255, 0],
    ]);
    expect(colored('solarize', 128)).toEqual([
      [55, 100, 50],
      [10, 5, 30],
      [0, 0, 0],
      [123, 123, 123],
    ]);
  });

  it('pads with zeros or mirrors the image without its edge', () => {
    const view = { resized: { height: 1, width: 8 }, window: { top: 0, left: -3 } };
    const border = (kind: 'zero' | 'reflect') =>
      scope(() => {
        const source = sourceOfLine(line);
        const parameters = encodeViews(
          [{ crop: { top: 0, left: 0, height: 1, width: 8 }, ...view }],
          { height: 1, width: 14 },
          kind,
        );
        return Array.from(
          applyViews(source, [0], parameters, format, { path, dtype: 'uint8' }).data() as Uint8Array,
        ).slice(0, 14);
      });
    expect(border('zero')).toEqual([0, 0, 0, ...line, 0, 0, 0]);
    expect(border('reflect')).toEqual([30, 20, 10, ...line, 60, 50, 200]);
  });

  it('normalizes (A.8)', () => {
    const red = (std: number) =>
      scope(() => {
        const parameters = encodeViews([{ crop: { top: 0, left: 0, height: 1, width: 1 } }], { height: 1, width: 1 });
        const pixels = fromTypedArray(Uint8Array.from([255, 0, 0]), [3], { dtype: 'uint8' });
        const source = { pixels, offsets: [0], heights: [1], widths: [1] };
        const statistics = { ...format, std: [std, 0.224, 0.225] as const };
        return (applyViews(source, [0], parameters, statistics, { path }).data() as Float32Array)[0];
      });
    expect(red(0.228)).toBeCloseTo(2.2588, 4);
    expect(red(0.229)).toBeCloseTo(2.2489, 4);
  });

  it('gives every dtype, an empty batch, and no live tensor but the result', () => {
    scope(() => {
      const source = noiseImages([[9, 7]]);
      const view = encodeViews([{ crop: { top: 1, left: 1, height: 8, width: 6 } }], { height: 4, width: 5 });
      const reference = applyViews(source, [0], view, format, { path, dtype: 'float64' });
      for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
        const before = liveTensors().count;
        const got = applyViews(source, [0], view, format, { path, dtype });
        expect(liveTensors().count).toBe(before + 1);
        expect([got.dtype, ...got.shape]).toEqual([dtype, 1, 3, 4, 5]);
        const difference = got.to('float64').sub(reference).abs().max() as Tensor;
        expect(difference.item()).toBeLessThan(dtype === 'float32' ? 1e-6 : 0.02);
      }
      const none = applyViews(source, [], encodeViews([], { height: 4, width: 5 }), format, { path });
      expect(none.shape).toEqual([0, 3, 4, 5]);
    });
  });
});

function sourceOfLine(line: number[]): PixelSource {
  const pixels = fromTypedArray(Uint8Array.from(gray(line).flat(2)), [3 * line.length], { dtype: 'uint8' });
  return { pixels, offsets: [0], heights: [1], widths: [line.length] };
}

describe('the two paths', () => {
  const operation: fc.Arbitrary<ViewOperation> = fc.oneof(
    fc.record({
      kind: fc.constantFrom<OperationKind>('brightness', 'contrast', 'saturation'),
      value: fc.double({ min: 0, max: 2.5, noNaN: true }),
    }),
    fc.record({ kind: fc.constant<OperationKind>('hue'), value: fc.double({ min: -0.5, max: 0.5, noNaN: true }) }),
    fc.record({ kind: fc.constant<OperationKind>('blur'), value: fc.double({ min: 0, max: 6, noNaN: true }) }),
    fc.record({ kind: fc.constantFrom<OperationKind>('gray', 'solarize'), value: fc.constant(128) }),
  );
  const image = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }));
  const view = fc.record({
    part: fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.double({ min: 0, max: 0.99, noNaN: true })),
    resized: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 })),
    window: fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })),
    flip: fc.boolean(),
    operations: fc.array(operation, { maxLength: 8 }),
  });

  it('agree to the byte, on any images and chains', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(image, view), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('bilinear' as const, 'bicubic' as const),
        fc.constantFrom('zero' as const, 'reflect' as const),
        fc.nat(),
        (rows, interpolation, border, seed) =>
          scope(() => {
            const sizes = rows.map(([size]) => size);
            const source = noiseImages(sizes, seed);
            const views = rows.map(([[h, w], { part, resized, window, flip, operations }]) => {
              const [top, left] = [Math.floor(part[0] * h), Math.floor(part[1] * w)];
              return {
                crop: { top, left, height: h - top, width: w - left },
                resized: { height: resized[0], width: resized[1] },
                window: { top: window[0], left: window[1] },
                flip,
                operations,
              };
            });
            const parameters = encodeViews(views, { height: 12, width: 17 }, border);
            const indices = rows.map((_, i) => i);
            const bytes = (path: 'native' | 'tensor') =>
              applyViews(
                source,
                indices,
                parameters,
                { ...format, interpolation },
                { path, dtype: 'uint8' },
              ).data() as Uint8Array;
            const [native, tensors] = [bytes('native'), bytes('tensor')];
            expect(Buffer.compare(native, tensors)).toBe(0);
          }),
      ),
      { numRuns: 40 },
    );
  });

  it('agree on whole pipelines of drawn views', () => {
    scope(() => {
      const source = noiseImages([
        [48, 64],
        [50, 33],
        [90, 40],
        [32, 32],
      ]);
      const indices = [0, 1, 2, 3, 1, 0];
      for (const spec of [
        pipelines.cifarGlobal,
        pipelines.cifarLabeled,
        { ...pipelines.dainoGlobal1, size: 40 },
        { ...pipelines.threeAugmentSimpleLabeled, size: 28 },
      ]) {
        const parameters = drawViews(spec, source, indices, {
          seed: 5,
          stage: 0,
          stream: 'labeled',
          epochs: 0,
          view: 0,
        });
        const native = applyViews(source, indices, parameters, spec);
        const tensors = applyViews(source, indices, parameters, spec, { path: 'tensor' });
        expect(native.shape).toEqual([6, 3, spec.size, spec.size]);
        expect(native.equal(tensors)).toBe(true);
      }
    });
  });
});

describe('applyViews', () => {
  it('reads images that end with the last byte of the file', () => {
    for (const [height, width] of [
      [1, 1],
      [1, 5],
      [5, 1],
      [2, 2],
      [3, 40],
    ] as const) {
      scope(() => {
        const source = noiseImages([[height, width]]);
        const parameters = encodeViews([{ crop: { top: 0, left: 0, height, width } }], { height, width });
        const got = applyViews(source, [0], parameters, format, { dtype: 'uint8' });
        expect(got.permute([0, 2, 3, 1]).reshape([-1]).toArray()).toEqual(source.pixels.toArray());
      });
    }
  });

  it('gives the same bits for a sample whatever the batch', () => {
    scope(() => {
      const source = noiseImages([
        [30, 40],
        [41, 29],
        [64, 64],
      ]);
      const spec = { ...pipelines.imagenetGlobal, size: 33 };
      const key = { seed: 1, stage: 0, stream: 'unlabeled', epochs: 0, view: 3 } as const;
      const all = applyViews(source, [0, 1, 2], drawViews(spec, source, [0, 1, 2], key), spec);
      const one = applyViews(source, [1], drawViews(spec, source, [1], key), spec);
      expect(all.narrow(0, 1, 1).toArray()).toEqual(one.toArray());
    });
  });

  it('refuses what lies outside, and says which row', () => {
    scope(() => {
      const source = noiseImages([[4, 4]]);
      const outside = encodeViews([{ crop: { top: 2, left: 0, height: 3, width: 4 } }], { height: 2, width: 2 });
      expect(() => applyViews(source, [0], outside, format)).toThrow(/crop of row 0 to lie inside the image of 4 x 4/);
      const fine = encodeViews([{ crop: { top: 0, left: 0, height: 4, width: 4 } }], { height: 2, width: 2 });
      expect(() => applyViews(source, [1], fine, format)).toThrow(/indices below 1, got 1/);
      expect(() => applyViews(source, [0, 0], fine, format)).toThrow(/got 2 indices and 1 views/);
      const beyond = { ...source, heights: [5] };
      const taller = encodeViews([{ crop: { top: 0, left: 0, height: 5, width: 4 } }], { height: 2, width: 2 });
      expect(() => applyViews(beyond, [0], taller, format)).toThrow(/image 0 to lie inside the 48 pixel bytes/);
      const wrongHue = encodeViews(
        [{ crop: { top: 0, left: 0, height: 4, width: 4 }, operations: [{ kind: 'hue', value: 2 }] }],
        { height: 2, width: 2 },
      );
      expect(() => applyViews(source, [0], wrongHue, format)).toThrow(/operation 0 of row 0 is not valid/);
    });
  });

  it('evaluates images of mixed sizes and small ones', () => {
    scope(() => {
      const source = noiseImages([
        [40, 60],
        [60, 40],
        [10, 90],
      ]);
      const spec = { resize: 20, crop: 24, interpolation: 'bilinear', ...imagenetNormalization } as const;
      const native = evalTransform(source, [0, 1, 2], spec, { dtype: 'uint8' });
      const tensors = evalTransform(source, [0, 1, 2], spec, { dtype: 'uint8', path: 'tensor' });
      expect(native.shape).toEqual([3, 3, 24, 24]);
      expect(native.toArray()).toEqual(tensors.toArray());
      const cornerRows = native.narrow(2, 0, 2).narrow(0, 0, 1);
      expect((cornerRows.sum() as Tensor).item()).toBe(0);
    });
  });
});

describe('boxOf', () => {
  it('has the radii of the method specification', () => {
    const radius = (sigma: number) => {
      const { radius: whole, inner } = boxOf(sigma);
      return [whole, (2 ** 24 / inner - 1) / 2];
    };
    expect(radius(0.5)[1]).toBeCloseTo(0.0455, 4);
    expect(radius(1)).toEqual([0, expect.closeTo(0.25, 4)]);
    expect(radius(2)).toEqual([1, expect.closeTo(1.375, 4)]);
  });
});
