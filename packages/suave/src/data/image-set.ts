/** @file Images that batches are made from, and those whose pixels lie in memory or in a mapped cache. */
import { fromTypedArray, keep, type Tensor } from '@suave/torch';
import type { DecodeOptions } from './decode.js';
import { type DecodeRun, decodeAll } from './decode-pool.js';
import type { SkippedFile } from './scan.js';

/** Images of known sizes; their pixels come through a reader. Call `dispose` when done. */
export interface ImageSet {
  readonly length: number;
  /** Pixels. */
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  /** Relative to the data folder, or as given. */
  readonly paths: readonly string[];
  /** Opens the images for a sequence of batches. */
  read(batches: BatchIndices): PixelReader;
  dispose(): void;
}

/** Images of batch number `batch`, from 0, or null where there is none. A pure function: it is asked ahead. */
export type BatchIndices = (batch: number) => Int32Array | null;

/** Gives the pixels of one batch after the other. Call `close` when done. */
export interface PixelReader {
  /** The images of the batch that was prepared last; those of a set in memory are there without. */
  readonly window: PixelWindow;
  /**
   * Waits until the images of a batch are there; those of the next batches are decoded meanwhile.
   * @throws DataError IMAGES_CHANGED when a file cannot be read any more, or is another one
   */
  prepare(batch: number): Promise<void>;
  close(): void;
}

/**
 * Pixels of all images of a set or of some, as one tensor of bytes. Image i of the set is uint8 [heights[i], widths[i], 3], RGB,
 * from byte offsets[i]; NaN where it is not there.
 */
export interface PixelWindow {
  /** uint8 [bytes], on the CPU; on the device of a `DevicePixelReader`. */
  readonly pixels: Tensor;
  readonly offsets: Float64Array;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
}

/** A set with all its pixels. Owns `pixels`. */
export interface ResidentImages extends ImageSet, PixelWindow {}

/** What is known of each image of a set. */
export interface Placement {
  readonly path: string;
  readonly offset: number;
  readonly height: number;
  readonly width: number;
}

/** Makes a set of images in memory. @param pixels  taken over: disposed of with the set */
export function residentImages(pixels: Tensor, images: readonly Placement[]): ResidentImages {
  const set: ResidentImages = {
    length: images.length,
    pixels,
    offsets: Float64Array.from(images, (image) => image.offset),
    heights: Int32Array.from(images, (image) => image.height),
    widths: Int32Array.from(images, (image) => image.width),
    paths: images.map((image) => image.path),
    read: () => ({ window: set, prepare: async () => {}, close() {} }),
    dispose: () => pixels.dispose(),
  };
  return set;
}

/**
 * Decodes files into memory, without the cache (for prediction).
 * @param paths  files, absolute or relative to the working directory; kept as given
 * @returns the images that could be read, in order, and the others with their reasons
 */
export async function decodeImages(
  paths: readonly string[],
  options: DecodeOptions,
  run: DecodeRun = {},
): Promise<{ images: ResidentImages; skipped: SkippedFile[] }> {
  const blocks: Uint8Array[] = [];
  const placements: Placement[] = [];
  const skipped: SkippedFile[] = [];
  let offset = 0;
  let next = 0;
  await decodeAll(
    paths,
    options,
    ({ heights, widths, reasons, bytes }) => {
      blocks.push(bytes);
      for (let i = 0; i < heights.length; i++) {
        const path = paths[next++];
        if (reasons[i] !== null) {
          skipped.push({ path, reason: reasons[i] as string });
        } else {
          placements.push({ path, offset, height: heights[i], width: widths[i] });
          offset += heights[i] * widths[i] * 3;
        }
      }
    },
    run,
  );
  const bytes = new Uint8Array(offset);
  let position = 0;
  for (const block of blocks) {
    bytes.set(block, position);
    position += block.length;
  }
  const pixels = keep(fromTypedArray(bytes, [bytes.length], { dtype: 'uint8' }));
  return { images: residentImages(pixels, placements), skipped };
}
