/** @file Where a checkpoint's bytes come from: a file that is read piece by piece, or memory. Reads are checked, never trusted. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CheckpointError } from './checkpoint-error.js';

/** Random access to a fixed number of bytes. */
export interface ByteSource {
  /** For messages: the path. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `position`; may share the source's memory.
   * @throws CheckpointError when they are not all there
   */
  read(position: number, length: number): Uint8Array;
  close(): void;
}

function checkRange(source: ByteSource, position: number, length: number): void {
  if (position >= 0 && length >= 0 && position + length <= source.size) return;
  throw new CheckpointError(
    'ERR_CHECKPOINT_FILE',
    `${source.name}: expected ${position + length} bytes, the file ends at ${source.size}. It was cut off; copy or download it again.`,
  );
}

/** A file held open. */
export class FileSource implements ByteSource {
  readonly size: number;
  #descriptor: number | null;

  /**
   * @param what  what is expected of the file, for messages: `a safetensors file`
   * @throws CheckpointError when there is no such file, or it is none
   */
  constructor(
    readonly name: string,
    what: string,
  ) {
    try {
      this.#descriptor = openSync(name, 'r');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const found = code === 'ENOENT' ? 'no such file' : (code ?? 'an error');
      throw new CheckpointError('ERR_CHECKPOINT_FILE', `${name}: expected ${what}, got ${found}. Check the path.`, {
        cause,
      });
    }
    const status = fstatSync(this.#descriptor);
    if (!status.isFile()) {
      this.close();
      throw new CheckpointError(
        'ERR_CHECKPOINT_FILE',
        `${name}: expected ${what}, got a folder or device. Name the file itself.`,
      );
    }
    this.size = status.size;
  }

  read(position: number, length: number): Uint8Array {
    if (this.#descriptor === null)
      throw new CheckpointError('ERR_CHECKPOINT_FILE', `${this.name}: the file was closed. Open it again.`);
    checkRange(this, position, length);
    const bytes = new Uint8Array(length);
    let offset = 0;
    while (offset < length) {
      const count = readSync(this.#descriptor, bytes, offset, length - offset, position + offset);
      if (count === 0)
        throw new CheckpointError(
          'ERR_CHECKPOINT_FILE',
          `${this.name}: expected ${position + length} bytes, the file ends before. Something shortened it meanwhile; read it again.`,
        );
      offset += count;
    }
    return bytes;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

/** Bytes in memory; reads share them. */
export class MemorySource implements ByteSource {
  readonly size: number;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {
    this.size = bytes.length;
  }

  read(position: number, length: number): Uint8Array {
    checkRange(this, position, length);
    return this.bytes.subarray(position, position + length);
  }

  close(): void {}
}
