/**
 * @file Files of many entries that are recognised as whole: a header, the bytes of the entries, an index of them.
 *
 *     0   8  magic             8   4  format version     12  4  number of entries
 *     16  8  start of the index 24  8  bytes of the index
 *     32 32  SHA-256 of bytes 0 to 32 and of the index
 *     64     bytes of the entries
 *            index: float64 columns, int32 columns, length of each name as int32, the names, JSON
 *
 * Little-endian throughout. The header is written last, so that an unfinished file has none.
 */
import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';

export const headerBytes = 64;

/** What tells the files of one kind. */
export interface FrameKind {
  /** 8 characters, latin1. */
  readonly magic: string;
  readonly version: number;
  /** Numbers of columns in the index. */
  readonly numFloat64: number;
  readonly numInt32: number;
}

/** What is known of the entries: columns of numbers, [entries] each, a name each, and whatever belongs to all of them. */
export interface FrameIndex {
  readonly float64: readonly ArrayLike<number>[];
  readonly int32: readonly ArrayLike<number>[];
  readonly names: readonly string[];
  /** Anything that JSON can say. */
  readonly json: unknown;
}

/** A file that is whole. */
export interface OpenedFrame extends FrameIndex {
  /** Identity of the file that was read, to notice a replacement. */
  readonly inode: number;
  readonly fileBytes: number;
  /** Where the bytes of the entries end. */
  readonly indexStart: number;
  /** SHA-256 of the index, in hexadecimal. */
  readonly checksum: string;
}

/** Why a file cannot be used: another kind of file, of a newer version, cut off, or with other bytes than were written. */
export interface FrameProblem {
  readonly problem: 'foreign' | 'newer' | 'truncated' | 'damaged';
  readonly fileBytes: number;
  /** Bytes that a truncated file should have, as far as its header is there. */
  readonly expectedBytes: number | null;
  /** Its format version, where it says one. */
  readonly version: number | null;
}

/** Bytes of an entry in the columns, the length of its name included. */
function columnBytes({ numFloat64, numInt32 }: Pick<FrameKind, 'numFloat64' | 'numInt32'>): number {
  return numFloat64 * 8 + (numInt32 + 1) * 4;
}

/** Serializes an index: float64 columns first, so that everything stays aligned. */
export function encodeIndex({ float64, int32, names, json }: FrameIndex): Buffer {
  const count = names.length;
  const texts = names.map((name) => Buffer.from(name));
  const tail = Buffer.from(JSON.stringify(json));
  const numbers = count * columnBytes({ numFloat64: float64.length, numInt32: int32.length });
  const index = Buffer.alloc(numbers + texts.reduce((sum, text) => sum + text.length, 0) + tail.length);
  let position = 0;
  for (const column of float64) for (let i = 0; i < count; i++) position = index.writeDoubleLE(column[i], position);
  for (const column of int32) for (let i = 0; i < count; i++) position = index.writeInt32LE(column[i], position);
  for (const text of texts) position = index.writeInt32LE(text.length, position);
  for (const text of texts) position += text.copy(index, position);
  tail.copy(index, position);
  return index;
}

function decodeIndex(index: Buffer, count: number, { numFloat64, numInt32 }: FrameKind): FrameIndex {
  const int32Start = numFloat64 * count * 8;
  const float64At = (column: number) =>
    Float64Array.from({ length: count }, (_, i) => index.readDoubleLE((column * count + i) * 8));
  const int32At = (column: number) =>
    Int32Array.from({ length: count }, (_, i) => index.readInt32LE(int32Start + (column * count + i) * 4));
  let position = count * columnBytes({ numFloat64, numInt32 });
  const names = Array.from(int32At(numInt32), (length) => {
    position += length;
    return index.toString('utf8', position - length, position);
  });
  return {
    float64: Array.from({ length: numFloat64 }, (_, column) => float64At(column)),
    int32: Array.from({ length: numInt32 }, (_, column) => int32At(column)),
    names,
    json: JSON.parse(index.toString('utf8', position)),
  };
}

function checksumOf(headerStart: Buffer, index: Buffer): Buffer {
  return createHash('sha256').update(headerStart).update(index).digest();
}

/** The header that makes a file with this index complete, and the checksum in it. */
export function encodeHeader(
  { magic, version }: Pick<FrameKind, 'magic' | 'version'>,
  count: number,
  indexStart: number,
  index: Buffer,
): { header: Buffer; checksum: string } {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(count, 12);
  header.writeBigUInt64LE(BigInt(indexStart), 16);
  header.writeBigUInt64LE(BigInt(index.length), 24);
  const checksum = checksumOf(header.subarray(0, 32), index);
  checksum.copy(header, 32);
  return { header, checksum: checksum.toString('hex') };
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
 * Reads header and index of an open file and checks that it is whole: its kind, its size, and the checksum of its index.
 * @param file  descriptor, which stays open
 */
export function readFrame(file: number, kind: FrameKind): OpenedFrame | FrameProblem {
  const { size, ino } = fstatSync(file);
  const fail = (
    problem: FrameProblem['problem'],
    version: number | null = null,
    expectedBytes: number | null = null,
  ) => ({
    ...{ problem, version, expectedBytes },
    fileBytes: size,
  });
  const magic = readExactly(file, 0, 8);
  if (magic === null || magic.toString('latin1') !== kind.magic) return fail('foreign');
  const header = readExactly(file, 0, headerBytes);
  if (header === null) return fail('truncated');
  const version = header.readUInt32LE(8);
  if (version !== kind.version) return fail(version > kind.version ? 'newer' : 'damaged', version);
  const count = header.readUInt32LE(12);
  const indexStart = Number(header.readBigUInt64LE(16));
  const indexBytes = Number(header.readBigUInt64LE(24));
  const expected = indexStart + indexBytes;
  if (size < expected) return fail('truncated', version, expected);
  if (size > expected || indexStart < headerBytes || indexBytes < count * columnBytes(kind))
    return fail('damaged', version);
  const index = readExactly(file, indexStart, indexBytes);
  if (index === null) return fail('truncated', version, expected);
  const stored = header.subarray(32);
  if (!checksumOf(header.subarray(0, 32), index).equals(stored)) return fail('damaged', version);
  try {
    const decoded = decodeIndex(index, count, kind);
    return { ...decoded, inode: ino, fileBytes: size, indexStart, checksum: stored.toString('hex') };
  } catch {
    return fail('damaged', version);
  }
}
