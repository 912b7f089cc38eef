import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, testImage, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { type DecodeOptions, decodeFile } from './decode.js';
import { measureFile } from './measure.js';

const folder = temporaryFolder();

/** Size or reason, measured and decoded. */
async function both(path: string, exifOrientation: DecodeOptions['exifOrientation'] = 'apply'): Promise<unknown[]> {
  const options = { cacheSide: null, exifOrientation };
  const outcomes = [measureFile(path, options), decodeFile(path, options)].map((found) =>
    found.then(
      ({ height, width }) => ({ height, width }),
      // The library's own words may get lost between threads.
      ({ code, message }) => ({ code, message: message.replace(/: .*/, '') }),
    ),
  );
  return Promise.all(outcomes);
}

describe('the size of a file', () => {
  test('is that of its decoded image, whatever the format and orientation', async () => {
    for (const format of ['jpeg', 'png', 'webp'] as const) {
      for (let orientation = 1; orientation <= 8; orientation++) {
        const bytes = await testImage(13, 21).toFormat(format).withMetadata({ orientation }).toBuffer();
        const file = writeFile(folder, `${orientation}.${format}`, bytes);
        const [measured, decoded] = await both(file);
        expect(measured).toEqual(decoded);
        expect((await both(file, 'ignore'))[0]).toEqual({ height: 13, width: 21 });
      }
    }
  });

  test('is found for gray, inked and animated images, and behind large headers', async () => {
    const frames = await Promise.all([1, 2].map((seed) => testImage(30, 20, seed).png().toBuffer()));
    const photo = await testImage(17, 29).jpeg().toBuffer();
    const comment = Buffer.concat([Buffer.from('fffeffff', 'hex'), Buffer.alloc(65533)]);
    const files: Record<string, Buffer> = {
      'gray.jpg': await testImage(8, 9).grayscale().jpeg().toBuffer(),
      'inked.jpg': await testImage(10, 9).toColourspace('cmyk').jpeg().toBuffer(),
      'animated.webp': await sharp(frames, { join: { animated: true } })
        .webp({ loop: 0 })
        .toBuffer(),
      'commented.jpg': Buffer.concat([photo.subarray(0, 2), comment, comment, photo.subarray(2)]),
      'followed.jpg': Buffer.concat([photo, Buffer.alloc(5)]),
    };
    for (const [name, bytes] of Object.entries(files)) {
      const [measured, decoded] = await both(writeFile(folder, name, bytes));
      expect(measured, name).toEqual(decoded);
      expect(measured, name).toMatchObject({ height: expect.any(Number) });
    }
  });

  test('of a file that is cut off anywhere is the reason why it cannot be decoded', async () => {
    const wholes = await Promise.all(
      (['jpeg', 'png', 'webp'] as const).map(async (format) => testImage(40, 33).toFormat(format).toBuffer()),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...wholes), fc.double({ min: 0, max: 1, noNaN: true }), async (whole, share) => {
        const file = writeFile(folder, 'cut', whole.subarray(0, Math.floor(share * (whole.length - 1))));
        const [measured, decoded] = await both(file);
        expect(measured).toEqual(decoded);
      }),
      { numRuns: 60 },
    );
    expect(readFileSync(writeFile(folder, 'none', ''))).toHaveLength(0);
    for (const path of ['none', 'nowhere']) {
      const [measured, decoded] = await both(`${folder}/${path}`);
      expect(measured).toEqual(decoded);
      expect(measured).toMatchObject({ code: 'UNREADABLE_IMAGE' });
    }
  });
});
