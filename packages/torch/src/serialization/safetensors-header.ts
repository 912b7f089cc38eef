/**
 * @file The header of a safetensors file: parsed without trust, written in the form every reader accepts.
 * Layout: 8 bytes little-endian header length N, N bytes of JSON padded with spaces, the tensors' bytes without holes.
 */
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { CheckpointError, showName } from './checkpoint-error.js';

/** One tensor of a file: where its bytes lie, counted from the end of the header. */
export interface SafetensorsEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** What a header says. */
export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Record<string, string>;
  /** Byte offset in the file of the first tensor's first byte. */
  readonly dataStart: number;
}

const DTYPE_NAMES: ReadonlyMap<DType, string> = new Map([
  ['float64', 'F64'],
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['int64', 'I64'],
  ['int32', 'I32'],
  ['int16', 'I16'],
  ['int8', 'I8'],
  ['uint8', 'U8'],
  ['bool', 'BOOL'],
]);
const DTYPES: ReadonlyMap<string, DType> = new Map([...DTYPE_NAMES].map(([dtype, name]) => [name, dtype]));
const ITEM_SIZES: Record<DType, number> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
};

/** Bytes of one element. */
export function itemSize(dtype: DType): number {
  return ITEM_SIZES[dtype];
}

/** Larger headers are refused before anything is allocated; 100 MB is the limit of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;
const METADATA_KEY = '__metadata__';

function refuse(file: string, problem: string): never {
  throw new CheckpointError(
    'ERR_CHECKPOINT_FORMAT',
    `${file}: not a valid safetensors file: ${problem}. The file is damaged or of another format; write it again.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(file: string, key: string, value: unknown, dataBytes: number): SafetensorsEntry {
  if (!isRecord(value)) refuse(file, `tensor ${showName(key)} is described by no object`);
  for (const field of Object.keys(value)) {
    if (field !== 'dtype' && field !== 'shape' && field !== 'data_offsets')
      refuse(file, `tensor ${showName(key)} has an unknown field ${showName(field)}`);
  }
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  if (typeof dtypeName !== 'string') refuse(file, `tensor ${showName(key)} has no dtype`);
  const dtype = DTYPES.get(dtypeName);
  if (dtype === undefined) {
    throw new CheckpointError(
      'ERR_CHECKPOINT_DTYPE',
      `${file}: tensor ${showName(key)} has the dtype ${showName(dtypeName)}, expected one of ${[...DTYPES.keys()].join(', ')}. Convert it first.`,
    );
  }
  if (!Array.isArray(shape) || shape.length > 64 || !shape.every(isSize))
    refuse(file, `tensor ${showName(key)} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !isSize(offsets[0]) || !isSize(offsets[1]))
    refuse(file, `tensor ${showName(key)} has no valid data_offsets`);
  const [start, end] = offsets as [number, number];
  if (start > end || end > dataBytes)
    refuse(file, `tensor ${showName(key)} lies at bytes ${start} to ${end} of ${dataBytes} bytes of data`);
  let extent = itemSize(dtype);
  for (const size of shape as number[]) {
    extent *= Math.max(size, 1);
    if (!Number.isSafeInteger(extent)) refuse(file, `tensor ${showName(key)} is larger than any file`);
  }
  const bytes = (shape as number[]).includes(0) ? 0 : extent;
  if (bytes !== end - start)
    refuse(file, `tensor ${showName(key)} needs ${bytes} bytes by dtype and shape, its offsets span ${end - start}`);
  return { dtype, shape: shape as number[], start, end };
}

function parseMetadata(file: string, value: unknown): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  if (value === undefined) return metadata;
  if (!isRecord(value)) refuse(file, `${METADATA_KEY} is no object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') refuse(file, `${METADATA_KEY} ${showName(key)} is no string`);
    metadata[key] = text;
  }
  return metadata;
}

/** Reads the header length, checked against the file. `prefix` is the file's first 8 bytes. */
export function parseHeaderLength(file: string, prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < 8 || fileBytes < 8) refuse(file, `it has only ${fileBytes} bytes`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    refuse(file, `its header would have ${length} bytes, more than ${MAX_HEADER_BYTES}`);
  if (length > BigInt(fileBytes - 8)) refuse(file, `its header would have ${length} bytes, the file has ${fileBytes}`);
  return Number(length);
}

/**
 * Parses and checks a header: dtypes, shapes, offsets inside the file, sizes, no overlap and no hole.
 * Keys such as `__proto__` are names like any other.
 * @param file       name for messages
 * @param json       the header's bytes
 * @param fileBytes  size of the whole file
 * @throws CheckpointError for everything that does not fit
 */
export function parseHeader(file: string, json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const dataStart = 8 + json.length;
  const dataBytes = fileBytes - dataStart;
  let parsed: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    if (!text.startsWith('{')) refuse(file, 'its header does not start with {');
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    refuse(file, `its header is no JSON (${error instanceof Error ? error.message.slice(0, 100) : 'unreadable'})`);
  }
  if (!isRecord(parsed)) refuse(file, 'its header is no object');
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(parsed)) {
    if (key === METADATA_KEY) metadata = parseMetadata(file, value);
    else entries.set(key, parseEntry(file, key, value, dataBytes));
  }
  let position = 0;
  const byOffset = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  for (const [key, entry] of byOffset) {
    if (entry.start !== position) {
      const problem = entry.start < position ? 'overlaps the tensor before it' : 'leaves a hole before it';
      refuse(file, `tensor ${showName(key)} ${problem} (starts at ${entry.start}, expected ${position})`);
    }
    position = entry.end;
  }
  if (position !== dataBytes) refuse(file, `its tensors take ${position} bytes, the file holds ${dataBytes}`);
  return { entries, metadata, dataStart };
}

/** Where each tensor of a new file goes: wide dtypes first, so that every tensor is aligned; ties keep their order. */
export function layOut(
  tensors: Iterable<readonly [string, { readonly dtype: DType; readonly shape: readonly number[] }]>,
): Map<string, SafetensorsEntry> {
  const named = [...tensors];
  const starts = new Map<string, readonly [number, number]>();
  let position = 0;
  const byWidth = [...named].sort(([, a], [, b]) => itemSize(b.dtype) - itemSize(a.dtype));
  for (const [name, { dtype, shape }] of byWidth) {
    if (!DTYPE_NAMES.has(dtype))
      throw new ArgumentError(`safetensors: ${name}: the format has no ${dtype}. Write viewAsReal(x) instead.`);
    const bytes = shape.reduce((product, size) => product * size, itemSize(dtype));
    starts.set(name, [position, position + bytes]);
    position += bytes;
  }
  return new Map(
    named.map(([name, { dtype, shape }]) => {
      const [start, end] = starts.get(name)!;
      return [name, { dtype, shape: [...shape], start, end }];
    }),
  );
}

/** The bytes before the data: length and JSON, padded with spaces to a multiple of 8. */
export function formatHeader(
  entries: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) parts.push(`"${METADATA_KEY}":${JSON.stringify({ ...metadata })}`);
  for (const [name, { dtype, shape, start, end }] of entries) {
    const description = { dtype: DTYPE_NAMES.get(dtype), shape, data_offsets: [start, end] };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(description)}`);
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

/** Whether a name can be a tensor's key. */
export function isReservedName(name: string): boolean {
  return name === METADATA_KEY;
}
