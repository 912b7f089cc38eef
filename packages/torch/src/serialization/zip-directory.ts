/**
 * @file The directory of a zip file whose entries are stored uncompressed, as PyTorch writes it; zip64 too. Every offset and
 * length is checked: entries lie inside the file, before the directory, and do not overlap.
 */
import type { AllocationBudget } from './allocation-budget.js';
import type { ByteSource } from './byte-source.js';
import { CheckpointError, showName } from './checkpoint-error.js';

/** One stored file. */
export interface ZipEntry {
  readonly name: string;
  /** Position of its first byte in the zip file. */
  readonly start: number;
  /** In bytes. */
  readonly size: number;
  readonly crc32: number;
}

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_HEADER = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_FIELD = 1;
const IS_ENCRYPTED = 1;

function refuse(file: string, problem: string): never {
  throw new CheckpointError(
    'ERR_CHECKPOINT_FORMAT',
    `${file}: not a valid zip file of PyTorch: ${problem}. It is cut off or damaged; copy or download it again.`,
  );
}

function read(source: ByteSource, budget: AllocationBudget, position: number, length: number): DataView {
  if (position < 0 || length < 0 || position + length > source.size)
    refuse(source.name, `${length} bytes at ${position} lie beyond its end (${source.size} bytes)`);
  budget.take(length);
  const bytes = source.read(position, length);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** A 64-bit number as a number; beyond 2^53 it is larger than any file. */
function wide(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

interface DirectoryPlace {
  readonly entries: number;
  readonly start: number;
  readonly size: number;
}

/** Finds the end record: at the very end, or before a comment. */
function findEnd(source: ByteSource, budget: AllocationBudget): { view: DataView; position: number } {
  const { name, size } = source;
  if (size < END_BYTES) refuse(name, `it has only ${size} bytes`);
  const last = read(source, budget, size - END_BYTES, END_BYTES);
  if (last.getUint32(0, true) === END && last.getUint16(20, true) === 0)
    return { view: last, position: size - END_BYTES };
  const length = Math.min(size, END_BYTES + MAX_COMMENT_BYTES);
  const tail = read(source, budget, size - length, length);
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) === END && at + END_BYTES + tail.getUint16(at + 20, true) === length)
      return { view: new DataView(tail.buffer, tail.byteOffset + at, END_BYTES), position: size - length + at };
  }
  return refuse(name, 'its directory is missing');
}

function findDirectory(source: ByteSource, budget: AllocationBudget): DirectoryPlace {
  const { name } = source;
  const { view, position } = findEnd(source, budget);
  const disks = [view.getUint16(4, true), view.getUint16(6, true)];
  let place: DirectoryPlace = {
    entries: view.getUint16(10, true),
    size: view.getUint32(12, true),
    start: view.getUint32(16, true),
  };
  let end = position;
  const locator = position >= 20 ? read(source, budget, position - 20, 20) : null;
  if (locator?.getUint32(0, true) === END64_LOCATOR) {
    end = wide(locator, 8);
    const record = read(source, budget, end, 56);
    if (record.getUint32(0, true) !== END64) refuse(name, 'its 64-bit end record is missing');
    disks.push(record.getUint32(16, true), record.getUint32(20, true));
    place = { entries: wide(record, 32), size: wide(record, 40), start: wide(record, 48) };
  }
  if (disks.some((disk) => disk !== 0)) refuse(name, 'it is one part of several');
  if (place.start + place.size > end) refuse(name, 'its directory reaches beyond its end');
  return place;
}

/** Values of the zip64 field that stand for those of the header that are all ones. */
function wideFields(file: string, extra: DataView, values: readonly number[]): number[] {
  const missing = values.map((value) => value === 0xffffffff);
  if (!missing.includes(true)) return [...values];
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === ZIP64_FIELD && at + 4 + length <= extra.byteLength) {
      let next = at + 4;
      return values.map((value, i) => {
        if (!missing[i]) return value;
        if (next + 8 > at + 4 + length) refuse(file, 'an entry lacks its 64-bit size');
        next += 8;
        return wide(extra, next - 8);
      });
    }
    at += 4 + length;
  }
  return refuse(file, 'an entry lacks its 64-bit size');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

interface DirectoryEntry {
  readonly name: string;
  readonly size: number;
  readonly crc32: number;
  /** Position of its local header. */
  readonly header: number;
}

function parseDirectory(file: string, directory: DataView, count: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== DIRECTORY_HEADER)
      refuse(file, `its directory holds ${i} entries instead of ${count}`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      directory.getUint16(at + offset, true),
    ) as [number, number, number];
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > directory.byteLength) refuse(file, 'its directory is cut off');
    let name: string;
    try {
      name = utf8.decode(new Uint8Array(directory.buffer, directory.byteOffset + at + 46, nameLength));
    } catch {
      refuse(file, 'the name of an entry is no UTF-8');
    }
    const extra = new DataView(directory.buffer, directory.byteOffset + at + 46 + nameLength, extraLength);
    const [size, compressed, header] = wideFields(file, extra, [
      directory.getUint32(at + 24, true),
      directory.getUint32(at + 20, true),
      directory.getUint32(at + 42, true),
    ]) as [number, number, number];
    if ((directory.getUint16(at + 8, true) & IS_ENCRYPTED) !== 0) refuse(file, `${showName(name)} is encrypted`);
    if (directory.getUint16(at + 10, true) !== 0 || size !== compressed)
      refuse(file, `${showName(name)} is compressed, which PyTorch never does`);
    entries.push({ name, size, crc32: directory.getUint32(at + 16, true), header });
    at = next;
  }
  if (at !== directory.byteLength) refuse(file, 'its directory is longer than its entries');
  return entries;
}

/**
 * Reads the directory of a zip file.
 * @returns entries by name
 * @throws CheckpointError when anything in it does not fit
 */
export function readZipDirectory(source: ByteSource, budget: AllocationBudget): Map<string, ZipEntry> {
  const file = source.name;
  const { entries: count, start, size } = findDirectory(source, budget);
  const found = parseDirectory(file, read(source, budget, start, size), count);
  const entries = new Map<string, ZipEntry>();
  let end = 0;
  for (const entry of [...found].sort((a, b) => a.header - b.header)) {
    const shown = showName(entry.name);
    if (entries.has(entry.name)) refuse(file, `${shown} is there twice`);
    if (entry.header < end) refuse(file, `${shown} overlaps the entry before it`);
    const local = read(source, budget, entry.header, 30);
    if (local.getUint32(0, true) !== LOCAL_HEADER) refuse(file, `${shown} is not where the directory says`);
    const first = entry.header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    end = first + entry.size;
    if (end > start) refuse(file, `${shown} reaches into the directory or beyond the end`);
    entries.set(entry.name, { name: entry.name, start: first, size: entry.size, crc32: entry.crc32 });
  }
  return entries;
}
