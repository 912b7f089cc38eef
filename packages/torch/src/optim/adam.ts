/** @file Adam and AdamW. */
import {
  _foreachAdd_,
  _foreachAddcdiv_,
  _foreachAddcmul_,
  _foreachLerp_,
  _foreachMaximum_,
  _foreachMul,
  _foreachMul_,
  _foreachNeg,
  _foreachSqrt,
  _fusedAdam_,
  _fusedAdamw_,
  div,
  mul,
  pow,
  reciprocal,
  rsub,
  sqrt,
  unbind,
} from '../generated/operators.js';
import { has } from '../operators.js';
import { checkOptions } from '../options.js';
import { Tensor } from '../tensor.js';
import { type CountedGroup, CountedOptimizer } from './counted.js';
import {
  asFoundInf,
  asFusedRate,
  asStateSteps,
  checkFused,
  decayed,
  type Fused,
  type FusedGroup,
  type FusedOperator,
  fusable,
  unlessSet,
  wantsFused,
} from './fused.js';
import { demand, type Parameters } from './groups.js';
import type { Stepped } from './optimizer.js';
import { added, addQuotients_, minus, oneMinus, type Rate, scale_, times } from './rates.js';

/** Options of {@link Adam} and {@link AdamW}, each of them a setting of their groups; defaults are PyTorch's. */
export interface AdamOptions {
  /** Default 0.001. */
  readonly lr?: Rate;
  /** Decay of the two moments, from 0 up to below 1; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** 0 or more; default 1e-8. */
  readonly eps?: number;
  /** Default 0 for Adam, an L2 penalty, and 0.01 for AdamW, decoupled. */
  readonly weightDecay?: Rate;
  /** Divides by the largest second moment so far (Reddi et al., 2018). Default false. */
  readonly amsgrad?: boolean;
  /** Goes up the gradient. Default false. */
  readonly maximize?: boolean;
  /** See {@link CountedGroup.capturable}. Default false. */
  readonly capturable?: boolean;
  /** See {@link Fused}; true counts steps on the device, as `capturable`. Default null. */
  readonly fused?: Fused;
}

/** Options of {@link AdamW}. */
export type AdamWOptions = AdamOptions;

/** A group of {@link Adam} or {@link AdamW}. */
export interface AdamGroup extends CountedGroup, FusedGroup {
  betas: readonly [number, number];
  eps: number;
  amsgrad: boolean;
  maximize: boolean;
}

const FIRST = 'exp_avg';
const SECOND = 'exp_avg_sq';
const LARGEST = 'max_exp_avg_sq';

/**
 * Adam (Kingma and Ba, 2015): g ← g + wd·p; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
 * p ← p − lr·(m/(1 − β₁ᵗ)) / (√v/√(1 − β₂ᵗ) + eps), t counted per parameter: an absent gradient is no step.
 * `maximize` takes −g for g. State: `exp_avg`, `exp_avg_sq`, with `amsgrad` `max_exp_avg_sq`, and `steps`.
 */
export class Adam extends CountedOptimizer<AdamGroup> {
  constructor(params: Parameters<AdamGroup>, options: AdamOptions = {}) {
    const {
      lr = 0.001,
      betas = [0.9, 0.999],
      eps = 1e-8,
      weightDecay = 0,
      amsgrad = false,
      maximize = false,
      capturable = false,
      fused = null,
    } = options;
    const settings = { lr, betas, eps, weightDecay, amsgrad, maximize, capturable, fused };
    checkOptions(new.target.name, options, Object.keys(settings));
    super(params, settings, [FIRST, SECOND, LARGEST]);
  }

  protected get operator(): FusedOperator {
    return 'adam';
  }

  protected checkSettings({ betas, eps, fused, params }: AdamGroup, where: string): void {
    checkFused(fused, this.operator, params[0]!, where);
    for (const beta of betas) demand(beta >= 0 && beta < 1, where, 'betas from 0 up to below 1', beta);
    demand(eps >= 0, where, 'eps of 0 or more', eps);
  }

  protected prepare({ amsgrad }: AdamGroup, groupIndex: number, stepped: Stepped): void {
    for (const slot of amsgrad ? [FIRST, SECOND, LARGEST] : [FIRST, SECOND]) this.slotOf(slot, groupIndex, stepped);
  }

  protected override stepFused(group: AdamGroup, groupIndex: number, stepped: Stepped, flag: Tensor | null): boolean {
    const { params } = stepped;
    const { lr, betas, eps, amsgrad, maximize } = group;
    if (!wantsFused(group.fused, this.operator, stepped, lr, flag)) return false;
    const [first, second] = [this.slotOf(FIRST, groupIndex, stepped), this.slotOf(SECOND, groupIndex, stepped)];
    const largest = amsgrad ? this.slotOf(LARGEST, groupIndex, stepped) : [];
    if (!fusable(params, stepped.gradients, first, second, largest)) return false;
    const counts = this.advance({ ...group, capturable: true }, groupIndex, stepped, flag) as Tensor;
    const foundInf = asFoundInf(flag);
    const raw = maximize ? _foreachNeg(stepped.gradients) : stepped.gradients;
    const [gradients, weightDecay] = this.fusedDecay(group, params, raw, foundInf);
    const settings = { beta1: betas[0], beta2: betas[1], weightDecay, eps, amsgrad, maximize: false, foundInf };
    const lists = [params, gradients, first, second, largest, asStateSteps(counts, params.length)] as const;
    const step = this.operator === 'adam' ? _fusedAdam_ : _fusedAdamw_;
    const rate = asFusedRate(lr);
    if (typeof rate === 'number') step(...lists, { ...settings, lr: rate });
    else step(...lists, { ...settings, lr: rate });
    return true;
  }

  /** What the fused operator does not take of the weight decay goes into the gradients or the parameters. */
  protected fusedDecay(
    { weightDecay }: AdamGroup,
    params: readonly Tensor[],
    gradients: readonly Tensor[],
    _foundInf: Tensor | null,
  ): [gradients: readonly Tensor[], weightDecay: number] {
    return decayed(params, gradients, weightDecay);
  }

  /** Takes the weight decay into the gradients or the parameters. @returns the gradients to go along */
  protected decay({ weightDecay }: AdamGroup, params: readonly Tensor[], gradients: readonly Tensor[]) {
    return weightDecay === 0 ? gradients : added(gradients, params, weightDecay);
  }

  protected stepGroup(group: AdamGroup, groupIndex: number, stepped: Stepped, flag: Tensor | null): void {
    const { params } = stepped;
    const { betas, amsgrad, maximize } = group;
    const first = this.slotOf(FIRST, groupIndex, stepped);
    const second = this.slotOf(SECOND, groupIndex, stepped);
    const counts = this.advance(group, groupIndex, stepped, flag);
    const gradients = this.decay(group, params, maximize ? _foreachNeg(stepped.gradients) : stepped.gradients);

    average_(first, gradients, betas[0]);
    _foreachMul_(second, betas[1]);
    _foreachAddcmul_(second, gradients, gradients, { value: 1 - betas[1] });
    let divisors = second;
    if (amsgrad) {
      divisors = this.slotOf(LARGEST, groupIndex, stepped);
      _foreachMaximum_(divisors, second);
    }
    const denominators = _foreachSqrt(divisors);
    if (!(counts instanceof Tensor)) moveByNumbers_(params, first, denominators, counts, group);
    else if (counts.rank === 0) moveByOne_(params, first, denominators, counts, group);
    else moveByTensors_(params, first, denominators, counts, group);
  }
}

/**
 * AdamW (Loshchilov and Hutter, 2019): Adam with decoupled weight decay: p ← p·(1 − lr·wd), and g stays as it is.
 * Options, settings and state are those of {@link Adam}.
 */
export class AdamW extends Adam {
  constructor(params: Parameters<AdamGroup>, options: AdamOptions = {}) {
    super(params, typeof options === 'object' ? { weightDecay: 0.01, ...options } : options);
  }

  protected override get operator(): FusedOperator {
    return 'adamw';
  }

  protected override fusedDecay(
    { lr, weightDecay }: AdamGroup,
    params: readonly Tensor[],
    gradients: readonly Tensor[],
    foundInf: Tensor | null,
  ): [gradients: readonly Tensor[], weightDecay: number] {
    if (typeof weightDecay === 'number') return [gradients, weightDecay];
    scale_(params, oneMinus(unlessSet(times(lr, weightDecay), foundInf)));
    return [gradients, 0];
  }

  protected override decay({ lr, weightDecay }: AdamGroup, params: readonly Tensor[], gradients: readonly Tensor[]) {
    if (weightDecay !== 0) scale_(params, oneMinus(times(lr, weightDecay)));
    return gradients;
  }
}

/** target ← β·target + (1 − β)·source, in one pass over memory where libtorch has it. */
function average_(target: readonly Tensor[], source: readonly Tensor[], beta: number): void {
  if (has('_foreach_lerp_.Scalar')) {
    _foreachLerp_(target, source, 1 - beta);
    return;
  }
  _foreachMul_(target, beta);
  _foreachAdd_(target, source, { alpha: 1 - beta });
}

/**
 * Moves the parameters, with t as numbers. (m/c₁)/(√v/c₂ + eps) = (c₂/c₁)·m/(√v + eps·c₂) with c₁ = 1 − β₁ᵗ, c₂ = √(1 − β₂ᵗ):
 * the corrections are scalars, one for all where all have taken as many steps.
 */
function moveByNumbers_(
  params: readonly Tensor[],
  moments: readonly Tensor[],
  denominators: readonly Tensor[],
  counts: readonly number[],
  { lr, betas, eps }: AdamGroup,
): void {
  const epsilon = (t: number) => eps * Math.sqrt(1 - betas[1] ** t);
  const t = counts[0]!;
  const uniform = counts.every((count) => count === t);
  if (uniform) _foreachAdd_(denominators, epsilon(t));
  else _foreachAdd_(denominators, counts.map(epsilon));
  if (typeof lr === 'number') {
    const rate = (t: number) => (-lr * Math.sqrt(1 - betas[1] ** t)) / (1 - betas[0] ** t);
    if (uniform) _foreachAddcdiv_(params, moments, denominators, { value: rate(t) });
    else _foreachAddcdiv_(params, moments, denominators, counts.map(rate));
  } else {
    const factor = (t: number) => Math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t);
    const steps = uniform ? moments : _foreachMul(moments, counts.map(factor));
    addQuotients_(params, steps, denominators, times(minus(lr), uniform ? factor(t) : 1));
  }
}

/** As `moveByNumbers_` with one t for all, float64 [] on the device. */
function moveByOne_(
  params: readonly Tensor[],
  moments: readonly Tensor[],
  denominators: readonly Tensor[],
  count: Tensor,
  { lr, betas, eps }: AdamGroup,
): void {
  const correction1 = rsub(pow(betas[0], count), 1);
  const correction2 = sqrt(rsub(pow(betas[1], count), 1));
  scale_(denominators, reciprocal(correction2));
  _foreachAdd_(denominators, eps);
  addQuotients_(params, moments, denominators, times(reciprocal(correction1), minus(lr)));
}

/** As `moveByNumbers_` with t as a float64 vector on the device; the rate moves under the fraction, since it is no number. */
function moveByTensors_(
  params: readonly Tensor[],
  moments: readonly Tensor[],
  denominators: readonly Tensor[],
  counts: Tensor,
  { lr, betas, eps }: AdamGroup,
): void {
  const correction1 = rsub(pow(betas[0], counts), 1);
  const correction2 = sqrt(rsub(pow(betas[1], counts), 1));
  // With k = c₁/c₂: p − lr·m/(k·√v + k·c₂·eps), k·c₂ = c₁.
  _foreachMul_(denominators, unbind(div(correction1, correction2)));
  _foreachAdd_(denominators, unbind(mul(correction1, eps)));
  addQuotients_(params, moments, denominators, minus(lr));
}
