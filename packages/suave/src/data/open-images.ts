/** @file Opens the images of DATA: mapped from the cache, or, at full size, decoded anew each time a batch needs them. */
import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fromFile, keep, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { type CacheRequest, type ImageCache, openImageCache } from './cache.js';
import { checkWorkers } from './decode-pool.js';
import { type ImageSet, residentImages } from './image-set.js';
import { ImageStream, StreamSource } from './image-stream.js';

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
  const { store, cacheSide, exifOrientation } = request;
  if (cacheSide !== null || store.fileOf === null) return openMappedCache(request);
  const cache = await openImageCache({ ...request, contents: 'sizes' });
  const source = new StreamSource({
    fileOf: store.fileOf,
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

/** Maps a cache file; null when another process has replaced it since its index was read. */
function mapCache(cache: ImageCache): Tensor | null {
  const pixels = keep(fromFile(cache.path, { shared: false, size: cache.fileBytes, dtype: 'uint8' }));
  if (statSync(cache.path).ino === cache.inode) return pixels;
  pixels.dispose();
  return null;
}

/** How often a cache that other processes keep replacing is opened again. */
const maxOpenings = 20;

/** Opens the cache of `request` and maps it. Memory is taken only by the pages in use; each set has a mapping of its own. */
async function openMappedCache(request: CacheRequest): Promise<OpenedImages> {
  for (let opening = 0; opening < maxOpenings; opening++) {
    const cache = await openImageCache(request);
    const pixels = mapCache(cache);
    if (pixels === null) continue;
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
  throw new SuaveError(
    'CACHE_BUSY',
    'cache: expected the cache file to stay while it is opened, got another one each time. Give this run its own --cache DIR.',
    { exitCode: 1 },
  );
}
