/** @file Random number generators that an operator can be given instead of the global one. */
import type { Device } from './dtype.js';
import { native } from './native.js';
import { type Tensor, wrap } from './tensor.js';

const finalization = new FinalizationRegistry<number>((id) => native.generatorDispose(id));

/** A stream of random numbers of its own (PyTorch `torch.Generator`). */
export class Generator {
  /** @internal */
  readonly id: number;

  constructor(options: { seed?: number; device?: Device } = {}) {
    this.id = native.generatorCreate(options.device ?? 'cpu', options.seed ?? 0);
    finalization.register(this, this.id);
  }

  /** Starts the stream of `seed` from its beginning. @throws ArgumentError after `dispose()` */
  manualSeed(seed: number): this {
    native.generatorSeed(this.id, seed);
    return this;
  }

  /** Where the numbers are made, e.g. `cpu` or `cuda:0`; operators want that of their tensors. @throws ArgumentError after `dispose()` */
  get device(): string {
    return native.generatorDevice(this.id);
  }

  /** The state, as a uint8 tensor on the cpu that `setState` takes back. @throws ArgumentError after `dispose()` */
  getState(): Tensor<'uint8', 1> {
    return wrap(native.generatorState(this.id)) as Tensor<'uint8', 1>;
  }

  /** Goes on from a state that `getState` gave; the tensor is copied. @throws ArgumentError unless it is a uint8 tensor of one dimension on the cpu */
  setState(state: Tensor): this {
    native.generatorSetState(this.id, state.handle);
    return this;
  }

  /** Frees the generator; doing it twice is harmless. */
  dispose(): void {
    native.generatorDispose(this.id);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Seeds libtorch's own generators on every device (PyTorch `torch.manual_seed`); a non-negative integer below 2^53. */
export function manualSeed(seed: number): void {
  native.manualSeed(seed);
}
