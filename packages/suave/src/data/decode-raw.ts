/** @file Blocks of images that are there as pixels: nothing is decoded, they are reduced as decoded ones would be. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DecodeOptions } from './decode.js';
import type { DecodedBlock } from './decode-block.js';
import type { DecodeRun } from './decode-pool.js';
import { type RgbImage, reducedSize, resizeBilinear } from './resize.js';

/** A block ends after so many images or bytes. */
const maxImages = 512;
const maxBytes = 8 * 2 ** 20;

/**
 * Hands over images in order.
 * @param count    how many
 * @param imageAt  image number i at full size, or why it cannot be read
 */
export async function decodeRaw(
  count: number,
  imageAt: (i: number) => RgbImage | string,
  { cacheSide }: Pick<DecodeOptions, 'cacheSide'>,
  take: (block: DecodedBlock) => void,
  run: DecodeRun = {},
): Promise<void> {
  let done = 0;
  for (let block = 0; done < count; block++) {
    run.signal?.throwIfAborted();
    const images: (RgbImage | string)[] = [];
    for (let numBytes = 0; done < count && images.length < maxImages && numBytes < maxBytes; done++) {
      const image = reduced(imageAt(done), cacheSide);
      images.push(image);
      if (typeof image !== 'string') numBytes += image.pixels.length;
    }
    take(blockOf(block, images));
    run.onProgress?.(done, count, 'decoding images');
    await nextTurn();
  }
}

function reduced(image: RgbImage | string, cacheSide: number | null): RgbImage | string {
  if (typeof image === 'string') return image;
  const { height, width } = reducedSize(image.height, image.width, cacheSide);
  return height === image.height && width === image.width ? image : resizeBilinear(image, height, width);
}

function blockOf(block: number, images: readonly (RgbImage | string)[]): DecodedBlock {
  const sizeOf = (side: 'height' | 'width') =>
    Int32Array.from(images, (image) => (typeof image === 'string' ? 0 : image[side]));
  const pixels = images.flatMap((image) => (typeof image === 'string' ? [] : [image.pixels]));
  const bytes = new Uint8Array(pixels.reduce((sum, each) => sum + each.length, 0));
  let position = 0;
  for (const each of pixels) {
    bytes.set(each, position);
    position += each.length;
  }
  return {
    block,
    heights: sizeOf('height'),
    widths: sizeOf('width'),
    reasons: images.map((image) => (typeof image === 'string' ? image : null)),
    bytes,
  };
}
