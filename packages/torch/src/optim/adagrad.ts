/** @file Adagrad. */
import {
  _foreachAdd_,
  _foreachAddcdiv_,
  _foreachAddcmul_,
  _foreachMul_,
  _foreachNeg,
  _foreachSqrt,
  add,
  mul,
  unbind,
} from '../generated/operators.js';
import { checkOptions } from '../options.js';
import { Tensor } from '../tensor.js';
import { type CountedGroup, CountedOptimizer } from './counted.js';
import { demand, type Parameters } from './groups.js';
import type { Stepped } from './optimizer.js';
import { added, addQuotients_, minus, type Rate, scale_ } from './rates.js';

/** Options of {@link Adagrad}, each of them a setting of its groups; defaults are PyTorch's. */
export interface AdagradOptions {
  /** Default 0.01. */
  readonly lr?: Rate;
  /** 0 or more; default 0. */
  readonly lrDecay?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: Rate;
  /** Sum of squares before the first step, 0 or more; default 0. */
  readonly initialAccumulatorValue?: number;
  /** 0 or more; default 1e-10. */
  readonly eps?: number;
  /** Goes up the gradient. Default false. */
  readonly maximize?: boolean;
  /** See {@link CountedGroup.capturable}. Default false. */
  readonly capturable?: boolean;
}

/** A group of {@link Adagrad}. */
export interface AdagradGroup extends CountedGroup {
  lrDecay: number;
  initialAccumulatorValue: number;
  eps: number;
  maximize: boolean;
}

const SUM = 'sum';

/**
 * Adagrad (Duchi et al., 2011): g ← g + wd·p; s ← s + g²; p ← p − lr/(1 + (t − 1)·lrDecay) · g/(√s + eps),
 * t counted per parameter. State: `sum` and `steps`.
 */
export class Adagrad extends CountedOptimizer<AdagradGroup> {
  constructor(params: Parameters<AdagradGroup>, options: AdagradOptions = {}) {
    const { lr = 0.01, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0 } = options;
    const { eps = 1e-10, maximize = false, capturable = false } = options;
    const settings = { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize, capturable };
    checkOptions('Adagrad', options, Object.keys(settings));
    super(params, settings, [SUM]);
  }

  protected checkSettings({ lrDecay, initialAccumulatorValue, eps }: AdagradGroup, where: string): void {
    demand(lrDecay >= 0, where, 'an lrDecay of 0 or more', lrDecay);
    demand(initialAccumulatorValue >= 0, where, 'an initialAccumulatorValue of 0 or more', initialAccumulatorValue);
    demand(eps >= 0, where, 'eps of 0 or more', eps);
  }

  protected prepare({ initialAccumulatorValue }: AdagradGroup, groupIndex: number, stepped: Stepped): void {
    this.slotOf(SUM, groupIndex, stepped, initialAccumulatorValue);
  }

  protected stepGroup(group: AdagradGroup, groupIndex: number, stepped: Stepped, flag: Tensor | null): void {
    const { params } = stepped;
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = group;
    const counts = this.advance(group, groupIndex, stepped, flag);
    let gradients: readonly Tensor[] = maximize ? _foreachNeg(stepped.gradients) : stepped.gradients;
    if (weightDecay !== 0) gradients = added(gradients, params, weightDecay);
    const sums = this.slotOf(SUM, groupIndex, stepped, initialAccumulatorValue);
    _foreachAddcmul_(sums, gradients, gradients);
    const denominators = _foreachSqrt(sums);
    _foreachAdd_(denominators, eps);
    if (lrDecay === 0) {
      addQuotients_(params, gradients, denominators, minus(lr));
    } else if (counts instanceof Tensor) {
      const slowing = add(mul(counts, lrDecay), 1 - lrDecay);
      if (counts.rank === 0) scale_(denominators, slowing);
      else _foreachMul_(denominators, unbind(slowing));
      addQuotients_(params, gradients, denominators, minus(lr));
    } else if (typeof lr === 'number') {
      const rates = counts.map((t) => -lr / (1 + (t - 1) * lrDecay));
      _foreachAddcdiv_(params, gradients, denominators, rates);
    } else {
      const slowing = counts.map((t) => 1 + (t - 1) * lrDecay);
      _foreachMul_(denominators, slowing);
      addQuotients_(params, gradients, denominators, minus(lr));
    }
  }
}
