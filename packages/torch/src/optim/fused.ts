/**
 * @file Steps by one operator of libtorch for all parameters (`_fused_sgd_`, `_fused_adam_`, `_fused_adamw_`), which leaves the
 * step out by itself where a flag on the device says so. Which devices have them is tried once.
 */
import { ArgumentError } from '../errors.js';
import {
  _fusedAdam_,
  _fusedAdamw_,
  _fusedSgd_,
  mul,
  ne,
  ones,
  rsub,
  to,
  unbind,
  zeros,
} from '../generated/operators.js';
import { handlesOf } from '../handle-list.js';
import { native } from '../native.js';
import { has } from '../operators.js';
import { Tensor } from '../tensor.js';
import type { Stepped } from './optimizer.js';
import { probe } from './probe.js';
import { added, type Rate } from './rates.js';

/** The optimizers that libtorch has an operator for. */
export type FusedOperator = 'sgd' | 'adam' | 'adamw';

/**
 * Whether steps go by one operator of libtorch (PyTorch's `fused`): true, false, or null (default), which is only where a step may
 * be undone on the device, as under `GradScaler` on CUDA: there it saves copies of parameters and state. Its results differ from
 * the others' in the last bits. It serves parameters of one floating dtype, on one device, with gradients laid out alike; others
 * take the step as without it.
 */
export type Fused = boolean | null;

/** A group that may be fused. */
export interface FusedGroup {
  fused: Fused;
}

/** Whether the operator runs on a device; the CPU has them from libtorch 2.4, CUDA from 1.13 (Adam), 2.0 (AdamW) and 2.3 (SGD). */
export function hasFused(operator: FusedOperator, device: string): boolean {
  return probe(`fused ${operator}`, device, () => {
    const [value, gradient] = [ones([1], { device }), ones([1], { device })];
    if (operator === 'sgd') {
      _fusedSgd_([value], [gradient], [], { ...SGD_TRIED, foundInf: zeros([], { device }) });
      return;
    }
    const state = [zeros([1], { device }), zeros([1], { device })] as const;
    const step = operator === 'adam' ? _fusedAdam_ : _fusedAdamw_;
    step([value], [gradient], [state[0]], [state[1]], [], [ones([], { device })], ADAM_TRIED);
  });
}

const SGD_TRIED = {
  weightDecay: 0,
  momentum: 0,
  lr: 0,
  dampening: 0,
  nesterov: false,
  maximize: false,
  isFirstStep: false,
};
const ADAM_TRIED = { lr: 0, beta1: 0.5, beta2: 0.5, weightDecay: 0, eps: 1, amsgrad: false, maximize: false };

/** @throws ArgumentError when `fused` is true and the device has no such operator */
export function checkFused(fused: Fused, operator: FusedOperator, param: Tensor, where: string): void {
  if (fused === true && !hasFused(operator, param.device))
    throw new ArgumentError(
      `${where}: expected a libtorch with _fused_${operator}_ on ${param.device} for fused, got ${native.version()}. Leave fused out.`,
    );
}

/** Whether a step should go by the operator, and libtorch has it for this kind of rate. */
export function wantsFused(
  fused: Fused,
  operator: FusedOperator,
  { params }: Stepped,
  lr: Rate,
  flag: Tensor | null,
): boolean {
  if (fused === false || (fused === null && flag === null)) return false;
  const { device, dtype } = params[0]!;
  // Its rate in a tensor is a float32.
  if (lr instanceof Tensor && (dtype === 'float64' || !has(`_fused_${operator}_.tensor_lr`))) return false;
  return hasFused(operator, device);
}

/** Whether lists, one element of each for every parameter, are of one floating dtype, on one device and laid out alike. */
export function fusable(params: readonly Tensor[], ...others: readonly (readonly Tensor[])[]): boolean {
  return native.alike(handlesOf(params.concat(...others)), params.length);
}

/** The flag as the operators take it: 1 or 0 in float32. */
export function asFoundInf(flag: Tensor | null): Tensor | null {
  return flag === null ? null : to(ne(flag, 0), 'float32');
}

/** The gradients with what the operator does not take: weight decay in a tensor; and its number. */
export function decayed(
  params: readonly Tensor[],
  gradients: readonly Tensor[],
  weightDecay: Rate,
): [gradients: readonly Tensor[], weightDecay: number] {
  if (typeof weightDecay === 'number') return [gradients, weightDecay];
  return [added(gradients, params, weightDecay), 0];
}

/** A rate as the operators take it. */
export function asFusedRate(lr: Rate): Rate {
  return typeof lr === 'number' ? lr : to(lr, 'float32');
}

/** Counts of `advance` as the operators take them: a float32 for each parameter. */
export function asStateSteps(counts: Tensor, length: number): readonly Tensor[] {
  const steps = to(counts, 'float32');
  return steps.rank === 0 ? new Array<Tensor>(length).fill(steps) : unbind(steps);
}

/** rate where the flag is not set, else 0. */
export function unlessSet(rate: Rate, foundInf: Tensor | null): Rate {
  if (foundInf === null) return rate;
  const taken = rsub(foundInf, 1);
  return typeof rate === 'number' ? mul(taken, rate) : mul(rate, taken);
}
