/** @file Where the encoded bytes of an image lie: in a file of their own, or in a part of a larger one. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readExactly } from './framed-file.js';

/** Bytes inside a larger file. Structured-clone friendly. */
export interface FilePart {
  /** Absolute path of the larger file. */
  readonly file: string;
  /** First byte, and how many. */
  readonly start: number;
  readonly length: number;
  /** `shortChecksum` of the bytes. */
  readonly checksum: number;
  /** What to call the part in messages. */
  readonly name: string;
}

/** An absolute path, or a part of a file. */
export type ImageSource = string | FilePart;

/** Why an image cannot be read or decoded, in a few words. */
export class DecodeError extends Error {
  readonly code = 'UNREADABLE_IMAGE';
}

/** The first 48 bits of the SHA-256: exact as a number, and enough to notice damage. */
export function shortChecksum(bytes: Uint8Array): number {
  return createHash('sha256').update(bytes).digest().readUIntBE(0, 6);
}

/** What to call a source in messages. */
export function describeSource(source: ImageSource): string {
  return typeof source === 'string' ? source : `${source.file}: ${source.name}`;
}

/**
 * All bytes of an image.
 * @throws DecodeError when it cannot be opened, or a part is not what was stored
 */
export function readSource(source: ImageSource): Buffer {
  try {
    return typeof source === 'string' ? readFileSync(source) : readPart(source);
  } catch (cause) {
    if (cause instanceof DecodeError) throw cause;
    throw new DecodeError(`cannot be opened (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`, { cause });
  }
}

function readPart({ file, start, length, checksum }: FilePart): Buffer {
  const opened = openSync(file, 'r');
  try {
    const bytes = readExactly(opened, start, length);
    if (bytes !== null && shortChecksum(bytes) === checksum) return bytes;
  } finally {
    closeSync(opened);
  }
  throw new DecodeError('damaged: other bytes than were stored');
}
