/** @file Equalizing against Pillow (fixtures/make-equalize.py), native and by tensor operations; how often views are equalized. */
import { readFileSync } from 'node:fs';
import { fromTypedArray, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { applyViews } from './apply.js';
import { drawViews } from './draw.js';
import { cifarGlobal } from './pipelines.js';
import { describeViews, encodeViews } from './view-parameters.js';

interface Fixture {
  readonly cases: readonly {
    readonly name: string;
    readonly width: number;
    readonly height: number;
    /** Base64 of the bytes [height, width, 3]. */
    readonly before: string;
    readonly after: string;
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/equalize.json', import.meta.url), 'utf8')) as Fixture;
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));

describe.each(['native', 'tensor'] as const)('equalize (%s)', (path) => {
  test.each(fixture.cases)('$name: as Pillow', ({ width, height, before, after }) => {
    scope(() => {
      const source = {
        pixels: fromTypedArray(bytes(before), [3 * width * height]),
        offsets: [0],
        heights: [height],
        widths: [width],
      };
      const crop = { top: 0, left: 0, height, width };
      const parameters = encodeViews([{ crop, operations: [{ kind: 'equalize', value: 0 }] }], { height, width });
      const format = { interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] } as const;
      const result = applyViews(source, [0], parameters, format, { dtype: 'uint8', path });
      const pixels = result.reshape([3, height, width]).permute([1, 2, 0]).contiguous();
      expect(Buffer.from(pixels.data() as Uint8Array).equals(Buffer.from(bytes(after)))).toBe(true);
    });
  });
});

test('views are equalized last and as often as asked; random thresholds lie between 1 and 256', () => {
  const spec = { ...cifarGlobal, solarize: { prob: 0.5, threshold: 'random' }, equalizeProb: 0.2 } as const;
  const images = { heights: [32], widths: [32] };
  const indices = new Array<number>(4000).fill(0);
  const repeats = indices.map((_, row) => row);
  const key = { seed: 5, stage: 0, stream: 'unlabeled', epochs: 0, repeats, view: 0 } as const;
  const views = describeViews(drawViews(spec, images, indices, key));
  const equalized = views.filter(({ operations }) => operations.some(({ kind }) => kind === 'equalize'));
  expect(Math.abs(equalized.length / 4000 - 0.2)).toBeLessThan(0.03);
  expect(equalized.every(({ operations }) => operations.at(-1)!.kind === 'equalize')).toBe(true);
  const thresholds = views.flatMap(({ operations }) =>
    operations.filter(({ kind }) => kind === 'solarize').map(({ value }) => value),
  );
  expect([Math.min(...thresholds), Math.max(...thresholds)]).toEqual([1, 256]);
  expect(Math.abs(thresholds.reduce((sum, value) => sum + value, 0) / thresholds.length - 128.5)).toBeLessThan(8);
});
