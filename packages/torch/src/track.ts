/** @file Where live tensors were made: an aid to find a leak. Costs nothing while no tracker is on. */
import { type Handle, native } from './native.js';
import { onWrap } from './tensor.js';

/** Live tensors that were made at one place of the program. */
export interface TrackedPlace {
  /** How many. */
  readonly count: number;
  /** Bytes of their elements; views count as if they had memory of their own. */
  readonly bytes: number;
  /** One of them, e.g. `float32[16, 32] on cpu`. */
  readonly example: string;
  /** The calls that led to it, the innermost first, without this package's own plumbing; one a line. */
  readonly stack: string;
}

/** Files whose frames say nothing about where a tensor was made. */
const PLUMBING = /\/(track|tensor|operator-runtime|generated\/(operators|methods|out))\.[jt]s\b/;
const FRAMES = 30;
const FIRST_SWEEP = 4096;

const trackers = new Set<TensorTracker>();

function currentStack(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  const lines = new Error().stack!.split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  const first = lines.findIndex((line) => !PLUMBING.test(line));
  return lines
    .slice(Math.max(first, 0))
    .map((line) => line.trim().replace(/^at /, ''))
    .join('\n');
}

/** Remembers for each tensor made while it is on the calls that led there. Made by `trackTensors`. */
export class TensorTracker {
  readonly #stacks = new Map<Handle, string>();
  #sweepAt = FIRST_SWEEP;

  /** @internal */
  record(handle: Handle, stack: string): void {
    this.#stacks.set(handle, stack);
    if (this.#stacks.size < this.#sweepAt) return;
    this.#sweep();
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#stacks.size);
  }

  #sweep(): void {
    for (const handle of this.#stacks.keys()) if (!native.alive(handle)) this.#stacks.delete(handle);
  }

  /** The tensors made since `trackTensors()` that are alive, by place, the most bytes first. */
  report(): TrackedPlace[] {
    this.#sweep();
    const places = new Map<string, { count: number; bytes: number; example: string; stack: string }>();
    for (const [handle, stack] of this.#stacks) {
      let place = places.get(stack);
      if (place === undefined) {
        const example = `${native.dtype(handle)}[${native.shape(handle).join(', ')}] on ${native.device(handle)}`;
        place = { count: 0, bytes: 0, example, stack };
        places.set(stack, place);
      }
      place.count++;
      place.bytes += native.numel(handle) * native.itemSize(handle);
    }
    return [...places.values()].sort((a, b) => b.bytes - a.bytes || b.count - a.count);
  }

  /** Ends it; `report()` still tells of what was made until now. */
  stop(): void {
    trackers.delete(this);
    if (trackers.size === 0) onWrap(null);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

/**
 * Begins to remember where tensors are made, in this thread; slow (a stack trace for each), so for debugging only.
 * @example
 * using tracker = trackTensors();
 * trainEpoch();
 * for (const { count, bytes, example, stack } of tracker.report()) console.log(count, bytes, example, stack);
 */
export function trackTensors(): TensorTracker {
  const tracker = new TensorTracker();
  trackers.add(tracker);
  onWrap((handle) => {
    const stack = currentStack();
    for (const each of trackers) each.record(handle, stack);
  });
  return tracker;
}
