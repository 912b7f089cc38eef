import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { crc32, temporaryFolder, testImage, testPixels, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { type DecodeOptions, decodeBytes, decodeFile } from './decode.js';
import { readJpegHeader } from './jpeg-header.js';
import { orient, reducedSize, resizeBilinear } from './resize.js';

const whole: DecodeOptions = { cacheSide: null, exifOrientation: 'apply' };

/** A PNG made by hand, for the kinds that a library would convert while writing. */
function makePng(width: number, height: number, depth: number, colorType: number, rows: Uint8Array): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colorType;
  const stride = rows.length / height;
  const filtered = Buffer.alloc(rows.length + height);
  for (let y = 0; y < height; y++) filtered.set(rows.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(filtered)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

describe('formats', () => {
  test('PNG and lossless WebP come back exactly', async () => {
    const pixels = testPixels(11, 17);
    for (const bytes of [
      await testImage(11, 17).png().toBuffer(),
      await testImage(11, 17).webp({ lossless: true }).toBuffer(),
    ]) {
      const image = await decodeBytes(bytes, whole);
      expect([image.height, image.width]).toEqual([11, 17]);
      expect(image.pixels).toEqual(Buffer.from(pixels));
    }
  });

  test('gray is replicated', async () => {
    for (const image of [testImage(9, 7).grayscale().jpeg(), testImage(9, 7).grayscale().png()]) {
      const { pixels } = await decodeBytes(await image.toBuffer(), whole);
      expect(pixels).toHaveLength(9 * 7 * 3);
      for (let i = 0; i < pixels.length; i += 3) expect([pixels[i + 1], pixels[i + 2]]).toEqual([pixels[i], pixels[i]]);
    }
  });

  test('alpha is dropped without blending, also where it is zero', async () => {
    const rgba = new Uint8Array(6 * 4 * 4);
    for (let i = 0; i < rgba.length; i++) rgba[i] = i % 4 === 3 ? (i % 8 === 3 ? 0 : 130) : 200 - i;
    const bytes = await sharp(rgba, { raw: { height: 6, width: 4, channels: 4 } })
      .png()
      .toBuffer();
    const { pixels } = await decodeBytes(bytes, whole);
    expect([...pixels]).toEqual([...rgba].filter((_, i) => i % 4 !== 3));
    const reduced = await decodeBytes(bytes, { ...whole, cacheSide: 2 });
    expect([reduced.height, reduced.width]).toEqual([3, 2]);
  });

  test.each([
    ['gray', 0, 1],
    ['RGB', 2, 3],
    ['gray with alpha', 4, 2],
    ['RGB with alpha', 6, 4],
  ])('16-bit %s is cut to 8 bits', async (_, colorType, channels) => {
    const rows = Uint8Array.from({ length: 5 * 6 * channels * 2 }, (_, i) => (i * 57 + 13) & 255);
    const { pixels } = await decodeBytes(makePng(6, 5, 16, colorType, rows), whole);
    for (let p = 0; p < 30; p++) {
      const high = (channel: number) => rows[(p * channels + channel) * 2];
      const expected = channels < 3 ? [high(0), high(0), high(0)] : [high(0), high(1), high(2)];
      expect([...pixels.slice(p * 3, p * 3 + 3)]).toEqual(expected);
    }
  });

  test('1-bit gray and palette', async () => {
    const { pixels } = await decodeBytes(makePng(8, 1, 1, 0, Uint8Array.of(0b10100101)), whole);
    expect([...pixels].filter((_, i) => i % 3 === 0)).toEqual([255, 0, 255, 0, 0, 255, 0, 255]);
    const palette = await testImage(20, 20).png({ palette: true, colours: 8 }).toBuffer();
    const reference = await sharp(palette).removeAlpha().toColourspace('srgb').raw().toBuffer();
    expect((await decodeBytes(palette, whole)).pixels).toEqual(reference);
  });

  test('CMYK is converted by its inks', async () => {
    const bytes = await testImage(16, 16).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect(readJpegHeader(bytes)?.components).toBe(4);
    const inks = await sharp(bytes).pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer();
    const { pixels } = await decodeBytes(bytes, whole);
    for (let p = 0; p < 256; p++) {
      for (let c = 0; c < 3; c++) {
        expect(pixels[p * 3 + c]).toBe(Math.round(((255 - inks[p * 4 + c]) * (255 - inks[p * 4 + 3])) / 255));
      }
    }
  });
});

describe('EXIF orientation', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is applied, or ignored', async (orientation) => {
    const bytes = await testImage(10, 14).withMetadata({ orientation }).jpeg().toBuffer();
    const turned = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true });
    const applied = await decodeBytes(bytes, whole);
    expect([applied.height, applied.width]).toEqual([turned.info.height, turned.info.width]);
    expect(Buffer.compare(applied.pixels, turned.data)).toBe(0);
    const ignored = await decodeBytes(bytes, { ...whole, exifOrientation: 'ignore' });
    expect([ignored.height, ignored.width]).toEqual([10, 14]);
  });

  test('turning keeps every pixel', () => {
    const pixels = Uint8Array.from({ length: 3 * 2 * 3 }, (_, i) => i);
    for (let orientation = 1; orientation <= 8; orientation++) {
      const out = orient({ height: 3, width: 2, pixels }, orientation);
      expect([...out.pixels].sort((a, b) => a - b)).toEqual([...pixels]);
    }
  });

  test('of WebP and PNG files is found too', async () => {
    for (const format of ['webp', 'png'] as const) {
      const bytes = await testImage(10, 14).withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
      const image = await decodeBytes(bytes, whole);
      expect([format, image.height, image.width]).toEqual([format, 14, 10]);
    }
  });
});

describe('reduction', () => {
  test('the shorter side, never enlarged, the longer side rounded down', () => {
    expect(reducedSize(375, 500, 256)).toEqual({ height: 256, width: 341 });
    expect(reducedSize(500, 375, 256)).toEqual({ height: 341, width: 256 });
    expect(reducedSize(32, 40, 36)).toEqual({ height: 32, width: 40 });
    expect(reducedSize(300, 300, null)).toEqual({ height: 300, width: 300 });
  });

  test('keeps a constant image and stays within the range of its values', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, size, size, fc.integer(), (height, width, outHeight, outWidth, seed) => {
        const pixels = Uint8Array.from(
          { length: height * width * 3 },
          (_, i) => Math.imul(i + seed, 2654435761) >>> 24,
        );
        const out = resizeBilinear({ height, width, pixels }, outHeight, outWidth);
        expect(out.pixels).toHaveLength(outHeight * outWidth * 3);
        const constant = resizeBilinear({ height, width, pixels: pixels.fill(seed & 255) }, outHeight, outWidth);
        expect(constant.pixels.every((value) => value === (seed & 255))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    [301, 407],
    [303, 401],
    [304, 408],
    [1023, 517],
  ])('a large JPEG of %i by %i pixels is decoded coarsely first, and looks the same', async (height, width) => {
    const smooth = await testImage(32, 40).resize(width, height, { fit: 'fill' }).png().toBuffer();
    const bytes = await sharp(smooth).jpeg({ quality: 95 }).toBuffer();
    const size = reducedSize(height, width, 32);
    const exact = resizeBilinear(await decodeBytes(bytes, whole), size.height, size.width);
    const reduced = await decodeBytes(bytes, { ...whole, cacheSide: 32 });
    expect([reduced.height, reduced.width]).toEqual([size.height, size.width]);
    let sum = 0;
    exact.pixels.forEach((value, i) => {
      sum += Math.abs(value - reduced.pixels[i]);
    });
    expect(sum / exact.pixels.length).toBeLessThan(2);
    expect((await decodeBytes(bytes, { ...whole, cacheSide: 32 })).pixels).toEqual(reduced.pixels);
  });

  test('a JPEG less than four times too large is reduced exactly as Pillow does', async () => {
    const bytes = await testImage(90, 120).jpeg().toBuffer();
    const exact = resizeBilinear(await decodeBytes(bytes, whole), 30, 40);
    expect((await decodeBytes(bytes, { ...whole, cacheSide: 30 })).pixels).toEqual(exact.pixels);
  });
});

describe('files that cannot be decoded', () => {
  const makers: [string, (image: Sharp) => Sharp][] = [
    ['baseline JPEG', (image) => image.jpeg()],
    ['progressive JPEG', (image) => image.jpeg({ progressive: true })],
    ['PNG', (image) => image.png()],
    ['WebP', (image) => image.webp()],
  ];

  test.each(makers)('truncated %s', async (_, make) => {
    const bytes = await make(testImage(40, 50)).toBuffer();
    for (const share of [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95]) {
      const part = bytes.subarray(0, Math.max(1, Math.floor(bytes.length * share)));
      await expect(decodeBytes(part, whole), String(share)).rejects.toMatchObject({ code: 'UNREADABLE_IMAGE' });
    }
  });

  test('zero bytes, text, other formats, missing files', async () => {
    const folder = temporaryFolder();
    const reason = async (content: string | Uint8Array) =>
      decodeFile(writeFile(folder, 'x.jpg', content), whole).then(
        () => 'decoded',
        (error: Error) => error.message,
      );
    expect(await reason('')).toBe('empty file (0 bytes)');
    expect(await reason('hello, I am no image')).toBe('not a JPEG, PNG or WebP image');
    expect(await reason('<svg xmlns="http://www.w3.org/2000/svg"/>')).toBe('not a JPEG, PNG or WebP image');
    expect(await reason(await testImage(4, 4).gif().toBuffer())).toBe('not a JPEG, PNG or WebP image');
    expect(await reason(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0))).toMatch(/^truncated or damaged/);
    await expect(decodeFile(`${folder}/none.jpg`, whole)).rejects.toThrow('cannot be opened (ENOENT)');
  });

  test('random bytes behind a true beginning never crash', async () => {
    const starts = [
      await testImage(8, 8).jpeg().toBuffer(),
      await testImage(8, 8).png().toBuffer(),
      await testImage(8, 8).webp().toBuffer(),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...starts),
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(200),
        async (start, noise, at) => {
          const bytes = Buffer.from(start);
          bytes.set(
            noise.subarray(0, Math.max(0, bytes.length - at)),
            Math.min(at, bytes.length - 1) && at < bytes.length ? at : 0,
          );
          try {
            const image = await decodeBytes(bytes, { ...whole, cacheSide: 64 });
            expect(image.pixels.length).toBe(image.height * image.width * 3);
          } catch (error) {
            expect(error).toMatchObject({ code: 'UNREADABLE_IMAGE' });
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
