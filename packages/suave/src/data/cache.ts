/**
 * @file The cache of decoded images: one packed file per data folder and way of decoding, outside DATA, reused by the
 * next run; only new and changed files are decoded again. A cache of sizes is the same without the pixels.
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { type CacheEntry, encodeCache, type OpenCacheFile, openCacheFile } from './cache-file.js';
import { CompleteFile, removeStaleTemporaries } from './complete-file.js';
import { type DecodeOptions, decoderVersion } from './decode.js';
import type { DecodedBlock } from './decode-block.js';
import { type DecodeRun, decodeAll } from './decode-pool.js';
import { checkFreeSpace, isInside, isOutOfSpace, noSpace, type SpaceUse } from './disk-space.js';
import { headerBytes, readExactly } from './framed-file.js';
import { sortNaturally } from './natural-order.js';
import { meanPixelBytes, type PixelStore } from './pixel-store.js';
import type { ImageFile } from './scan.js';

/** Which images are wanted, how, and where the cache lies. */
export interface CacheRequest extends DecodeOptions, DecodeRun {
  readonly store: PixelStore;
  /** `sizes` for images that are decoded whenever they are needed; only of image files. `pixels` unless said. */
  readonly contents?: 'pixels' | 'sizes';
  /** In natural order. */
  readonly images: readonly ImageFile[];
  /** Folder of the caches; null: see `cacheFolder`. */
  readonly cache?: string | null;
}

/** An open cache. */
export interface ImageCache {
  /** Path of the packed file. */
  readonly path: string;
  readonly fileBytes: number;
  /** Identity of the file whose index was read. */
  readonly inode: number;
  /** One entry per requested image, in the same order. */
  readonly entries: readonly CacheEntry[];
  /** Files that were decoded now, and those that were there already. */
  readonly numDecoded: number;
  readonly numReused: number;
  /** Whether a damaged file was replaced. */
  readonly wasDamaged: boolean;
}

/** Folder of the caches: the one given, else `$XDG_CACHE_HOME/suave`, else `~/.cache/suave`. */
export function cacheFolder(given: string | null | undefined): string {
  if (given) return resolve(given);
  const base = process.env.XDG_CACHE_HOME;
  return join(base ? resolve(base) : join(homedir(), '.cache'), 'suave');
}

function makeFolder(folder: string, root: string): void {
  if (isInside(folder, root)) {
    throw new DataError(`--cache: expected a folder outside DATA, got "${folder}". Choose another folder.`, {
      code: 'CACHE_IN_DATA',
      file: folder,
    });
  }
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new DataError(
      `--cache: expected a folder that can be written, got "${folder}" (${(cause as NodeJS.ErrnoException).code}). Choose another one with --cache DIR.`,
      { code: 'CACHE_FOLDER', file: folder, cause },
    );
  }
}

/** All that decides the bytes of an image beside its own file. */
function cacheKey(request: CacheRequest): string {
  return JSON.stringify([
    realpathSync(request.store.root),
    request.contents === 'sizes' ? 'sizes' : (request.cacheSide ?? 'full size'),
    request.exifOrientation,
    decoderVersion,
  ]);
}

function isSameFile(entry: CacheEntry | undefined, image: ImageFile): entry is CacheEntry {
  return entry !== undefined && entry.size === image.size && entry.mtimeMs === image.mtimeMs;
}

/**
 * Opens the cache of a folder, after decoding what is not in it yet.
 * @returns entries of all requested images, those that cannot be decoded included
 * @throws DataError CACHE_IN_DATA, CACHE_FOLDER; SuaveError NO_SPACE (exit status 1)
 */
export async function openImageCache(request: CacheRequest): Promise<ImageCache> {
  const folder = cacheFolder(request.cache);
  makeFolder(folder, request.store.root);
  const key = cacheKey(request);
  const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
  const path = join(folder, `${name}.${request.contents === 'sizes' ? 'sizes' : 'images'}`);
  const old = openCacheFile(path, key);
  const wasDamaged = old === 'damaged';
  if (typeof old === 'string') return buildCache(request, path, key, null, wasDamaged);
  try {
    const entries = request.images.map((image) => old.entries.get(image.path));
    if (entries.every((entry, i) => isSameFile(entry, request.images[i]))) {
      return {
        path,
        fileBytes: old.fileBytes,
        inode: old.inode,
        entries: entries as CacheEntry[],
        numDecoded: 0,
        numReused: entries.length,
        wasDamaged,
      };
    }
    return await buildCache(request, path, key, old, wasDamaged);
  } finally {
    closeSync(old.file);
  }
}

/** Entries of the old cache that nobody asked for now but whose files are still the same. */
function stillValid(old: OpenCacheFile, request: CacheRequest): CacheEntry[] {
  const requested = new Set(request.images.map((image) => image.path));
  return [...old.entries.values()].filter((entry) => {
    if (requested.has(entry.path)) return false;
    const stamp = request.store.stamp(entry.path);
    return stamp !== null && stamp.size === entry.size && stamp.mtimeMs === entry.mtimeMs;
  });
}

async function buildCache(
  request: CacheRequest,
  path: string,
  key: string,
  old: OpenCacheFile | null,
  wasDamaged: boolean,
): Promise<ImageCache> {
  removeStaleTemporaries(path);
  const known = (image: ImageFile) => old !== null && isSameFile(old.entries.get(image.path), image);
  const toDecode = request.images.filter((image) => !known(image));
  const kept = old === null ? [] : [...request.images.filter(known), ...stillValid(old, request)];
  const keptEntries = kept.map((image) => old?.entries.get(image.path) as CacheEntry);
  const keptBytes = keptEntries.reduce((sum, entry) => sum + bytesIn(request, entry), 0);
  await checkSpace(request, toDecode, keptBytes, path);
  const entries = new Map<string, CacheEntry>();
  try {
    const file = new CompleteFile(path);
    try {
      await writeImages(file, request, toDecode, keptEntries, old, entries);
      const { index, header } = encodeCache([...entries.values()], key, file.position);
      file.append(index);
      const fileBytes = file.position;
      const inode = file.inode;
      file.commit(header);
      return {
        path,
        fileBytes,
        inode,
        entries: request.images.map((image) => entries.get(image.path) as CacheEntry),
        numDecoded: toDecode.length,
        numReused: request.images.length - toDecode.length,
        wasDamaged,
      };
    } catch (error) {
      file.discard();
      throw error;
    }
  } catch (cause) {
    throw isOutOfSpace(cause) ? noSpace(spaceUse(path), 'no space left while writing', cause) : cause;
  }
}

/** Writes all images in natural order: decoded ones as they come, kept ones between them from the old file. */
async function writeImages(
  file: CompleteFile,
  request: CacheRequest,
  toDecode: readonly ImageFile[],
  kept: readonly CacheEntry[],
  old: OpenCacheFile | null,
  entries: Map<string, CacheEntry>,
): Promise<void> {
  file.append(Buffer.alloc(headerBytes));
  const order = sortNaturally([...toDecode, ...kept], (image) => image.path);
  const isKept = new Set<ImageFile>(kept);
  let next = 0;
  const copyKept = () => {
    while (next < order.length && isKept.has(order[next])) {
      const entry = order[next] as CacheEntry;
      const bytes = readExactly(old?.file as number, entry.offset, bytesIn(request, entry));
      if (bytes === null) throw new Error(`cache: "${entry.path}" ended early while it was copied.`);
      entries.set(entry.path, { ...entry, offset: file.position });
      file.append(bytes);
      next++;
    }
  };
  const sorted = order.filter((image) => !isKept.has(image));
  await readImages(
    request,
    sorted.map((image) => image.path),
    ({ heights, widths, reasons, bytes }) => {
      let start = 0;
      for (let i = 0; i < heights.length; i++) {
        copyKept();
        const { path, size, mtimeMs } = order[next++];
        const end = start + bytesIn(request, { height: heights[i], width: widths[i] });
        const place = { offset: file.position, height: heights[i], width: widths[i], reason: reasons[i] };
        entries.set(path, { path, size, mtimeMs, ...place });
        file.append(bytes.subarray(start, end));
        start = end;
      }
    },
  );
  copyKept();
}

function readImages(
  request: CacheRequest,
  paths: readonly string[],
  take: (block: DecodedBlock) => void,
): Promise<void> {
  const { store, contents, cacheSide, exifOrientation } = request;
  const options = { cacheSide, exifOrientation };
  if (contents !== 'sizes') return store.decode(paths, options, take, request);
  if (store.sourceOf === null) throw new Error(`cache: "${store.root}" has no image files to be measured`);
  return decodeAll(paths.map(store.sourceOf), options, take, request, 'sizes');
}

/** Bytes of an image in the cache. */
function bytesIn({ contents }: CacheRequest, { height, width }: { height: number; width: number }): number {
  return contents === 'sizes' ? 0 : height * width * 3;
}

function spaceUse(path: string): SpaceUse {
  return {
    folder: dirname(path),
    where: 'cache',
    what: 'the decoded images',
    advice: 'choose another disk with --cache DIR',
  };
}

async function checkSpace(
  request: CacheRequest,
  toDecode: readonly ImageFile[],
  keptBytes: number,
  path: string,
): Promise<void> {
  const { store, contents, cacheSide } = request;
  const perImage = contents === 'sizes' ? 0 : await meanPixelBytes(store, toDecode, cacheSide);
  checkFreeSpace(spaceUse(path), keptBytes + toDecode.length * (128 + perImage));
}
