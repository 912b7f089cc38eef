/** @file Pixels on their way to a device: packed into host memory that the device can read, and copied from there while the host goes on. */
import { cuda, empty, keep, scope, type Tensor } from '@suave/torch';
import type { PixelWindow } from './image-set.js';

/** Images packed one after the other, in the order in which they lie in their window. */
export interface PackedImages {
  /** Indices into the set. */
  readonly images: readonly number[];
  /** First byte of each in the packed memory. */
  readonly places: Float64Array;
  /** Stretches of the window that hold them, in order: one where they lie side by side. */
  readonly runs: readonly { readonly start: number; readonly length: number }[];
  readonly numBytes: number;
}

/** Packs images of a window. @param images  indices into the set, each once */
export function packedOrder({ offsets, heights, widths }: PixelWindow, images: ArrayLike<number>): PackedImages {
  const ordered = Array.from(images).sort((a, b) => offsets[a] - offsets[b]);
  const places = new Float64Array(ordered.length);
  const runs: { start: number; length: number }[] = [];
  let numBytes = 0;
  for (const [i, image] of ordered.entries()) {
    const start = offsets[image];
    const length = 3 * heights[image] * widths[image];
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.length === start) last.length += length;
    else runs.push({ start, length });
    places[i] = numBytes;
    numBytes += length;
  }
  return { images: ordered, places, runs, numBytes };
}

/** Host memory that pixels pass through, and when it may be written again. */
interface Buffer {
  readonly bytes: Tensor;
  /** Done when the device has read it; null on the CPU. */
  readonly copied: cuda.Event | null;
}

/**
 * Two host buffers, used in turn: while the device reads one, the host fills the other. Pinned for CUDA, so that copies need not wait
 * for the host nor the host for them. Call `close` when done.
 */
export class Staging {
  readonly #buffers: Buffer[] = [];
  #turn = 0;

  /** @param capacity  bytes of each buffer, at least 1 */
  constructor(capacity: number, device: string) {
    const pinMemory = device !== 'cpu';
    for (let i = 0; i < 2; i++) {
      const bytes = keep(empty([capacity], { dtype: 'uint8', pinMemory }));
      this.#buffers.push({ bytes, copied: pinMemory ? new cuda.Event() : null });
    }
  }

  /**
   * Copies images to `target`, from its byte `position`, in the current stream of its device.
   * @param pixels  uint8 on the CPU that the runs are of; not needed any more afterwards
   */
  send(pixels: Tensor, { runs, numBytes }: PackedImages, target: Tensor, position: number): void {
    if (numBytes === 0) return;
    const { bytes, copied } = this.#buffers[this.#turn];
    this.#turn = (this.#turn + 1) % this.#buffers.length;
    copied?.synchronize(); // nothing to wait for unless the device is two batches behind
    scope(() => {
      let place = 0;
      for (const { start, length } of runs) {
        bytes.narrow(0, place, length).copy_(pixels.narrow(0, start, length));
        place += length;
      }
      target.narrow(0, position, numBytes).copy_(bytes.narrow(0, 0, numBytes), { nonBlocking: copied !== null });
    });
    copied?.record(cuda.currentStream(target.device as `cuda:${number}`));
  }

  /** Frees the buffers; libtorch keeps pinned memory until the copies out of it are done. */
  close(): void {
    for (const { bytes, copied } of this.#buffers) {
      bytes.dispose();
      copied?.dispose();
    }
    this.#buffers.length = 0;
  }
}
