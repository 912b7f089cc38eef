/** @file Where the pixels of DATA lie: image files in a folder, or one packed set; the cache is filled from either. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { DecodeOptions } from './decode.js';
import type { DecodedBlock } from './decode-block.js';
import { type DecodeRun, decodeAll } from './decode-pool.js';

/** What tells whether the file behind an image is still the same. */
export interface FileStamp {
  /** Bytes. */
  readonly size: number;
  /** Modification time in milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** A source of images by their paths. */
export interface PixelStore {
  /** Absolute path of the folder or file that holds the pixels; a part of the cache's key. */
  readonly root: string;
  /**
   * Absolute path of the file of an image; null where images have no files of their own: a packed set is small and always cached.
   */
  readonly fileOf: ((path: string) => string) | null;
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
    fileOf,
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
