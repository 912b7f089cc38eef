/** @file Gradient clipping over lists of parameters; norms stay on the device. Legend: P parameters with a gradient. */
import { gradientsOf } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import {
  _foreachMul_,
  _foreachNorm,
  add,
  clampMax,
  linalgVectorNorm,
  mul,
  reciprocal,
  stack,
  unbind,
  zeros,
} from '../generated/operators.js';
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

/**
 * Clips the joint norm of all gradients (PyTorch's clip_grad_norm_), in place.
 * @returns the joint norm before clipping, a scalar that is not read back
 */
export function clipGradients_(params: readonly Tensor[], maxNorm: number): Tensor {
  return scope(() =>
    noGrad(() => {
      const gradients = present(params, maxNorm, 'clipGradients_');
      if (gradients.length === 0) return zeros([]);
      const norm = linalgVectorNorm(stack(_foreachNorm(gradients)));
      const factor = factors(norm, maxNorm);
      _foreachMul_(
        gradients,
        gradients.map(() => factor),
      );
      return norm;
    }),
  );
}
