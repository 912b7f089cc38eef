/**
 * @file The numbers of a step on their way to the device. They are written on the host, go over in one copy that the host does not wait
 * for, and always lie at the same place there, so that captured work finds those of the current step.
 */
import { cuda, empty, keep, noGrad, scope, type Tensor, zeros } from '@suave/torch';

/** Host memory that copies are made from; it is written again when its copy is done. */
interface Staging {
  readonly tensor: Tensor;
  readonly values: Float64Array;
  /** Marks the end of its copy; null where copies are done when they return. */
  readonly copied: cuda.Event | null;
}

interface Block {
  readonly start: number;
  readonly length: number;
  readonly shape: readonly number[];
}

/** Steps that the host may prepare before the device has begun them. */
const stepsAhead = 3;

/** Named blocks of float64 numbers, the same on the host and on the device. Call `dispose` when done. */
export class StepInputs {
  readonly #device: string;
  readonly #blocks = new Map<string, Block>();
  #total = 0;
  #target: Tensor | null = null;
  readonly #views = new Map<string, Tensor>();
  readonly #stagings: Staging[] = [];
  #turn = 0;

  constructor(device: string) {
    this.#device = device;
  }

  /** Makes room for a block; before the first `begin`. */
  declare(name: string, shape: readonly number[]): void {
    if (this.#target !== null) throw new Error(`step inputs: ${name} comes after the first step`);
    const length = shape.reduce((product, size) => product * size, 1);
    this.#blocks.set(name, { start: this.#total, length, shape });
    this.#total += length;
  }

  /** The block on the device, float64 of its shape; owned by the inputs, the same tensor in every step. */
  tensor(name: string): Tensor {
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const { start, length, shape } = this.#block(name);
    const view = scope(() =>
      noGrad(() =>
        keep(
          this.#allocated()
            .narrow(0, start, length)
            .reshape([...shape]),
        ),
      ),
    );
    this.#views.set(name, view);
    return view;
  }

  /** Begins a step: what is written from now on goes with the next `send`. Waits where the device is too many steps behind. */
  begin(): void {
    this.#allocated();
    this.#turn = (this.#turn + 1) % this.#stagings.length;
    this.#stagings[this.#turn].copied?.synchronize();
  }

  /** Where the numbers of a block are written between `begin` and `send`. */
  room(name: string): Float64Array {
    const { start, length } = this.#block(name);
    return this.#stagings[this.#turn].values.subarray(start, start + length);
  }

  /** Gives the numbers of the step to the device, after what it was given before. */
  send(): void {
    const { tensor, copied } = this.#stagings[this.#turn];
    noGrad(() => this.#allocated().copy_(tensor, { nonBlocking: true }));
    copied?.record();
  }

  #block(name: string): Block {
    const block = this.#blocks.get(name);
    if (block === undefined) throw new Error(`step inputs: no block ${name}`);
    return block;
  }

  #allocated(): Tensor {
    if (this.#target !== null) return this.#target;
    const onCpu = this.#device === 'cpu';
    const size = [Math.max(1, this.#total)];
    this.#target = keep(zeros(size, { dtype: 'float64', device: this.#device }));
    for (let i = 0; i < (onCpu ? 1 : stepsAhead); i++) {
      const tensor = keep(empty(size, { dtype: 'float64', pinMemory: !onCpu }));
      this.#stagings.push({ tensor, values: tensor.asTypedArray(), copied: onCpu ? null : new cuda.Event() });
    }
    return this.#target;
  }

  dispose(): void {
    for (const view of this.#views.values()) view.dispose();
    this.#views.clear();
    for (const { tensor, copied } of this.#stagings) {
      copied?.synchronize();
      copied?.dispose();
      tensor.dispose();
    }
    this.#stagings.length = 0;
    this.#target?.dispose();
    this.#target = null;
  }
}
