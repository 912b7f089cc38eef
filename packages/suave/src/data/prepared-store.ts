/** @file A prepared file as if it were the folder that it was made of: the same scan, and the same pixels. */
import { closeSync, openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import sharp from 'sharp';
import { DataError } from '../errors.js';
import type { CacheEntry } from './cache-file.js';
import type { DecodeOptions } from './decode.js';
import { type DecodeRun, decodeAll } from './decode-pool.js';
import { decodeRaw } from './decode-raw.js';
import { readExactly } from './framed-file.js';
import { type FilePart, readSource, shortChecksum } from './image-source.js';
import type { FileStamp, PixelStore } from './pixel-store.js';
import { type PreparedEntry, type PreparedFile, readPrepared } from './prepared-file.js';
import { type RgbImage, reducedSize } from './resize.js';
import type { FolderScan } from './scan.js';

/**
 * What a scan of the folder said that a prepared file was made of.
 * @param file  absolute path
 * @throws DataError as `readPrepared`
 */
export function scanPrepared(file: string): FolderScan {
  const prepared = readPrepared(file);
  const { folders, unreadable, notImages, labels, entries } = prepared;
  return {
    root: file,
    store: preparedStore(prepared),
    images: entries.map((entry) => ({ path: entry.path, ...stampOf(entry) })),
    unreadable: [...unreadable],
    notImages: [...notImages],
    folders: [...folders],
    labels: labels === null ? null : { ...labels, file: `${file}: ${labels.file}` },
  };
}

const stampOf = ({ length, checksum }: PreparedEntry): FileStamp => ({ size: length, mtimeMs: checksum });

function preparedStore(prepared: PreparedFile): PixelStore {
  const byPath = new Map(prepared.entries.map((entry) => [entry.path, entry]));
  const entryOf = (path: string) => byPath.get(path) ?? damaged(prepared.file, `there is no "${path}" in it`);
  const shared = {
    root: prepared.file,
    hasFiles: false,
    stamp: (path: string) => {
      const entry = byPath.get(path);
      return entry === undefined ? null : stampOf(entry);
    },
  };
  if (prepared.form.kind === 'files') {
    const sourceOf = (path: string): FilePart => {
      const { start, length, checksum } = entryOf(path);
      return { file: prepared.file, start, length, checksum, name: path };
    };
    return {
      ...shared,
      sourceOf,
      async sizeOf(path) {
        const { height, width } = await sharp(readSource(sourceOf(path))).metadata();
        return { height, width };
      },
      decode: (paths, options, take, run) => decodeAll(paths.map(sourceOf), options, take, run),
    };
  }
  return {
    ...shared,
    sourceOf: null,
    async sizeOf(path) {
      const { sourceHeight, sourceWidth } = entryOf(path);
      if (sourceHeight === 0) throw new Error(`"${path}" has no size`);
      return { height: sourceHeight, width: sourceWidth };
    },
    async ready(paths, options, run) {
      const entries = paths.map(entryOf);
      if (!areAsWanted(prepared, entries, options)) return null;
      await checkPixels(prepared.file, entries, run);
      const { file: path, fileBytes, inode } = prepared;
      return { path, fileBytes, inode, entries: entries.map(cacheEntryOf) };
    },
    async decode(paths, options, take, run) {
      const entries = paths.map(entryOf);
      areAsWanted(prepared, entries, options);
      const file = openSync(prepared.file, 'r');
      try {
        await decodeRaw(entries.length, (i) => readPixels(prepared.file, file, entries[i]), options, take, run);
      } finally {
        closeSync(file);
      }
    },
  };
}

function cacheEntryOf(entry: PreparedEntry): CacheEntry {
  const { path, start, height, width, reason } = entry;
  return { path, ...stampOf(entry), offset: start, height, width, reason };
}

/**
 * Whether the pixels lie there as they are wanted; false where they are whole and still to be reduced.
 * @throws DataError PREPARED_SIDE where they were decoded in another way
 */
function areAsWanted({ form, file }: PreparedFile, entries: readonly PreparedEntry[], options: DecodeOptions): boolean {
  if (form.kind === 'files') return false;
  const { cacheSide, exifOrientation } = options;
  if (form.reduction === null) {
    return entries.every(({ height, width }) => {
      const wanted = reducedSize(height, width, cacheSide);
      return wanted.height === height && wanted.width === width;
    });
  }
  const held = form.reduction;
  if (held.cacheSide === cacheSide && held.exifOrientation === exifOrientation) return true;
  const [what, wanted, got, setting] =
    held.cacheSide !== cacheSide
      ? [
          'a shorter side of',
          cacheSide ?? 'full size',
          held.cacheSide ?? 'full size',
          `data.cacheSide=${held.cacheSide}`,
        ]
      : ['EXIF orientation', exifOrientation, held.exifOrientation, `data.exifOrientation=${held.exifOrientation}`];
  throw new DataError(
    `data: expected pixels with ${what} ${wanted} in "${file}", got ${got}. Train with --set ${setting}, or prepare the images again; without --cache-side a prepared file fits every run.`,
    { code: 'PREPARED_SIDE', file },
  );
}

function readPixels(name: string, file: number, entry: PreparedEntry): RgbImage | string {
  const { path, start, length, height, width, checksum, reason } = entry;
  if (reason !== null) return reason;
  const pixels = readExactly(file, start, length);
  if (pixels === null || shortChecksum(pixels) !== checksum) damaged(name, `the pixels of "${path}" are others`);
  return { height, width, pixels };
}

/** After so many bytes others get their turn. */
const bytesPerTurn = 16 * 2 ** 20;

/** Compares all pixels with their checksums: what is mapped is never looked at again. */
async function checkPixels(name: string, entries: readonly PreparedEntry[], run: DecodeRun = {}): Promise<void> {
  const file = openSync(name, 'r');
  try {
    let numBytes = 0;
    for (const [i, entry] of entries.entries()) {
      readPixels(name, file, entry);
      numBytes += entry.length;
      if (numBytes < bytesPerTurn && i + 1 < entries.length) continue;
      numBytes = 0;
      run.onProgress?.(i + 1, entries.length, 'checking images');
      await nextTurn();
      run.signal?.throwIfAborted();
    }
  } finally {
    closeSync(file);
  }
}

function damaged(file: string, got: string): never {
  throw new DataError(
    `data: expected the prepared file "${file}" as it was written, got other bytes: ${got}. Copy it again.`,
    { code: 'PREPARED_DAMAGED', file },
  );
}
