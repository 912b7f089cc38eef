/** @file The checksum of zip files. */
import * as zlib from 'node:zlib';
import type { ByteSource } from './byte-source.js';

const CHUNK_BYTES = 8 << 20;

const table = new Int32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function portable(bytes: Uint8Array, start: number): number {
  let value = ~start;
  for (const byte of bytes) value = table[(value ^ byte) & 255]! ^ (value >>> 8);
  return ~value >>> 0;
}

/** CRC-32 of bytes, continued from `start`: Node's own where it has one (20.15 and later). */
export const updateCrc32: (bytes: Uint8Array, start: number) => number =
  (zlib as { crc32?: (bytes: Uint8Array, start: number) => number }).crc32 ?? portable;

/** CRC-32 of a part of a source. */
export function crc32(source: ByteSource, start: number, length: number): number {
  let value = 0;
  for (let offset = 0; offset < length; offset += CHUNK_BYTES)
    value = updateCrc32(source.read(start + offset, Math.min(CHUNK_BYTES, length - offset)), value);
  return value;
}
