/** @file The two operations of loss scaling on the device: `_amp_*` where libtorch has them for it, composed of others where not. */
import {
  _ampForeachNonFiniteCheckAndUnscale_,
  _ampUpdateScale_,
  _foreachMul_,
  _foreachNorm,
  add,
  all,
  copy_,
  full,
  isfinite,
  logicalAnd,
  logicalNot,
  mul,
  ne,
  ones,
  reciprocal,
  stack,
  to,
  where,
  zeros,
} from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { probe } from './probe.js';

/** Whether a device has the `_amp_*` operators: the CPU got them in libtorch 2.3. */
function hasAmp(device: string): boolean {
  return probe('amp', device, () => {
    const [value, flag, inverse] = [ones([1], { device }), zeros([], { device }), full([], 1, { device })];
    _ampForeachNonFiniteCheckAndUnscale_([value], flag, inverse);
  });
}

/**
 * Divides gradients by the scale, in place.
 * @param scale  float32 []
 * @returns float32 [] on the gradients' device: 1 where a gradient was infinite or no number, else 0
 */
export function unscaleAndCheck_(gradients: readonly Tensor[], scale: Tensor): Tensor {
  const first = gradients[0];
  if (first === undefined) return zeros([], { dtype: 'float32', device: scale.device });
  const { device } = first;
  const inverse = to(to(reciprocal(to(scale, 'float64')), 'float32'), { device, nonBlocking: true });
  if (hasAmp(device)) {
    const found = zeros([], { dtype: 'float32', device });
    _ampForeachNonFiniteCheckAndUnscale_(gradients, found, inverse);
    return found;
  }
  _foreachMul_(gradients, new Array<Tensor>(gradients.length).fill(inverse));
  // The Euclidean norm is finite where all elements are, below 1e19 in float32; it is the reduction that the CPU does fast.
  const finite = all(isfinite(stack(_foreachNorm(gradients))));
  return to(logicalNot(finite), 'float32');
}

/** How the scale moves. */
export interface ScaleLaw {
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
}

/** Moves scale (float32 []) and tracker (int32 []), in place: down where `foundInf` is set, up after an interval without. */
export function updateScale_(scale: Tensor, tracker: Tensor, foundInf: Tensor, law: ScaleLaw): void {
  const { growthFactor, backoffFactor, growthInterval } = law;
  if (hasAmp(scale.device)) {
    _ampUpdateScale_(scale, tracker, foundInf, growthFactor, backoffFactor, growthInterval);
    return;
  }
  const found = ne(foundInf, 0);
  const successes = add(tracker, 1);
  const full = logicalNot(ne(successes, growthInterval));
  const grown = mul(scale, growthFactor);
  const up = where(logicalAnd(full, isfinite(grown)), grown, scale);
  copy_(scale, where(found, mul(scale, backoffFactor), up));
  copy_(tracker, where(found, 0, where(full, 0, successes)));
}
