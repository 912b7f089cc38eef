/** @file What code needs of other processes: sums, maxima, gathering, broadcasting, waiting; and the answer of one process alone. */
import { clone, detach } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';

/** Operations that all processes of a group call in the same order with tensors of the same shape and dtype. They block. */
export interface Collective {
  /** Number of this process, from 0. */
  readonly rank: number;
  readonly worldSize: number;
  /** Replaces `t` by the sum over all ranks. */
  allReduceSum_(t: Tensor): void;
  /** Replaces `t` by the largest values over all ranks. */
  allReduceMax_(t: Tensor): void;
  /** New tensors, one per rank in rank order. */
  allGather(t: Tensor): Tensor[];
  /** Replaces `t` by the tensor of rank `root`. */
  broadcast_(t: Tensor, root: number): void;
  /** Returns when every rank has called it. */
  barrier(): void;
}

/** A group that the addon knows, so that native code can reduce over it. */
export interface NativeCollective extends Collective {
  /** The group's number in the addon. */
  readonly nativeGroup: number;
}

/** A group of one: every operation is done at once, without any call to other processes. */
export class SingleProcess implements Collective {
  readonly rank = 0;
  readonly worldSize = 1;

  allReduceSum_(_t: Tensor): void {}

  allReduceMax_(_t: Tensor): void {}

  allGather(t: Tensor): Tensor[] {
    return [clone(detach(t))];
  }

  broadcast_(_t: Tensor, root: number): void {
    checkRoot('SingleProcess.broadcast_', root, 1);
  }

  barrier(): void {}
}

/** @throws RangeError when `root` is no rank of the group */
export function checkRoot(where: string, root: number, worldSize: number): void {
  if (!Number.isInteger(root) || root < 0 || root >= worldSize)
    throw new RangeError(`${where}: expected a rank from 0 to ${worldSize - 1}, got ${root}.`);
}
