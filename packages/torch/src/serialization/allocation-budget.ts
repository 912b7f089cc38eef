/** @file What reading one file may take of memory: four times the file's size, asked for before anything is allocated. */
import { CheckpointError } from './checkpoint-error.js';

/** Times the file's size. */
const FACTOR = 4;

/** Counts requested bytes; a hostile file that would make a reader copy its content again and again is refused. */
export class AllocationBudget {
  #requested = 0;
  readonly limit: number;

  /**
   * @param name  of the file, for messages
   * @param size  of the file in bytes
   */
  constructor(
    readonly name: string,
    size: number,
  ) {
    this.limit = FACTOR * size;
  }

  /** Bytes requested so far. */
  get requested(): number {
    return this.#requested;
  }

  /**
   * Asks for `bytes` more.
   * @throws CheckpointError when the sum would exceed the limit; nothing is counted then
   */
  take(bytes: number): void {
    if (this.#requested + bytes > this.limit)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `${this.name}: reading it would take more than ${FACTOR} times its size, no honest checkpoint does. Do not use the file.`,
      );
    this.#requested += bytes;
  }
}
