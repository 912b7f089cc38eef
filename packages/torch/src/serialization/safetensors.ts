/**
 * @file Safetensors files: named tensors and text metadata. Tensors stream through one buffer in both directions, so
 * that a file of any size needs no second copy in memory; files are read, never mapped.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { noGrad } from '../autograd/index.js';
import { contiguous, copy_, detach, empty, narrow, ne, reshape, to, view } from '../generated/operators.js';
import { scope } from '../scope.js';
import { fromTypedArray, type Tensor } from '../tensor.js';
import { writeAtomically } from './atomic-write.js';
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

const CHUNK_BYTES = 8 << 20;

/** A contiguous tensor's memory as a vector of bytes; shares the memory. */
function bytesOf(tensor: Tensor): Tensor {
  const flat = reshape(tensor, [-1]);
  return tensor.dtype === 'uint8' ? flat : view(flat, 'uint8');
}

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
  readonly header: SafetensorsHeader;
  #descriptor: number | null;

  /**
   * @param path  file to open
   * @throws CheckpointError when the file is missing, cut off, or anything in its header does not fit
   */
  constructor(readonly path: string) {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (cause) {
      throw new CheckpointError(
        'ERR_CHECKPOINT_FILE',
        `${path}: expected a safetensors file, got ${(cause as NodeJS.ErrnoException).code ?? 'an error'}. Check the path.`,
        { cause },
      );
    }
    this.#descriptor = descriptor;
    try {
      const status = fstatSync(descriptor);
      if (!status.isFile())
        throw new CheckpointError(
          'ERR_CHECKPOINT_FILE',
          `${path}: expected a safetensors file, got a folder or device.`,
        );
      const prefix = this.#bytes(0, Math.min(8, status.size));
      const length = parseHeaderLength(path, prefix, status.size);
      this.header = parseHeader(path, this.#bytes(8, length), status.size);
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
    const entry = this.header.entries.get(name);
    if (entry === undefined)
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `${this.path}: expected a tensor "${name}", got none of that name.`,
        {
          missing: [name],
        },
      );
    return scope(() => noGrad(() => this.#tensor(entry)));
  }

  /** Closes the file; reading afterwards is an error, closing twice is not. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tensor(entry: SafetensorsEntry): Tensor {
    const tensor = empty([...entry.shape], { dtype: entry.dtype === 'bool' ? 'uint8' : entry.dtype });
    const length = entry.end - entry.start;
    if (length > 0) {
      const bytes = bytesOf(tensor);
      for (let offset = 0; offset < length; offset += CHUNK_BYTES) {
        const size = Math.min(CHUNK_BYTES, length - offset);
        const chunk = this.#bytes(this.header.dataStart + entry.start + offset, size);
        scope(() => {
          copy_(narrow(bytes, 0, offset, size), fromTypedArray(chunk, [size]));
        });
      }
    }
    // Any other byte than 0 and 1 in a bool tensor is undefined behavior: they become 1.
    return entry.dtype === 'bool' ? ne(tensor, 0) : tensor;
  }

  #bytes(position: number, length: number): Uint8Array {
    if (this.#descriptor === null)
      throw new CheckpointError('ERR_CHECKPOINT_FILE', `${this.path}: the file was closed. Open it again.`);
    const bytes = new Uint8Array(length);
    let offset = 0;
    while (offset < length) {
      const read = readSync(this.#descriptor, bytes, offset, length - offset, position + offset);
      if (read === 0)
        throw new CheckpointError(
          'ERR_CHECKPOINT_FILE',
          `${this.path}: expected ${position + length} bytes, the file ends before.`,
        );
      offset += read;
    }
    return bytes;
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
