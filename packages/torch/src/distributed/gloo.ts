/** @file A group of processes over Gloo (CPU tensors), libtorch's own c10d underneath. */
import { native } from '../native.js';
import { type Tensor, wrap } from '../tensor.js';
import { checkRoot, type NativeCollective } from './collective.js';

/** How the processes of a group find each other. */
export interface GlooOptions {
  /** `file:///PATH` of a file that does not exist yet, on a folder that all processes see, or `tcp://HOST:PORT` of rank 0. */
  readonly address: string;
  /** Number of this process, 0 to `worldSize` − 1; each number exactly once. */
  readonly rank: number;
  readonly worldSize: number;
  /** Seconds to wait for the others, here and in every later operation; default 1800 as in PyTorch. */
  readonly timeoutSeconds?: number;
}

/** Whether the addon was built with Gloo. */
export function glooAvailable(): boolean {
  return native.glooAvailable();
}

/**
 * A process group over Gloo. The constructor returns when all processes are there; operations block until the others
 * have called the same one.
 * @throws TorchError (`ERR_TORCH_DISTRIBUTED`) when the addon has no Gloo, a process is lost, or the time is over
 */
export class GlooGroup implements NativeCollective {
  readonly rank: number;
  readonly worldSize: number;
  #id: number;

  constructor({ address, rank, worldSize, timeoutSeconds = 1800 }: GlooOptions) {
    if (!Number.isInteger(worldSize) || worldSize < 1)
      throw new RangeError(`GlooGroup: expected a world size of 1 or more, got ${worldSize}.`);
    checkRoot('GlooGroup', rank, worldSize);
    if (!(timeoutSeconds > 0))
      throw new RangeError(`GlooGroup: expected a timeout above 0 seconds, got ${timeoutSeconds}.`);
    this.rank = rank;
    this.worldSize = worldSize;
    this.#id = native.glooInit(address, rank, worldSize, timeoutSeconds);
  }

  get nativeGroup(): number {
    return this.#id;
  }

  allReduceSum_(t: Tensor): void {
    native.glooAllReduce(this.#id, t.handle, 'sum');
  }

  allReduceMax_(t: Tensor): void {
    native.glooAllReduce(this.#id, t.handle, 'max');
  }

  allGather(t: Tensor): Tensor[] {
    return native.glooAllGather(this.#id, t.handle).map(wrap);
  }

  broadcast_(t: Tensor, root: number): void {
    checkRoot('GlooGroup.broadcast_', root, this.worldSize);
    native.glooBroadcast(this.#id, t.handle, root);
  }

  barrier(): void {
    native.glooBarrier(this.#id);
  }

  /** Closes the connections; every later operation is an error. */
  dispose(): void {
    native.glooDestroy(this.#id);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
