/** @file Group 07, image decoding: the bytes of a file to RGB as the official loader reads them. */
import { expect, test } from 'vitest';
import { decodeBytes } from '../../packages/suave/src/data/decode.js';
import { resizeBilinear } from '../../packages/suave/src/data/resize.js';
import { casesOf, type GoldenCase } from './harness.js';

const decodeCases = casesOf('07').filter((golden) => golden.names('input').includes('file_bytes'));

/** PNG is lossless: exact. For JPEG the manifest allows another IDCT: mean below 1, largest below 8 gray levels. */
function isExact(golden: GoldenCase): boolean {
  return golden.params.format !== 'JPEG';
}

for (const golden of decodeCases) {
  test(`golden 07 ${golden.id}`, async () => {
    const bytes = Buffer.from(golden.tensor('file_bytes').data as Uint8Array);
    const image = await decodeBytes(bytes, { cacheSide: null, exifOrientation: 'ignore' });
    const expected = golden.tensor('rgb');
    expect([image.height, image.width, 3]).toEqual(expected.shape);
    if (isExact(golden)) {
      golden.check('rgb', image.pixels, 'exact');
      return;
    }
    const reference = expected.data as Uint8Array;
    let sum = 0;
    let largest = 0;
    for (let i = 0; i < reference.length; i++) {
      const difference = Math.abs(image.pixels[i] - reference[i]);
      sum += difference;
      largest = Math.max(largest, difference);
    }
    expect(sum / reference.length, 'mean difference').toBeLessThan(1);
    expect(largest, 'largest difference').toBeLessThan(8);
  });
}

if (decodeCases.length === 0) test.skip('golden 07: no decoding case in the golden folder', () => {});

/** The reduction to the cache's side is Pillow's: checked with the crops of the resize cases. */
for (const golden of casesOf('07').filter((each) => Array.isArray(each.params.crops))) {
  test(`golden 07 ${golden.id}, bilinear, by the cache's resize`, () => {
    const source = casesOf('07')
      .find((each) => each.names().includes(`img${golden.number('image')}`))
      ?.tensor(`img${golden.number('image')}`);
    if (!source) throw new Error(`${golden.id}: no tensor img${golden.number('image')} in the golden folder.`);
    const [, width] = source.shape;
    (golden.params.crops as number[][]).forEach(([top, left, h, w, size], i) => {
      const pixels = new Uint8Array(h * w * 3);
      for (let y = 0; y < h; y++) {
        const start = ((top + y) * width + left) * 3;
        pixels.set((source.data as Uint8Array).subarray(start, start + w * 3), y * w * 3);
      }
      golden.check(`bilinear${i}`, resizeBilinear({ height: h, width: w, pixels }, size, size).pixels, 'exact');
    });
  });
}
