/**
 * @file Tensors between worker threads: each thread has its own tensors and scopes; what is shared is the memory behind them.
 *
 * A shared tensor is a token in a registry of the process. It holds the storage until `disposeShared`; every tensor made of it
 * holds the storage as well, whichever goes last.
 */
import type { DType } from './dtype.js';
import { ArgumentError } from './errors.js';
import { native } from './native.js';
import { type Tensor, wrap } from './tensor.js';

/** What goes through `postMessage` in place of a tensor: plain data, good in every thread of this process. */
export interface SharedTensor<D extends DType = DType> {
  /** Names the memory in the registry of the process. */
  readonly token: number;
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Where the memory is, e.g. `cpu` or `cuda:0`. */
  readonly device: string;
  /** Whether tensors made of it record operations; each thread has gradients of its own. */
  readonly requiresGrad: boolean;
}

/**
 * Lets other threads use a tensor's memory, without a copy. The tensor stays yours; the memory lives until `disposeShared` and
 * until every tensor on it is gone, in every thread. That memory can no longer grow in place, which would move it.
 *
 * Nothing orders reads and writes of different threads: let a message, or `Atomics`, say when it is whose turn. Work that a GPU
 * has not finished is not awaited: synchronize before posting.
 * @param tensor  dense, in libtorch's memory, without a graph (a leaf that requires gradients may be shared; its gradient is not)
 * @example worker.postMessage(shareTensor(weights)); // there: const weights = fromShared(message)
 * @throws ArgumentError for a sparse tensor, the result of a recorded operation, or one that lies in a JavaScript buffer
 */
export function shareTensor<D extends DType>(tensor: Tensor<D>): SharedTensor<D> {
  const { dtype, shape, device, requiresGrad } = tensor;
  return { token: native.shareTensor(tensor.handle), dtype: dtype as D, shape, device, requiresGrad };
}

/**
 * A tensor of this thread on shared memory, as often and in as many threads as wanted, the sharing one included. It belongs to
 * the current scope as any other. In-place changes are seen by all; autograd does not see those of other threads.
 * @param options.release  gives the token back in the same moment: a hand-over to one receiver; false by default
 * @throws ArgumentError when the token was given back, or comes from another process
 */
export function fromShared<D extends DType>(shared: SharedTensor<D>, options: { release?: boolean } = {}): Tensor<D> {
  return wrap(native.fromShared(tokenOf(shared, 'fromShared'), options.release ?? false)) as Tensor<D>;
}

/** Gives a token back, from any thread; tensors made of it stay good. Doing it twice is harmless. */
export function disposeShared(shared: SharedTensor): void {
  native.disposeShared(tokenOf(shared, 'disposeShared'));
}

/** Tokens of this process, all threads together, that were not given back. */
export function sharedTensors(): number {
  return native.sharedCount();
}

function tokenOf(shared: SharedTensor, where: string): number {
  const token = (shared as { token?: unknown } | null | undefined)?.token;
  if (typeof token !== 'number')
    throw new ArgumentError(`${where}: expected what shareTensor returned, got ${describe(shared)}.`);
  return token;
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  return `an object with ${Object.keys(value).join(', ') || 'no properties'}`;
}
