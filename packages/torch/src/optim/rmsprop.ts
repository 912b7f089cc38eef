/** @file RMSprop. */
import {
  _foreachAdd_,
  _foreachAddcdiv_,
  _foreachAddcmul,
  _foreachAddcmul_,
  _foreachMul_,
  _foreachNeg,
  _foreachSqrt,
  _foreachSqrt_,
} from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { demand, type Parameters, type ParamGroup } from './groups.js';
import { OptimizerBase, type Stepped } from './optimizer.js';
import { added, addQuotients_, addScaled_, minus, type Rate } from './rates.js';

/** Options of {@link RMSprop}, each of them a setting of its groups; defaults are PyTorch's. */
export interface RMSpropOptions {
  /** Default 0.01. */
  readonly lr?: Rate;
  /** Decay of the squared gradient, from 0 up to below 1; default 0.99. */
  readonly alpha?: number;
  /** 0 or more; default 1e-8. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: Rate;
  /** 0 or more; default 0. */
  readonly momentum?: number;
  /** Divides by the standard deviation instead of the root of the mean square. Default false. */
  readonly centered?: boolean;
  /** Goes up the gradient. Default false. */
  readonly maximize?: boolean;
}

/** A group of {@link RMSprop}. */
export interface RMSpropGroup extends ParamGroup {
  alpha: number;
  eps: number;
  momentum: number;
  centered: boolean;
  maximize: boolean;
}

const SQUARE = 'square_avg';
const MEAN = 'grad_avg';
const BUFFER = 'momentum_buffer';

/**
 * RMSprop (Hinton, 2012; PyTorch's form): g ← g + wd·p; s ← αs + (1 − α)g²; d = g/(√s + eps), or with `centered`
 * ḡ ← αḡ + (1 − α)g and d = g/(√(s − ḡ²) + eps); p ← p − lr·d, or with momentum v ← μv + d and p ← p − lr·v.
 * State: `square_avg`, with `centered` `grad_avg`, with momentum `momentum_buffer`.
 */
export class RMSprop extends OptimizerBase<RMSpropGroup> {
  constructor(params: Parameters<RMSpropGroup>, options: RMSpropOptions = {}) {
    const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0 } = options;
    const { centered = false, maximize = false } = options;
    const settings = { lr, alpha, eps, weightDecay, momentum, centered, maximize };
    checkOptions('RMSprop', options, Object.keys(settings));
    super(params, settings, [SQUARE, MEAN, BUFFER]);
  }

  protected checkSettings({ alpha, eps, momentum }: RMSpropGroup, where: string): void {
    demand(alpha >= 0 && alpha < 1, where, 'an alpha from 0 up to below 1', alpha);
    demand(eps >= 0, where, 'eps of 0 or more', eps);
    demand(momentum >= 0, where, 'a momentum of 0 or more', momentum);
  }

  protected prepare({ centered, momentum }: RMSpropGroup, groupIndex: number, stepped: Stepped): void {
    this.slotOf(SQUARE, groupIndex, stepped);
    if (centered) this.slotOf(MEAN, groupIndex, stepped);
    if (momentum !== 0) this.slotOf(BUFFER, groupIndex, stepped);
  }

  protected stepGroup(group: RMSpropGroup, groupIndex: number, stepped: Stepped): void {
    const { params } = stepped;
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    let gradients: readonly Tensor[] = maximize ? _foreachNeg(stepped.gradients) : stepped.gradients;
    if (weightDecay !== 0) gradients = added(gradients, params, weightDecay);

    const squares = this.slotOf(SQUARE, groupIndex, stepped);
    _foreachMul_(squares, alpha);
    _foreachAddcmul_(squares, gradients, gradients, { value: 1 - alpha });
    let denominators: Tensor[];
    if (centered) {
      const means = this.slotOf(MEAN, groupIndex, stepped);
      _foreachMul_(means, alpha);
      _foreachAdd_(means, gradients, { alpha: 1 - alpha });
      denominators = _foreachAddcmul(squares, means, means, { value: -1 });
      _foreachSqrt_(denominators);
    } else {
      denominators = _foreachSqrt(squares);
    }
    _foreachAdd_(denominators, eps);
    if (momentum === 0) {
      addQuotients_(params, gradients, denominators, minus(lr));
      return;
    }
    const buffers = this.slotOf(BUFFER, groupIndex, stepped);
    _foreachMul_(buffers, momentum);
    _foreachAddcdiv_(buffers, gradients, denominators);
    addScaled_(params, buffers, minus(lr));
  }
}
