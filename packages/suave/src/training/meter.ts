/**
 * @file Losses between two lines of the log, summed on the device and read back once. Its sums are part of the checkpoint, so
 * that a resumed run writes the same numbers.
 */
import { isfinite, keep, stack, type Tensor, zeros } from '@suave/torch';

/** What `read` gives: means of the losses since the last time, other terms as they were in the last step. */
export interface MeterReading {
  values: Record<string, number>;
  /** Whether every loss since the last time was a number. */
  allFinite: boolean;
}

const lossPrefix = 'loss_';

/** Accumulates the terms of steps on the device. */
export class Meter {
  readonly #device: string;
  /** `loss` and `loss_*` in a fixed order, after the first step. */
  #names: string[] = [];
  /** Sums of `#names`, float64 so that the order of magnitude of a long interval does not matter. */
  #sums: Tensor | null = null;
  /** Terms of the last step that are not losses. */
  #latest: Map<string, Tensor> = new Map();
  #steps = 0;

  constructor(device: string) {
    this.#device = device;
  }

  /** Adds one step; nothing is read back. Call inside a scope. */
  add(loss: Tensor, terms: Readonly<Record<string, Tensor>>): void {
    const names = ['loss', ...Object.keys(terms).filter((name) => name.startsWith(lossPrefix))];
    const values = stack(
      names.map((name) => (name === 'loss' ? loss : terms[name])).map((value) => value.to('float64')),
    );
    if (this.#sums === null || names.join() !== this.#names.join()) {
      this.#sums?.dispose();
      this.#sums = keep(zeros([names.length], { dtype: 'float64', device: this.#device }));
      this.#names = names;
      this.#steps = 0;
    }
    this.#sums.add_(values);
    this.#steps++;
    this.#dropLatest();
    const others = Object.entries(terms).filter(([name]) => !name.startsWith(lossPrefix));
    this.#latest = new Map(others.map(([name, tensor]) => [name, keep(tensor.detach())]));
  }

  /** Whether no loss since the last reading was infinite or not a number; waits for the device. */
  isFinite(): boolean {
    return this.#sums === null || isfinite(this.#sums).all().item() === 1;
  }

  /** Reads everything back, once, and starts anew. Call inside a scope. */
  read(): MeterReading {
    const values: Record<string, number> = {};
    if (this.#sums === null) return { values, allFinite: true };
    const latest = [...this.#latest.values()].map((tensor) => tensor.to('float64').reshape([1]));
    const all = stack([...this.#sums.unbind(), ...latest.map((tensor) => tensor.reshape([]))]).data() as Float64Array;
    this.#names.forEach((name, i) => {
      values[name] = all[i] / this.#steps;
    });
    [...this.#latest.keys()].forEach((name, i) => {
      values[name] = all[this.#names.length + i];
    });
    this.#sums.zero_();
    this.#steps = 0;
    this.#dropLatest();
    return { values, allFinite: this.#names.every((name) => Number.isFinite(values[name])) };
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
    this.#sums = keep(sums.to({ device: this.#device, dtype: 'float64', copy: true }));
    this.#names = [...counters.names];
    this.#steps = counters.steps;
  }

  dispose(): void {
    this.#sums?.dispose();
    this.#dropLatest();
    this.#sums = null;
    this.#steps = 0;
  }

  #dropLatest(): void {
    for (const tensor of this.#latest.values()) tensor.dispose();
    this.#latest = new Map();
  }
}
