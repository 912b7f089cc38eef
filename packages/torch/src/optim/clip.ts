/** @file Gradient clipping over lists of parameters; norms stay on the device. Legend: P parameters with a gradient. */
import { gradientsOf } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import {
  _foreachClampMax_,
  _foreachClampMin_,
  _foreachMul_,
  _foreachNorm,
  add,
  clamp_,
  clampMax,
  linalgVectorNorm,
  mul,
  reciprocal,
  stack,
  unbind,
  zeros,
} from '../generated/operators.js';
import { has } from '../operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

const EPSILON = 1e-6;

function present(params: readonly Tensor[], maxNorm: number, where: string): Tensor[] {
  if (!(maxNorm > 0))
    throw new RangeError(`${where}: expected a norm above 0, got ${maxNorm}. Leave clipping out to switch it off.`);
  return gradientsOf(params).filter((gradient): gradient is Tensor => gradient !== null);
}

/** min(1, maxNorm/(norm + 1e-6)) per element. */
function factors(norms: Tensor, maxNorm: number): Tensor {
  return clampMax(mul(reciprocal(add(norms, EPSILON)), maxNorm), 1);
}

/**
 * Clips the norm of every gradient by itself (DINO): g ← g·min(1, maxNorm/(‖g‖₂ + 1e-6)), in place.
 * @returns the norms [P] before clipping, of the gradients that are present; not read back
 */
export function clipGradientsPerTensor_(params: readonly Tensor[], maxNorm: number): Tensor {
  return scope(() =>
    noGrad(() => {
      const gradients = present(params, maxNorm, 'clipGradientsPerTensor_');
      if (gradients.length === 0) return zeros([0]);
      const norms = stack(_foreachNorm(gradients));
      _foreachMul_(gradients, unbind(factors(norms, maxNorm)));
      return norms;
    }),
  );
}

/** How {@link clipGradNorm_} measures. */
export interface ClipGradNormOptions {
  /** Order of the norm, `Infinity` for the largest magnitude. Default 2. */
  readonly normType?: number;
}

/**
 * Clips the joint norm of all gradients (PyTorch `clip_grad_norm_`), in place: g ← g·min(1, maxNorm/(‖all g‖ + 1e-6)).
 * @param maxNorm  above 0
 * @returns the joint norm before clipping, [] on the gradients' device; not read back
 * @throws RangeError when a number is not above 0
 */
export function clipGradNorm_(
  params: readonly Tensor[],
  maxNorm: number,
  { normType = 2 }: ClipGradNormOptions = {},
): Tensor {
  if (!(normType > 0)) throw new RangeError(`clipGradNorm_: expected a norm's order above 0, got ${normType}.`);
  return scope(() =>
    noGrad(() => {
      const gradients = present(params, maxNorm, 'clipGradNorm_');
      if (gradients.length === 0) return zeros([]);
      const norm = linalgVectorNorm(stack(_foreachNorm(gradients, { ord: normType })), { ord: normType });
      const factor = factors(norm, maxNorm);
      _foreachMul_(gradients, new Array<Tensor>(gradients.length).fill(factor));
      return norm;
    }),
  );
}

/** {@link clipGradNorm_} by the Euclidean norm. */
export function clipGradients_(params: readonly Tensor[], maxNorm: number): Tensor {
  return clipGradNorm_(params, maxNorm);
}

/**
 * Limits every element of every gradient to −clipValue … clipValue (PyTorch `clip_grad_value_`), in place.
 * @param clipValue  0 or more
 * @throws RangeError when it is negative
 */
export function clipGradValue_(params: readonly Tensor[], clipValue: number): void {
  if (!(clipValue >= 0)) throw new RangeError(`clipGradValue_: expected a value of 0 or more, got ${clipValue}.`);
  scope(() =>
    noGrad(() => {
      const gradients = gradientsOf(params).filter((gradient): gradient is Tensor => gradient !== null);
      if (gradients.length === 0) return;
      if (has('_foreach_clamp_min_.Scalar')) {
        _foreachClampMin_(gradients, -clipValue);
        _foreachClampMax_(gradients, clipValue);
      } else {
        for (const gradient of gradients) clamp_(gradient, { min: -clipValue, max: clipValue });
      }
    }),
  );
}
