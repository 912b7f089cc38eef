/**
 * @file Safetensors files: named tensors and text metadata. Tensors stream through one buffer in both directions, so
 * that a file of any size needs no second copy in memory; files are read, never mapped.
 */
import { createHash } from 'node:crypto';
import { noGrad } from '../autograd/index.js';
import { contiguous, detach, narrow, to } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { writeAtomically } from './atomic-write.js';
import { type ByteSource, FileSource } from './byte-source.js';
import { CheckpointError } from './checkpoint-error.js';
import {
  formatHeader,
  isReservedName,
  layOut,
  parseHeader,
  parseHeaderLength,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensors-header.js';
import { bytesOf, tensorFromChunks } from './tensor-bytes.js';

const CHUNK_BYTES = 8 << 20;

/**
 * Writes tensors and metadata to a safetensors file, atomically: a temporary file in the same folder, synced, renamed.
 * Tensors on a device are copied to the CPU one at a time; other layouts than contiguous are written as contiguous.
 * @param path      file to create or replace
 * @param tensors   name → tensor, of any dtype but complex; kept, not modified
 * @param metadata  text for readers, stored in the header
 * @throws CheckpointError when a name is reserved; the system's error when the disk is full
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  for (const name of tensors.keys()) {
    if (isReservedName(name))
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `writeSafetensors: expected tensor names, got the reserved "${name}".`,
      );
  }
  const entries = layOut(tensors);
  const order = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  writeAtomically(path, (write) => {
    write(formatHeader(entries, metadata));
    for (const [name, entry] of order) {
      const length = entry.end - entry.start;
      if (length === 0) continue;
      scope(() => {
        const bytes = noGrad(() => bytesOf(contiguous(to(detach(tensors.get(name)!), { device: 'cpu' }))));
        for (let offset = 0; offset < length; offset += CHUNK_BYTES)
          write(narrow(bytes, 0, offset, Math.min(CHUNK_BYTES, length - offset)).bytes());
      });
    }
  });
}

/** A safetensors file held open, to read single tensors; its header is checked when it is opened. */
export class SafetensorsFile {
  readonly path: string;
  readonly header: SafetensorsHeader;
  readonly #source: ByteSource;

  /**
   * @param file  path, or bytes that are taken over
   * @throws CheckpointError when the file is missing, cut off, or anything in its header does not fit
   */
  constructor(file: string | ByteSource) {
    const source = typeof file === 'string' ? new FileSource(file, 'a safetensors file') : file;
    this.#source = source;
    this.path = source.name;
    try {
      const length = parseHeaderLength(this.path, source.read(0, Math.min(8, source.size)), source.size);
      this.header = parseHeader(this.path, source.read(8, length), source.size);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Names in the header's order. */
  get names(): string[] {
    return [...this.header.entries.keys()];
  }

  /**
   * Reads one tensor.
   * @returns a new tensor on the CPU
   * @throws CheckpointError when there is no such tensor, or the file ends early
   */
  read(name: string): Tensor {
    const { dtype, shape } = this.#entry(name);
    return scope(() => noGrad(() => tensorFromChunks(dtype, shape, this.chunks(name))));
  }

  /**
   * The bytes of one tensor, in pieces of at most 8 MiB.
   * @throws CheckpointError when there is no such tensor, or the file ends early
   */
  *chunks(name: string): Generator<Uint8Array> {
    const { start, end } = this.#entry(name);
    for (let position = start; position < end; position += CHUNK_BYTES)
      yield this.#source.read(this.header.dataStart + position, Math.min(CHUNK_BYTES, end - position));
  }

  /** SHA-256 of the bytes of one tensor, in hexadecimal; needs no libtorch. */
  sha256(name: string): string {
    const hash = createHash('sha256');
    for (const chunk of this.chunks(name)) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Closes the file; reading afterwards is an error, closing twice is not. */
  close(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(name: string): SafetensorsEntry {
    const entry = this.header.entries.get(name);
    if (entry !== undefined) return entry;
    throw new CheckpointError(
      'ERR_CHECKPOINT_KEYS',
      `${this.path}: expected a tensor "${name}", got none of that name.`,
      { missing: [name] },
    );
  }
}

/** A safetensors file's content. */
export interface Safetensors {
  /** In the header's order; the caller owns the tensors. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/**
 * Reads a whole safetensors file.
 * @returns new tensors on the CPU, in the header's order, and the metadata
 * @throws CheckpointError when the file is missing or invalid; no tensor is handed out then
 */
export function readSafetensors(path: string): Safetensors {
  const file = new SafetensorsFile(path);
  const tensors = new Map<string, Tensor>();
  try {
    for (const name of file.names) tensors.set(name, file.read(name));
    return { tensors, metadata: file.header.metadata };
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  } finally {
    file.close();
  }
}

/** Reads names, dtypes, shapes and metadata only. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  const file = new SafetensorsFile(path);
  file.close();
  return file.header;
}
