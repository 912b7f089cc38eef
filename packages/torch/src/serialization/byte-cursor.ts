/** @file Sequential reading of a part of a byte source through windows, for streams whose length shows only at their end. */
import type { AllocationBudget } from './allocation-budget.js';
import type { ByteSource } from './byte-source.js';
import { CheckpointError } from './checkpoint-error.js';

const WINDOW_BYTES = 64 << 10;
/** Names and decimal numbers end with a line feed within this distance. */
const MAX_LINE = 4096;

/** A position that moves forward from `start` to `end`. Views that it gives stay valid. */
export class ByteCursor {
  #window: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  /** Source position of the window's first byte. */
  #windowStart: number;
  /** Next byte, within the window. */
  #next = 0;

  constructor(
    readonly source: ByteSource,
    readonly budget: AllocationBudget,
    start: number,
    readonly end: number,
  ) {
    this.#windowStart = start;
  }

  /** Source position of the next byte. */
  get position(): number {
    return this.#windowStart + this.#next;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Makes `length` bytes available in the window. */
  #fill(length: number): void {
    if (this.#next + length <= this.#window.length) return;
    const { position, remaining } = this;
    if (length > remaining)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `${this.source.name}: expected ${length} more bytes at byte ${position}, got ${remaining}. The file is cut off or damaged; copy or download it again.`,
      );
    const size = Math.min(Math.max(length, WINDOW_BYTES), remaining);
    this.budget.take(size);
    this.#window = this.source.read(position, size);
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, size);
    this.#windowStart = position;
    this.#next = 0;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    this.#fill(length);
    this.#next += length;
    return this.#window.subarray(this.#next - length, this.#next);
  }

  byte(): number {
    this.#fill(1);
    return this.#window[this.#next++]!;
  }

  /** Passes over a number of `length` bytes: its offset in the window, which may be a new one. */
  #skip(length: number): number {
    this.#fill(length);
    this.#next += length;
    return this.#next - length;
  }

  uint16(): number {
    const at = this.#skip(2);
    return this.#view.getUint16(at, true);
  }

  int32(): number {
    const at = this.#skip(4);
    return this.#view.getInt32(at, true);
  }

  uint32(): number {
    const at = this.#skip(4);
    return this.#view.getUint32(at, true);
  }

  uint64(): bigint {
    const at = this.#skip(8);
    return this.#view.getBigUint64(at, true);
  }

  /** Pickle's only big-endian number. */
  float64BigEndian(): number {
    const at = this.#skip(8);
    return this.#view.getFloat64(at, false);
  }

  /** The bytes before the next line feed, which is passed over. */
  line(): Uint8Array {
    this.#fill(Math.min(MAX_LINE, this.remaining));
    const end = this.#window.indexOf(10, this.#next);
    if (end < 0 || end - this.#next > MAX_LINE)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `${this.source.name}: expected a line at byte ${this.position}, found no end of it. The file is damaged; copy or download it again.`,
      );
    return this.take(end - this.#next + 1).subarray(0, -1);
  }
}
