/** @file Where the pixels of DATA lie: image files in a folder, one packed set, or a prepared file; the cache is filled from any. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { CacheEntry } from './cache-file.js';
import type { DecodeOptions } from './decode.js';
import type { DecodedBlock } from './decode-block.js';
import { type DecodeRun, decodeAll } from './decode-pool.js';
import type { ImageSource } from './image-source.js';
import { reducedSize } from './resize.js';

/** What tells whether the file behind an image is still the same. */
export interface FileStamp {
  /** Bytes. */
  readonly size: number;
  /** Modification time in milliseconds since 1970; of an image in a prepared file, which knows no times, its checksum. */
  readonly mtimeMs: number;
}

/** Pixels of images that lie in one file as a cache has them. */
export interface ReadyPixels {
  /** Absolute path, to be mapped. */
  readonly path: string;
  readonly fileBytes: number;
  /** Identity of the file whose index was read. */
  readonly inode: number;
  /** One entry per image. */
  readonly entries: readonly CacheEntry[];
}

/** A source of images by their paths. */
export interface PixelStore {
  /** Absolute path of the folder or file that holds the pixels; a part of the cache's key. */
  readonly root: string;
  /** Whether each image is a file of its own: its path below `root` can be opened. */
  readonly hasFiles: boolean;
  /**
   * Where the encoded bytes of an image lie; null where there are pixels alone: those of a packed set are few and always cached.
   */
  readonly sourceOf: ((path: string) => ImageSource) | null;
  /**
   * Pixels that need no cache, because they lie in one file as it would have them; absent, or null, where they do not.
   * @throws DataError where they are there, but not as `options` wants them, or damaged
   */
  readonly ready?: (paths: readonly string[], options: DecodeOptions, run?: DecodeRun) => Promise<ReadyPixels | null>;
  /** The file in which an image lies, now; null when it is gone. */
  stamp(path: string): FileStamp | null;
  /**
   * Height and width in pixels, without decoding.
   * @throws when the image cannot be read
   */
  sizeOf(path: string): Promise<{ height: number; width: number }>;
  /** Hands over the blocks of decoded images in the order of `paths`; when `take` throws, decoding stops. */
  decode(
    paths: readonly string[],
    options: DecodeOptions,
    take: (block: DecodedBlock) => void,
    run?: DecodeRun,
  ): Promise<void>;
}

/**
 * Image files below a folder.
 * @param root  absolute path
 */
export function fileStore(root: string): PixelStore {
  const fileOf = (path: string) => join(root, path);
  return {
    root,
    hasFiles: true,
    sourceOf: fileOf,
    stamp(path) {
      const stats = statSync(fileOf(path), { throwIfNoEntry: false });
      return stats === undefined ? null : { size: stats.size, mtimeMs: stats.mtimeMs };
    },
    async sizeOf(path) {
      const { height, width } = await sharp(fileOf(path)).metadata();
      return { height, width };
    },
    decode: (paths, options, take, run) => decodeAll(paths.map(fileOf), options, take, run),
  };
}

/** How many images are looked at to learn the usual size of all. */
const numSampled = 48;

/** Sizes of some of the images, evenly chosen; those that cannot be read are left out: decoding will name them. */
export async function sampleSizes(
  store: PixelStore,
  images: readonly { readonly path: string }[],
): Promise<{ height: number; width: number }[]> {
  const step = Math.max(1, Math.floor(images.length / numSampled));
  const sizes: { height: number; width: number }[] = [];
  for (let i = 0; i < images.length; i += step) {
    try {
      sizes.push(await store.sizeOf(images[i].path));
    } catch {
      // Named when it is decoded.
    }
  }
  return sizes;
}

/** Mean bytes of the pixels of an image, from some of the images. */
export async function meanPixelBytes(
  store: PixelStore,
  images: readonly { readonly path: string }[],
  side: number | null,
): Promise<number> {
  const sizes = await sampleSizes(store, images);
  const bytes = sizes.map((size) => {
    const { height, width } = reducedSize(size.height, size.width, side);
    return height * width * 3;
  });
  return bytes.reduce((sum, each) => sum + each, 0) / Math.max(1, bytes.length);
}
