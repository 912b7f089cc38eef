/** @file Exponential moving averages of lists of tensors and of modules. */
import { noGrad } from '../autograd/index.js';
import { copy_ } from '../generated/operators.js';
import type { Module } from '../nn/module.js';
import { scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { addScaled_, describeRate, isRate, onDevice, oneMinus, type Rate, scale_ } from './rates.js';

/**
 * target ← momentum·target + (1 − momentum)·source, in place, without gradients; two native calls in all for a number.
 * @param target    averaged tensors; modified
 * @param source    tensors of the same shapes in the same order; kept
 * @param momentum  0 (copy) to 1 (no change); a tensor, whose range is not checked, where a captured step must take another one at
 *   every replay
 */
export function emaUpdate_(target: readonly Tensor[], source: readonly Tensor[], momentum: Rate): void {
  if (target.length !== source.length)
    throw new RangeError(`emaUpdate_: expected lists of one length, got ${target.length} and ${source.length}.`);
  if (momentum instanceof Tensor ? !isRate(momentum) : !(momentum >= 0 && momentum <= 1))
    throw new RangeError(
      `emaUpdate_: expected a momentum from 0 to 1, got ${describeRate(momentum)}. A tensor is float32 or float64, of no dimensions.`,
    );
  if (target.length === 0 || momentum === 1) return;
  scope(() =>
    noGrad(() => {
      const rate = onDevice(momentum, target[0]!, 'emaUpdate_');
      scale_(target, rate);
      addScaled_(target, source, oneMinus(rate));
    }),
  );
}

/** What {@link emaUpdateModule_} does with buffers. */
export interface EmaModuleOptions {
  /**
   * `copy` (default, as PyTorch's AveragedModel): those of the source; `average`: as parameters, but whole numbers are copied;
   * `keep`: left alone.
   */
  readonly buffers?: 'copy' | 'average' | 'keep';
}

/**
 * Averages the parameters of a module (PyTorch `AveragedModel` with `get_ema_multi_avg_fn`): target ← momentum·target +
 * (1 − momentum)·source, by position; buffers as said. With momentum 0 it copies, which is how an average starts.
 * @param target  a module of the same structure; modified
 * @throws RangeError when the modules have other numbers of tensors
 */
export function emaUpdateModule_(
  target: Module,
  source: Module,
  momentum: Rate,
  { buffers = 'copy' }: EmaModuleOptions = {},
): void {
  emaUpdate_(target.parameters(), source.parameters(), momentum);
  if (buffers === 'keep') return;
  const [into, from] = [[...target.namedBuffers().values()], [...source.namedBuffers().values()]];
  if (into.length !== from.length)
    throw new RangeError(`emaUpdateModule_: expected as many buffers, got ${into.length} and ${from.length}.`);
  const averaged = into.map((buffer) => buffers === 'average' && /float/.test(buffer.dtype));
  noGrad(() => {
    for (const [i, buffer] of into.entries()) if (!averaged[i]) copy_(buffer, from[i]!);
  });
  const some = (tensors: readonly Tensor[]) => tensors.filter((_, i) => averaged[i]);
  emaUpdate_(some(into), some(from), momentum);
}
