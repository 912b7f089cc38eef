/**
 * @file Rates that are numbers of the host, or tensors of the device. A captured step keeps its numbers at every replay; a tensor
 * is read by the device when the step runs, and may be set in between. Nothing here reads one on the host.
 */
import { ArgumentError } from '../errors.js';
import {
  _foreachAdd,
  _foreachAdd_,
  _foreachAddcdiv_,
  _foreachAddcmul_,
  _foreachDiv,
  _foreachMul,
  _foreachMul_,
  mul,
  rsub,
  to,
} from '../generated/operators.js';
import { native } from '../native.js';
import { has } from '../operators.js';
import { Tensor } from '../tensor.js';

/**
 * A number, or a tensor of no dimensions with it, float64 or float32, on the device of the parameters or on the cpu (on the cpu it
 * can't be captured). Parameters of float16 and bfloat16 take a tensor rounded to their dtype; numbers stay exact for them.
 */
export type Rate = number | Tensor;

/** Whether a rate is a number of 0 or more, or a tensor that can be one; a tensor's value is not looked at. */
export function isRate(rate: Rate): boolean {
  if (!(rate instanceof Tensor)) return rate >= 0;
  return rate.rank === 0 && (rate.dtype === 'float64' || rate.dtype === 'float32');
}

/** A rate for messages. */
export function describeRate(rate: Rate): string {
  return rate instanceof Tensor ? `a tensor ${rate.dtype}[${rate.shape.join(', ')}]` : String(rate);
}

/**
 * A rate to calculate with: a number as it is, a tensor in float64 on the device of `like`.
 * @throws ArgumentError when it is on another accelerator, or on the cpu during a capture that would keep its value
 */
export function onDevice(rate: Rate, like: Tensor, where: string): Rate {
  if (typeof rate === 'number') return rate;
  const { device } = like;
  if (rate.device !== device && (rate.device !== 'cpu' || native.isCapturing()))
    throw new ArgumentError(
      `${where}: expected a rate on ${device} as the parameters are, got one on ${rate.device}. Make it there: tensor(value, { device: '${device}' }).`,
    );
  if (rate.device === device) return to(rate, 'float64');
  return to(rate, { dtype: 'float64', device, nonBlocking: true });
}

/** a·b; of a vector in its own dtype. */
export function times(a: Tensor, b: Rate): Tensor;
export function times(a: Rate, b: Rate): Rate;
export function times(a: Rate, b: Rate): Rate {
  if (typeof a === 'number') return typeof b === 'number' ? a * b : mul(b, a);
  return typeof b === 'number' ? mul(a, b) : mul(a, b);
}

/** −rate. */
export function minus(rate: Rate): Rate {
  return typeof rate === 'number' ? -rate : mul(rate, -1);
}

/** 1 − rate. */
export function oneMinus(rate: Rate): Rate {
  return typeof rate === 'number' ? 1 - rate : rsub(rate, 1);
}

/** One tensor for all of a list: itself where operators take it (libtorch 2.1), which is one pass on CUDA, else a list of it. */
function forAll(rate: Tensor, tensors: readonly Tensor[]): Tensor | readonly Tensor[] {
  const cast = to(rate, tensors[0]!.dtype);
  return has('_foreach_mul_.Tensor') ? cast : new Array<Tensor>(tensors.length).fill(cast);
}

/** rate·tensors, new ones. */
export function scaled(tensors: readonly Tensor[], rate: Rate): Tensor[] {
  if (typeof rate === 'number') return _foreachMul(tensors, rate);
  const factor = forAll(rate, tensors);
  return factor instanceof Tensor ? _foreachMul(tensors, factor) : _foreachMul(tensors, factor);
}

/** tensors ← rate·tensors, in place. */
export function scale_(tensors: readonly Tensor[], rate: Rate): void {
  if (typeof rate === 'number') {
    _foreachMul_(tensors, rate);
    return;
  }
  const factor = forAll(rate, tensors);
  if (factor instanceof Tensor) _foreachMul_(tensors, factor);
  else _foreachMul_(tensors, factor);
}

/** first + rate·second, new ones. */
export function added(first: readonly Tensor[], second: readonly Tensor[], rate: Rate): Tensor[] {
  if (typeof rate === 'number') return _foreachAdd(first, second, { alpha: rate });
  const sums = scaled(second, rate);
  _foreachAdd_(sums, first);
  return sums;
}

/** target ← target + rate·source, in place; both may be the same. */
export function addScaled_(target: readonly Tensor[], source: readonly Tensor[], rate: Rate): void {
  if (typeof rate === 'number') {
    _foreachAdd_(target, source, { alpha: rate });
    return;
  }
  const factor = forAll(rate, target);
  if (factor instanceof Tensor) _foreachAdd_(target, _foreachMul(source, factor));
  else _foreachAddcmul_(target, source, factor);
}

/** target ← target + rate·source·factors, in place; `factors` are tensors of no dimensions, one for each. */
export function addProducts_(
  target: readonly Tensor[],
  source: readonly Tensor[],
  factors: readonly Tensor[],
  rate: Rate,
): void {
  if (typeof rate === 'number') _foreachAddcmul_(target, source, factors, { value: rate });
  else _foreachAddcmul_(target, source, scaled(factors, rate));
}

/** target ← target + rate·numerators/denominators, in place. */
export function addQuotients_(
  target: readonly Tensor[],
  numerators: readonly Tensor[],
  denominators: readonly Tensor[],
  rate: Rate,
): void {
  if (typeof rate === 'number') _foreachAddcdiv_(target, numerators, denominators, { value: rate });
  else addScaled_(target, _foreachDiv(numerators, denominators), rate);
}
