/** @file Decoded images as tensors: mapped from the cache, or held in memory. */
import { statSync } from 'node:fs';
import { fromFile, fromTypedArray, keep, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { type CacheRequest, type ImageCache, openImageCache } from './cache.js';
import type { DecodeOptions } from './decode.js';
import type { DecodeRun } from './decode-pool.js';
import { decodeAll } from './decode-pool.js';
import type { SkippedFile } from './scan.js';

/**
 * Images of any sizes as one tensor of bytes. Image i is uint8 [heights[i], widths[i], 3], RGB, from byte offsets[i].
 * Owns `pixels`: call `dispose` when done.
 */
export interface ImageSet {
  readonly length: number;
  /** uint8 [bytes], on the CPU. */
  readonly pixels: Tensor;
  readonly offsets: Float64Array;
  /** Pixels. */
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  /** Relative to the data folder, or as given. */
  readonly paths: string[];
  dispose(): void;
}

/** What is known of each image of a set. */
interface Placement {
  readonly path: string;
  readonly offset: number;
  readonly height: number;
  readonly width: number;
}

function makeSet(pixels: Tensor, images: readonly Placement[]): ImageSet {
  return {
    length: images.length,
    pixels,
    offsets: Float64Array.from(images, (image) => image.offset),
    heights: Int32Array.from(images, (image) => image.height),
    widths: Int32Array.from(images, (image) => image.width),
    paths: images.map((image) => image.path),
    dispose: () => pixels.dispose(),
  };
}

/** Maps a cache file; null when another process has replaced it since its index was read. */
function mapCache(cache: ImageCache): Tensor | null {
  const pixels = keep(fromFile(cache.path, { shared: false, size: cache.fileBytes, dtype: 'uint8' }));
  if (statSync(cache.path).ino === cache.inode) return pixels;
  pixels.dispose();
  return null;
}

/** How often a cache that other processes keep replacing is opened again. */
const maxOpenings = 20;

/** A cache with as many mappings of its file as there are sets to make. */
export interface MappedCache {
  readonly cache: ImageCache;
  /** Makes a set of some entries, with a mapping of its own. */
  makeSet(indices: readonly number[]): ImageSet;
  /** Ends the mapping that the sets were made from; they keep theirs. */
  close(): void;
}

/**
 * Opens the cache of `request`, decoding what is missing, and maps it. Memory is taken only by the pages in use.
 * @throws DataError, SuaveError as `openImageCache`
 */
export async function openMappedCache(request: CacheRequest): Promise<MappedCache> {
  for (let opening = 0; opening < maxOpenings; opening++) {
    const cache = await openImageCache(request);
    const pixels = mapCache(cache);
    if (pixels === null) continue;
    return {
      cache,
      makeSet: (indices) =>
        makeSet(
          keep(pixels.alias()),
          indices.map((index) => cache.entries[index]),
        ),
      close: () => pixels.dispose(),
    };
  }
  throw new SuaveError(
    'CACHE_BUSY',
    'cache: expected the cache file to stay while it is opened, got another one each time. Give this run its own --cache DIR.',
    { exitCode: 1 },
  );
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
): Promise<{ images: ImageSet; skipped: SkippedFile[] }> {
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
  return { images: makeSet(pixels, placements), skipped };
}
