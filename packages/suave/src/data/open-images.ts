/** @file Opens the images of DATA: mapped from the cache or a prepared file, or, at full size, decoded anew each time a batch needs them. */
import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fromFile, keep, type Tensor } from '@suave/torch';
import { DataError, SuaveError } from '../errors.js';
import { type CacheRequest, type ImageCache, openImageCache } from './cache.js';
import { checkWorkers } from './decode-pool.js';
import { type ImageSet, residentImages } from './image-set.js';
import { ImageStream, StreamSource } from './image-stream.js';
import type { ReadyPixels } from './pixel-store.js';

/** The images that were asked for. */
export interface OpenImagesRequest extends CacheRequest {
  /**
   * MiB of decoded images that a reader may hold ahead of the current batch, where images are decoded anew; a quarter of the memory
   * unless said. It holds three batches at most.
   */
  readonly aheadMiB?: number;
}

/** Opened images, to make sets of. */
export interface OpenedImages {
  readonly cache: ImageCache;
  /** Makes a set of some entries, with all that it needs. */
  makeSet(indices: readonly number[]): ImageSet;
  /** Ends what the sets were made from; they live on. */
  close(): void;
}

/** A quarter of the memory: a reader never takes more than three batches need. */
function defaultAheadMiB(): number {
  const limit = process.constrainedMemory();
  return Math.min(totalmem(), limit > 0 ? limit : Number.POSITIVE_INFINITY) / 4 / 2 ** 20;
}

/**
 * Opens images, after decoding (or, without a cache side, measuring) what the cache does not know yet.
 * @throws DataError, SuaveError as `openImageCache`
 */
export async function openImages(request: OpenImagesRequest): Promise<OpenedImages> {
  const { store, images, cacheSide, exifOrientation } = request;
  const paths = images.map(({ path }) => path);
  const ready = (await store.ready?.(paths, { cacheSide, exifOrientation }, request)) ?? null;
  if (ready !== null) return openReadyPixels(ready);
  if (cacheSide !== null || store.sourceOf === null) return openMappedCache(request);
  const cache = await openImageCache({ ...request, contents: 'sizes' });
  const source = new StreamSource({
    sourceOf: store.sourceOf,
    options: { cacheSide, exifOrientation },
    workers: checkWorkers(request.workers),
    aheadBytes: (request.aheadMiB ?? defaultAheadMiB()) * 2 ** 20,
  });
  return {
    cache,
    makeSet: (indices) =>
      new ImageStream(
        source,
        indices.map((index) => cache.entries[index]),
      ),
    close() {},
  };
}

/** Maps a file; null when it is another one, or shorter, than when its index was read: touching what is not there kills the process. */
function mapFile({ path, fileBytes, inode }: Pick<ReadyPixels, 'path' | 'fileBytes' | 'inode'>): Tensor | null {
  if (statSync(path).size !== fileBytes) return null;
  const pixels = keep(fromFile(path, { shared: false, size: fileBytes, dtype: 'uint8' }));
  const { ino, size } = statSync(path);
  if (ino === inode && size === fileBytes) return pixels;
  pixels.dispose();
  return null;
}

/** Sets with a mapping of their own each, all of one file. @param pixels  taken over */
function mappedImages(cache: ImageCache, pixels: Tensor): OpenedImages {
  return {
    cache,
    makeSet: (indices) =>
      residentImages(
        keep(pixels.alias()),
        indices.map((index) => cache.entries[index]),
      ),
    close: () => pixels.dispose(),
  };
}

function openReadyPixels(ready: ReadyPixels): OpenedImages {
  const pixels = mapFile(ready);
  if (pixels === null) {
    throw new DataError(
      `data: expected "${ready.path}" to stay as it was when it was opened, got another file. Start again.`,
      { code: 'IMAGES_CHANGED', file: ready.path },
    );
  }
  return mappedImages({ ...ready, numDecoded: 0, numReused: ready.entries.length, wasDamaged: false }, pixels);
}

/** How often a cache that other processes keep replacing is opened again. */
const maxOpenings = 20;

/** Opens the cache of `request` and maps it. Memory is taken only by the pages in use; each set has a mapping of its own. */
async function openMappedCache(request: CacheRequest): Promise<OpenedImages> {
  for (let opening = 0; opening < maxOpenings; opening++) {
    const cache = await openImageCache(request);
    const pixels = mapFile(cache);
    if (pixels !== null) return mappedImages(cache, pixels);
  }
  throw new SuaveError(
    'CACHE_BUSY',
    'cache: expected the cache file to stay while it is opened, got another one each time. Give this run its own --cache DIR.',
    { exitCode: 1 },
  );
}
