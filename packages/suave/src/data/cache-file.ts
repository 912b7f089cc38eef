/**
 * @file The packed file of decoded images, and how it is recognised as whole: a framed file whose entries are the pixels, uint8
 * [height, width, 3] of every image, in natural order of the paths. Its index has the JSON {key, reasons}.
 */
import { closeSync, openSync } from 'node:fs';
import { encodeHeader, encodeIndex, type FrameKind, type OpenedFrame, readFrame } from './framed-file.js';

/** One image of the cache: which file it came from and where its pixels lie. */
export interface CacheEntry {
  /** Relative to the data folder. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Bytes from the start of the cache file. */
  readonly offset: number;
  /** Pixels; 0 where the file cannot be decoded. */
  readonly height: number;
  readonly width: number;
  /** Why not, or null. */
  readonly reason: string | null;
}

/** A cache file that was opened and checked. The caller closes `file`. */
export interface OpenCacheFile {
  readonly file: number;
  /** Identity of the file that was read, to notice a replacement. */
  readonly inode: number;
  readonly fileBytes: number;
  readonly entries: ReadonlyMap<string, CacheEntry>;
}

/** Columns: offset, size, mtime; height, width. */
const cacheKind: FrameKind = { magic: 'SUAVEIMG', version: 1, numFloat64: 3, numInt32: 2 };

/** Reasons by number of entry, of those that have one. */
export function reasonsOf(entries: readonly { readonly reason: string | null }[]): Record<number, string> {
  return Object.fromEntries(entries.flatMap(({ reason }, i) => (reason === null ? [] : [[i, reason]])));
}

/** Index and header that make a file with these entries, and nothing after them, complete. */
export function encodeCache(
  entries: readonly CacheEntry[],
  key: string,
  indexStart: number,
): { index: Buffer; header: Buffer } {
  const index = encodeIndex({
    float64: [entries.map((e) => e.offset), entries.map((e) => e.size), entries.map((e) => e.mtimeMs)],
    int32: [entries.map((e) => e.height), entries.map((e) => e.width)],
    names: entries.map((e) => e.path),
    json: { key, reasons: reasonsOf(entries) },
  });
  return { index, header: encodeHeader(cacheKind, entries.length, indexStart, index).header };
}

function entriesOf({ float64, int32, names, json }: OpenedFrame): Map<string, CacheEntry> {
  const [offset, size, mtimeMs] = float64;
  const [height, width] = int32;
  const { reasons } = json as { reasons: Record<number, string> };
  const entryOf = (path: string, i: number): CacheEntry => ({
    ...{ path, offset: offset[i], size: size[i], mtimeMs: mtimeMs[i], height: height[i], width: width[i] },
    reason: reasons[i] ?? null,
  });
  return new Map(names.map((path, i) => [path, entryOf(path, i)]));
}

/**
 * Opens a cache file.
 * @returns 'missing', or 'damaged' for a file that is not whole (size, header or index), of another version or key
 */
export function openCacheFile(path: string, key: string): OpenCacheFile | 'missing' | 'damaged' {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return 'missing';
  }
  try {
    const frame = readFrame(file, cacheKind);
    if (!('problem' in frame) && (frame.json as { key: string }).key === key) {
      return { file, inode: frame.inode, fileBytes: frame.fileBytes, entries: entriesOf(frame) };
    }
  } catch {
    // A size or text that makes no sense: damaged too.
  }
  closeSync(file);
  return 'damaged';
}
