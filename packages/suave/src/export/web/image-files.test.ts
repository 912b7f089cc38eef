/** @file What the page reads out of image files itself, against sharp and our own decoding. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { testImage, testPixels } from '../../../../../tests/fixtures/image-folders.js';
import { ImageError } from '../../../pages/classifier/image-error.js';
import { readImageFile } from '../../../pages/classifier/image-file.js';
import { decodePng } from '../../../pages/classifier/png.js';
import { decodeBytes } from '../../data/decode.js';

const asStored = { cacheSide: null, exifOrientation: 'ignore' } as const;

/** RGBA with every alpha, also 0, over colors that blending would lose. */
function withAlpha(height: number, width: number) {
  const pixels = testPixels(height, width, 4);
  const bytes = Uint8Array.from({ length: height * width * 4 }, (_, i) =>
    i % 4 === 3 ? (i * 7) % 256 : pixels[Math.floor(i / 4) * 3 + (i % 4)],
  );
  return sharp(bytes, { raw: { height, width, channels: 4 } });
}

/** 16-bit RGB. */
function deep(height: number, width: number) {
  const values = Uint16Array.from({ length: height * width * 3 }, (_, i) => (i * 7919) % 65536);
  return sharp(values, { raw: { height, width, channels: 3 } }).toColourspace('rgb16');
}

const pngs: Record<string, () => Promise<Buffer>> = {
  colors: () => testImage(23, 31, 1).png().toBuffer(),
  'colors, interlaced': () => testImage(23, 31, 2).png({ progressive: true }).toBuffer(),
  'one pixel, interlaced': () => testImage(1, 1, 2).png({ progressive: true }).toBuffer(),
  alpha: () => withAlpha(19, 22).png().toBuffer(),
  gray: () => testImage(17, 29, 3).greyscale().png().toBuffer(),
  'gray and alpha': () => withAlpha(9, 8).toColourspace('b-w').png().toBuffer(),
  '16 bits': () => deep(14, 11).png().toBuffer(),
  '16 bits gray': () => deep(14, 11).toColourspace('grey16').png().toBuffer(),
  '16 bits and alpha, interlaced': () => deep(14, 11).ensureAlpha(0.3).png({ progressive: true }).toBuffer(),
  ...Object.fromEntries(
    [2, 4, 16, 200].map((colors) => [
      `palette of ${colors}`,
      () => testImage(33, 37, colors).png({ palette: true, colors }).toBuffer(),
    ]),
  ),
  'palette of 4 with alpha, interlaced': () =>
    withAlpha(13, 27).png({ palette: true, colors: 4, progressive: true }).toBuffer(),
  'a color profile': () => testImage(12, 12, 5).withIccProfile('p3').png().toBuffer(),
};

describe('PNG in the page', () => {
  for (const [name, make] of Object.entries(pngs)) {
    it(`${name}: the bytes of the training's decoder`, async () => {
      const bytes = await make();
      const expected = await decodeBytes(bytes, asStored);
      const image = readImageFile(bytes);
      const { height, width, pixels } = await decodePng(image.pieces[0]);
      expect([height, width, image.height, image.width]).toEqual([
        expected.height,
        expected.width,
        expected.height,
        expected.width,
      ]);
      expect(Buffer.from(pixels).equals(Buffer.from(expected.pixels))).toBe(true);
    });
  }

  it('a cut or nonsensical file is an error', async () => {
    const bytes = await testImage(23, 31, 1).png().toBuffer();
    await expect(decodePng(bytes.subarray(0, bytes.length / 2))).rejects.toThrow(ImageError);
    const odd = Buffer.from(bytes);
    odd[25] = 5;
    await expect(decodePng(odd)).rejects.toThrow(/damaged/);
  });
});

describe('image files in the page', () => {
  for (const format of ['jpeg', 'png', 'webp'] as const) {
    it(`${format}: size, orientation, and the pixels alone`, async () => {
      for (let orientation = 1; orientation <= 8; orientation++) {
        const image = testImage(20, 34, 1).withMetadata({ orientation }).withIccProfile('p3');
        const bytes = await image.toFormat(format, { quality: 90 }).toBuffer();
        const plain = readImageFile(bytes);
        expect(plain).toMatchObject({ kind: format, height: 20, width: 34, orientation });
        const rest = await sharp(Buffer.concat(plain.pieces)).metadata();
        if (format === 'png') continue; // decoded by ourselves, from the file as it is
        expect(rest).toMatchObject({ width: 34, height: 20 });
        expect([rest.exif, rest.icc, rest.orientation]).toEqual([undefined, undefined, undefined]);
        const stored = await decodeBytes(bytes, asStored);
        const stripped = await decodeBytes(Buffer.concat(plain.pieces), asStored);
        expect(Buffer.from(stripped.pixels).equals(Buffer.from(stored.pixels))).toBe(true);
      }
    });
  }

  it('WebP with alpha, lossy and lossless: opaque, with the same colors', async () => {
    for (const lossless of [true, false]) {
      const bytes = await withAlpha(30, 40).webp({ lossless, exact: true }).toBuffer();
      const plain = readImageFile(bytes);
      expect(plain).toMatchObject({ kind: 'webp', height: 30, width: 40 });
      const opaque = Buffer.concat(plain.pieces);
      expect((await sharp(opaque).metadata()).hasAlpha).toBe(false);
      const stored = await decodeBytes(bytes, asStored);
      expect(Buffer.from((await decodeBytes(opaque, asStored)).pixels).equals(Buffer.from(stored.pixels))).toBe(true);
    }
  });

  it('says what is wrong with a file', () => {
    expect(() => readImageFile(new Uint8Array(0))).toThrow('the file is empty.');
    expect(() => readImageFile(Buffer.from('GIF89a and so on'))).toThrow('this is not a JPEG, PNG or WebP image.');
    expect(() => readImageFile(Buffer.from([0xff, 0xd8, 0xff, 0xd9]))).toThrow('the image is damaged or incomplete.');
    const huge = Buffer.alloc(40);
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]).copy(huge);
    huge.writeUInt32BE(20000, 16);
    huge.writeUInt32BE(10000, 20);
    expect(() => readImageFile(huge)).toThrow('20000 × 10000 pixels are too many: this page takes up to 100 million.');
  });
});
