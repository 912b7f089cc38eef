/** @file The pixels of pictures that the browser decodes. */
import type { RgbImage } from '../../src/data/resize.js';
import { ImageError } from './image-error.js';
import { damaged, type PlainImage } from './image-file.js';

/** Pixels that are read back at a time: canvases of more are refused by some browsers. */
const stripPixels = 1 << 22;

/** The pixels of an opaque bitmap, read back in strips. */
export function bitmapPixels(bitmap: ImageBitmap): RgbImage {
  const { height, width } = bitmap;
  const rows = Math.min(height, Math.max(1, Math.floor(stripPixels / width)));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  if (context === null) throw new ImageError('this browser does not let the page read pixels.');
  const pixels = new Uint8Array(height * width * 3);
  let target = 0;
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let source = 0; source < data.length; source += 4) {
      pixels[target++] = data[source];
      pixels[target++] = data[source + 1];
      pixels[target++] = data[source + 2];
    }
  }
  return { height, width, pixels };
}

/** The stored pixels of a JPEG or WebP. @throws ImageError when the browser cannot decode it */
export async function decodeByBrowser({ kind, height, width, pieces }: PlainImage): Promise<RgbImage> {
  const file = new Blob([...pieces] as Uint8Array<ArrayBuffer>[], { type: `image/${kind}` });
  let bitmap: ImageBitmap;
  try {
    // The picture is opaque now. Asked not to multiply by alpha, Chromium would divide by what a lossless WebP still stores as alpha.
    bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'premultiply' });
  } catch {
    throw damaged();
  }
  try {
    if (bitmap.height !== height || bitmap.width !== width) throw damaged();
    return bitmapPixels(bitmap);
  } finally {
    bitmap.close();
  }
}

/**
 * Whether pixels are read back as they were written. Some browsers change them a little, against fingerprinting, and predictions
 * of JPEG and WebP would be of another picture.
 */
export function readsTruePixels(): boolean {
  const context = new OffscreenCanvas(16, 16).getContext('2d', { alpha: false, willReadFrequently: true });
  if (context === null) return false;
  const bytes = new Uint8ClampedArray(16 * 16 * 4).map((_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  context.putImageData(new ImageData(bytes, 16, 16), 0, 0);
  const { data } = context.getImageData(0, 0, 16, 16);
  return data.every((byte, i) => byte === bytes[i]);
}
