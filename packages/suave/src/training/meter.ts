/**
 * @file Losses between two lines of the log, summed on the device and read back once. Its sums are part of the checkpoint, so
 * that a resumed run writes the same numbers.
 */
import { cat, full, isfinite, keep, stack, type Tensor, zerosLike } from '@suave/torch';

/** Losses that became infinite or no number. */
export interface MeterFailure {
  /** Those that did so first, `loss` only where it is the only one. */
  readonly terms: readonly string[];
  /** Steps since then: 0 is the last one added. */
  readonly stepsAgo: number;
}

/** What `read` gives: means of the losses since the last time, other terms as they were in the last step. */
export interface MeterReading {
  values: Record<string, number>;
  /** Null where every loss since the last time was a number. */
  failure: MeterFailure | null;
}

const lossPrefix = 'loss_';

/** Accumulates the terms of steps on the device. */
export class Meter {
  readonly #device: string;
  /** `loss` and `loss_*` in a fixed order, after the first step. */
  #names: string[] = [];
  /** Sums of `#names`, float64 so that the order of magnitude of a long interval does not matter. */
  #sums: Tensor | null = null;
  /** Steps until each sum stopped being a number, counted on the device, so that a failure is dated without waiting in every step. */
  #goodSteps: Tensor | null = null;
  /** Terms of the last step that are not losses, by the names of all of them: what is not monitored leaves them alone. */
  readonly #others = new Map<string, Tensor>();
  /** Names of the last step's terms that are not losses. */
  #latest: readonly string[] = [];
  #steps = 0;

  constructor(device: string) {
    this.#device = device;
  }

  /** Adds one step; nothing is read back. Call inside a scope. */
  add(loss: Tensor, terms: Readonly<Record<string, Tensor>>): void {
    this.count(this.accumulate(loss, terms));
  }

  /**
   * The device's part of `add`: always into the same memory, so that a replayed graph may do it.
   * @returns the terms that are not losses, for `count`
   */
  accumulate(loss: Tensor, terms: Readonly<Record<string, Tensor>>): readonly string[] {
    const names = ['loss', ...Object.keys(terms).filter((name) => name.startsWith(lossPrefix))];
    const values = doubles(names.map((name) => (name === 'loss' ? loss : terms[name])));
    if (this.#sums === null || this.#goodSteps === null || names.join() !== this.#names.join()) {
      this.#begin(names, keep(zerosLike(values)), 0);
    }
    this.#goodSteps!.add_(isfinite(this.#sums!.add_(values)));
    const others = Object.entries(terms).filter(([name]) => !name.startsWith(lossPrefix));
    if (others.length === 0) return [];
    const otherNames = others.map(([name]) => name);
    const latest = doubles(others.map(([, value]) => value.detach()));
    const place = this.#others.get(otherNames.join());
    if (place === undefined) this.#others.set(otherNames.join(), keep(latest));
    else place.copy_(latest);
    return otherNames;
  }

  /** The host's part of `add`. @param others  terms that are not losses, as `accumulate` gave them */
  count(others: readonly string[]): void {
    this.#steps++;
    this.#latest = others;
  }

  /** @param sums  taken over; of `steps` good steps */
  #begin(names: string[], sums: Tensor, steps: number): void {
    this.#sums?.dispose();
    this.#goodSteps?.dispose();
    this.#sums = sums;
    this.#goodSteps = keep(full([names.length], steps, { dtype: 'float64', device: this.#device }));
    this.#names = names;
    this.#steps = steps;
  }

  /** The losses since the last reading that failed, or null; waits for the device. */
  failure(): MeterFailure | null {
    return this.#goodSteps === null ? null : this.#failureOf(this.#goodSteps.data() as Float64Array);
  }

  #failureOf(goodSteps: Float64Array): MeterFailure | null {
    const first = Math.min(...goodSteps);
    if (first >= this.#steps) return null;
    const failed = this.#names.filter((_, i) => goodSteps[i] === first);
    const terms = failed.length === 1 ? failed : failed.filter((name) => name !== 'loss');
    return { terms, stepsAgo: this.#steps - first - 1 };
  }

  /** Reads everything back, once, and starts anew. Call inside a scope. */
  read(): MeterReading {
    const values: Record<string, number> = {};
    if (this.#sums === null || this.#goodSteps === null) return { values, failure: null };
    const count = this.#names.length;
    const latest = this.#latest.length === 0 ? [] : [this.#others.get(this.#latest.join())!];
    const all = cat([this.#sums, this.#goodSteps, ...latest]).data() as Float64Array;
    this.#names.forEach((name, i) => {
      values[name] = all[i] / this.#steps;
    });
    this.#latest.forEach((name, i) => {
      values[name] = all[2 * count + i];
    });
    const failure = this.#failureOf(all.subarray(count, 2 * count));
    this.#sums.zero_();
    this.#goodSteps.zero_();
    this.#steps = 0;
    this.#latest = [];
    return { values, failure };
  }

  /** The sums, for a checkpoint. */
  state(): Map<string, Tensor> {
    return this.#sums === null ? new Map() : new Map([['sums', this.#sums]]);
  }

  /** What a checkpoint must also hold in text. */
  counters(): { names: string[]; steps: number } {
    return { names: this.#names, steps: this.#steps };
  }

  /** Continues from a checkpoint. */
  load(state: ReadonlyMap<string, Tensor>, counters: { names: string[]; steps: number }): void {
    const sums = state.get('sums');
    this.dispose();
    if (sums === undefined) return;
    // A checkpoint is written only while all sums are numbers.
    const own = keep(sums.to({ device: this.#device, dtype: 'float64', copy: true }));
    this.#begin([...counters.names], own, counters.steps);
  }

  dispose(): void {
    this.#sums?.dispose();
    this.#goodSteps?.dispose();
    for (const tensor of this.#others.values()) tensor.dispose();
    this.#others.clear();
    this.#sums = null;
    this.#goodSteps = null;
    this.#latest = [];
    this.#steps = 0;
  }
}

/** Scalars as one float64 vector. */
function doubles(scalars: readonly Tensor[]): Tensor {
  return stack(scalars.map((scalar) => scalar.to('float64').reshape([])));
}
