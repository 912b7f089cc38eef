/** @file The momentum step that SGD and LARS share, over lists of tensors. */
import { _foreachAdd_, _foreachAddcmul_, _foreachMul, _foreachMul_ } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';

/**
 * A direction d = gradientScale·g + decay·p, never formed as tensors of its own: its two terms are added where they
 * are needed. Lists hold one 0-dimensional tensor per parameter; `null` stands for 1.
 */
export interface Direction {
  readonly gradientScale: readonly Tensor[] | null;
  readonly decay: readonly Tensor[] | number;
}

/** Settings of one momentum step. */
export interface MomentumSettings {
  readonly lr: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  /** Whether the buffer holds −lr·d instead of d (v ← μv − lr·d, p ← p + v). */
  readonly lrInMomentum: boolean;
}

/** Adds factor·d to `target`, in place. The decay goes first, so that `target` may be `params` itself. */
function addDirection_(
  target: readonly Tensor[],
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  { gradientScale, decay }: Direction,
  factor: number,
): void {
  if (typeof decay !== 'number') _foreachAddcmul_(target, params, decay, { value: factor });
  else if (decay !== 0) _foreachAdd_(target, params, { alpha: factor * decay });
  if (gradientScale === null) _foreachAdd_(target, gradients, { alpha: factor });
  else _foreachAddcmul_(target, gradients, gradientScale, { value: factor });
}

/** One step without momentum: p ← p − lr·d. */
export function plainStep_(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  direction: Direction,
  lr: number,
): void {
  addDirection_(params, params, gradients, direction, -lr);
}

/** The first step of parameters without a buffer: v = d (or −lr·d), whatever the dampening. */
export function firstBuffers(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  direction: Direction,
  { lr, lrInMomentum }: MomentumSettings,
): Tensor[] {
  const { gradientScale, decay } = direction;
  const buffers = gradientScale === null ? _foreachMul(gradients, 1) : _foreachMul(gradients, gradientScale);
  if (typeof decay !== 'number') _foreachAddcmul_(buffers, params, decay);
  else if (decay !== 0) _foreachAdd_(buffers, params, { alpha: decay });
  if (lrInMomentum) _foreachMul_(buffers, -lr);
  return buffers;
}

/** v ← μ·v + (1 − dampening)·d, in place; with the rate inside v ← μ·v − lr·d. */
export function moveBuffers_(
  buffers: readonly Tensor[],
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  direction: Direction,
  { lr, momentum, dampening, lrInMomentum }: MomentumSettings,
): void {
  _foreachMul_(buffers, momentum);
  addDirection_(buffers, params, gradients, direction, lrInMomentum ? -lr : 1 - dampening);
}

/** p ← p − lr·v, or p − lr·(d + μ·v) with Nesterov; with the rate inside p ← p + v. */
export function applyBuffers_(
  buffers: readonly Tensor[],
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  direction: Direction,
  { lr, momentum, nesterov, lrInMomentum }: MomentumSettings,
): void {
  if (nesterov) {
    addDirection_(params, params, gradients, direction, -lr);
    _foreachAdd_(params, buffers, { alpha: -lr * momentum });
  } else {
    _foreachAdd_(params, buffers, { alpha: lrInMomentum ? 1 : -lr });
  }
}
