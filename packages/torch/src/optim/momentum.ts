/** @file The momentum step that SGD and LARS share, over lists of tensors. */
import { _foreachAdd_, _foreachMul, _foreachMul_ } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { addProducts_, addScaled_, minus, type Rate, scale_, times } from './rates.js';

/**
 * A direction d = gradientScale·g + decay·p, never formed as tensors of its own: its two terms are added where they
 * are needed. Lists hold one 0-dimensional tensor per parameter; `null` stands for 1.
 */
export interface Direction {
  readonly gradientScale: readonly Tensor[] | null;
  /** A list, or one rate for all. */
  readonly decay: readonly Tensor[] | Rate;
}

/** Whether a direction has a decay for each parameter. */
export function isList(decay: readonly Tensor[] | Rate): decay is readonly Tensor[] {
  return Array.isArray(decay);
}

/** Settings of one momentum step. */
export interface MomentumSettings {
  readonly lr: Rate;
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
  factor: Rate,
): void {
  if (isList(decay)) addProducts_(target, params, decay, factor);
  else if (decay !== 0) addScaled_(target, params, times(factor, decay));
  if (gradientScale === null) addScaled_(target, gradients, factor);
  else addProducts_(target, gradients, gradientScale, factor);
}

/** One step without momentum: p ← p − lr·d. */
export function plainStep_(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  direction: Direction,
  lr: Rate,
): void {
  addDirection_(params, params, gradients, direction, minus(lr));
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
  if (isList(decay)) addProducts_(buffers, params, decay, 1);
  else if (decay !== 0) addScaled_(buffers, params, decay);
  if (lrInMomentum) scale_(buffers, minus(lr));
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
  addDirection_(buffers, params, gradients, direction, lrInMomentum ? minus(lr) : 1 - dampening);
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
    addDirection_(params, params, gradients, direction, minus(lr));
    addScaled_(params, buffers, times(minus(lr), momentum));
  } else if (lrInMomentum) {
    _foreachAdd_(params, buffers);
  } else {
    addScaled_(params, buffers, minus(lr));
  }
}
