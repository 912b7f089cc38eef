/** @file Exponential moving average of one list of tensors by another. */
import { noGrad } from '../autograd/index.js';
import { _foreachAdd_, _foreachMul_ } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

/**
 * target ← momentum·target + (1 − momentum)·source, in place, without gradients; two native calls in all.
 * @param target    averaged tensors; modified
 * @param source    tensors of the same shapes in the same order; kept
 * @param momentum  0 (copy) to 1 (no change)
 */
export function emaUpdate_(target: readonly Tensor[], source: readonly Tensor[], momentum: number): void {
  if (target.length !== source.length)
    throw new RangeError(`emaUpdate_: expected lists of one length, got ${target.length} and ${source.length}.`);
  if (!(momentum >= 0 && momentum <= 1))
    throw new RangeError(`emaUpdate_: expected a momentum from 0 to 1, got ${momentum}.`);
  if (target.length === 0 || momentum === 1) return;
  scope(() =>
    noGrad(() => {
      _foreachMul_(target, momentum);
      _foreachAdd_(target, source, { alpha: 1 - momentum });
    }),
  );
}
