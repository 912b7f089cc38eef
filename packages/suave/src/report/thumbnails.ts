/** @file Small pictures of measured images as data URIs, from the pixels that the network was given. */
import sharp from 'sharp';
import type { ImageSet, PixelWindow } from '../data/index.js';
import type { Thumbnail } from './report-data.js';

/** Longest side, pixels; smaller images stay as they are. */
const side = 96;

/** Images that are read at once. */
const batch = 32;

/**
 * Makes thumbnails of some images of a set.
 * @param images  their numbers, in any order, repeated or not
 * @returns       by number
 */
export async function thumbnailsOf(
  set: ImageSet,
  images: Iterable<number>,
  signal: AbortSignal | null = null,
): Promise<Map<number, Thumbnail>> {
  const wanted = Int32Array.from(new Set(images)).sort();
  const numBatches = Math.ceil(wanted.length / batch);
  const chosenOf = (index: number) => wanted.subarray(index * batch, (index + 1) * batch);
  const made = new Map<number, Thumbnail>();
  const reader = set.read((index) => (index < numBatches ? chosenOf(index) : null));
  try {
    for (let index = 0; index < numBatches; index++) {
      signal?.throwIfAborted();
      await reader.prepare(index);
      const sources = await Promise.all(Array.from(chosenOf(index), (image) => pictureOf(reader.window, image)));
      chosenOf(index).forEach((image, i) => {
        made.set(image, { path: set.paths[image], src: sources[i] });
      });
    }
  } finally {
    reader.close();
  }
  return made;
}

/** WebP as a data URI: without loss where that is small. */
async function pictureOf(window: PixelWindow, image: number): Promise<string> {
  const [height, width] = [window.heights[image], window.widths[image]];
  const bytes = window.pixels.narrow(0, window.offsets[image], height * width * 3);
  try {
    const picture = sharp(bytes.data() as Uint8Array, { raw: { width, height, channels: 3 } });
    const small = await picture
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .webp(Math.max(height, width) <= side / 2 ? { lossless: true } : { quality: 78 })
      .toBuffer();
    return `data:image/webp;base64,${small.toString('base64')}`;
  } finally {
    bytes.dispose();
  }
}
