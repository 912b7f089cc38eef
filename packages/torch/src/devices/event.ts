/** @file Events: points in the work of a stream that others wait for, and between which time is measured. */
import { native } from '../native.js';
import { requireCuda } from './availability.js';
import { currentStream, type Stream } from './stream.js';

const finalization = new FinalizationRegistry<number>((id) => native.eventDispose(id));

/**
 * A point in a stream's work (PyTorch `torch.cuda.Event`); it belongs to the device of the first stream that records it.
 * @example
 * const start = new cuda.Event({ enableTiming: true }), end = new cuda.Event({ enableTiming: true });
 * start.record();
 * step();
 * end.record();
 * end.synchronize();
 * console.log(start.elapsedTime(end), 'ms');
 */
export class Event {
  readonly #id: number;

  /**
   * @param options.enableTiming  needed for `elapsedTime`; false by default, which is faster
   * @throws DeviceError without CUDA
   */
  constructor(options: { enableTiming?: boolean } = {}) {
    requireCuda('cuda.Event');
    this.#id = native.eventNew(options.enableTiming ?? false);
    finalization.register(this, this.#id, this);
  }

  /** Marks the end of the work given to a stream so far, the current one by default. @throws ArgumentError on another device than before */
  record(stream: Stream = currentStream()): void {
    native.eventRecord(this.#id, stream.deviceIndex, stream.id);
  }

  /** Work given to a stream later, the current one by default, starts after the event; the host does not wait. */
  wait(stream: Stream = currentStream()): void {
    native.eventBlock(this.#id, stream.deviceIndex, stream.id);
  }

  /** Whether the work before the event is done, or it was never recorded; does not wait. @throws CaptureError during a capture */
  query(): boolean {
    return native.eventQuery(this.#id);
  }

  /** Waits until the work before the event is done. @throws CaptureError during a capture */
  synchronize(): void {
    native.eventSynchronize(this.#id);
  }

  /**
   * Milliseconds from this event to a later one, both on the same device.
   * @throws ArgumentError unless both measure time, were recorded and are done; CaptureError during a capture
   */
  elapsedTime(end: Event): number {
    return native.eventElapsed(this.#id, end.#id);
  }

  /** Frees the event; doing it twice is harmless. */
  dispose(): void {
    finalization.unregister(this);
    native.eventDispose(this.#id);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
