/**
 * @file The packed file of decoded images, and how it is recognised as whole.
 *
 *     0   8  magic "SUAVEIMG"
 *     8   4  format version     12  4  number of entries
 *     16  8  start of the index 24  8  bytes of the index
 *     32 32  SHA-256 of bytes 0 to 32 and of the index
 *     64     pixels: uint8 [height, width, 3] of every image, in natural order of the paths
 *            index: columns of all entries, the text of the paths, and JSON {key, reasons}
 *
 * Little-endian throughout. The header is written last, so that an unfinished file has none.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

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

export const headerBytes = 64;
const magic = 'SUAVEIMG';
const formatVersion = 1;
/** Bytes of an entry in the columns: offset, size, mtime as float64; height, width, path length as int32. */
const columnBytes = 3 * 8 + 3 * 4;

/** Serializes the index: float64 columns first, so that everything stays aligned. */
export function encodeIndex(entries: readonly CacheEntry[], key: string): Buffer {
  const count = entries.length;
  const paths = entries.map((entry) => Buffer.from(entry.path));
  const pathBytes = paths.reduce((sum, path) => sum + path.length, 0);
  const reasons = Object.fromEntries(entries.flatMap((entry, i) => (entry.reason === null ? [] : [[i, entry.reason]])));
  const json = Buffer.from(JSON.stringify({ key, reasons }));
  const index = Buffer.alloc(count * columnBytes + pathBytes + json.length);
  let textStart = count * columnBytes;
  entries.forEach((entry, i) => {
    index.writeDoubleLE(entry.offset, i * 8);
    index.writeDoubleLE(entry.size, (count + i) * 8);
    index.writeDoubleLE(entry.mtimeMs, (2 * count + i) * 8);
    index.writeInt32LE(entry.height, count * 24 + i * 4);
    index.writeInt32LE(entry.width, count * 28 + i * 4);
    index.writeInt32LE(paths[i].length, count * 32 + i * 4);
    paths[i].copy(index, textStart);
    textStart += paths[i].length;
  });
  json.copy(index, textStart);
  return index;
}

function decodeIndex(index: Buffer, count: number): { entries: Map<string, CacheEntry>; key: string } {
  let textStart = count * columnBytes;
  const ends: number[] = [];
  for (let i = 0; i < count; i++) {
    textStart += index.readInt32LE(count * 32 + i * 4);
    ends.push(textStart);
  }
  const { key, reasons } = JSON.parse(index.toString('utf8', textStart)) as {
    key: string;
    reasons: Record<number, string>;
  };
  const entries = new Map<string, CacheEntry>();
  for (let i = 0; i < count; i++) {
    const path = index.toString('utf8', i === 0 ? count * columnBytes : ends[i - 1], ends[i]);
    entries.set(path, {
      path,
      offset: index.readDoubleLE(i * 8),
      size: index.readDoubleLE((count + i) * 8),
      mtimeMs: index.readDoubleLE((2 * count + i) * 8),
      height: index.readInt32LE(count * 24 + i * 4),
      width: index.readInt32LE(count * 28 + i * 4),
      reason: reasons[i] ?? null,
    });
  }
  return { entries, key };
}

function checksum(headerStart: Buffer, index: Buffer): Buffer {
  return createHash('sha256').update(headerStart).update(index).digest();
}

/** The header that makes a file with this index complete. */
export function encodeHeader(count: number, indexStart: number, index: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(count, 12);
  header.writeBigUInt64LE(BigInt(indexStart), 16);
  header.writeBigUInt64LE(BigInt(index.length), 24);
  checksum(header.subarray(0, 32), index).copy(header, 32);
  return header;
}

/** Reads exactly `length` bytes; null when there are fewer. */
export function readExactly(file: number, position: number, length: number): Buffer | null {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = readSync(file, bytes, done, length - done, position + done);
    if (count === 0) return null;
    done += count;
  }
  return bytes;
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
    const opened = readCacheFile(file, key);
    if (opened !== null) return opened;
  } catch {
    // A size or text that makes no sense: damaged too.
  }
  closeSync(file);
  return 'damaged';
}

function readCacheFile(file: number, key: string): OpenCacheFile | null {
  const stats = fstatSync(file);
  const header = readExactly(file, 0, headerBytes);
  if (header === null || header.toString('latin1', 0, 8) !== magic) return null;
  if (header.readUInt32LE(8) !== formatVersion) return null;
  const count = header.readUInt32LE(12);
  const indexStart = Number(header.readBigUInt64LE(16));
  const indexBytes = Number(header.readBigUInt64LE(24));
  if (indexStart + indexBytes !== stats.size || indexBytes < count * columnBytes) return null;
  const index = readExactly(file, indexStart, indexBytes);
  if (index === null || !checksum(header.subarray(0, 32), index).equals(header.subarray(32))) return null;
  const decoded = decodeIndex(index, count);
  if (decoded.key !== key) return null;
  return { file, inode: stats.ino, fileBytes: stats.size, entries: decoded.entries };
}
