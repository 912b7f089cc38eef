/** @file Stochastic gradient descent with momentum. */
import { _foreachNeg, _fusedSgd_ } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import {
  asFoundInf,
  asFusedRate,
  checkFused,
  decayed,
  type Fused,
  type FusedGroup,
  fusable,
  wantsFused,
} from './fused.js';
import type { Parameters } from './groups.js';
import { MOMENTUM_SLOT, type MomentumGroup, MomentumOptimizer } from './momentum-optimizer.js';
import type { Stepped } from './optimizer.js';
import type { Rate } from './rates.js';

/** Options of {@link SGD}, each of them a setting of its groups; defaults are PyTorch's. */
export interface SGDOptions {
  /** Default 0.001. */
  readonly lr?: Rate;
  /** μ, from 0 up to below 1; default 0. */
  readonly momentum?: number;
  /** From 0 up to below 1; default 0. */
  readonly dampening?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: Rate;
  /** Default false. */
  readonly nesterov?: boolean;
  /** Goes up the gradient. Default false. */
  readonly maximize?: boolean;
  /** See {@link Fused}. Default null. */
  readonly fused?: Fused;
}

/** A group of {@link SGD}. */
export interface SGDGroup extends MomentumGroup, FusedGroup {
  maximize: boolean;
}

/**
 * Stochastic gradient descent (PyTorch's SGD): d = g + wd·p; v = d at the first step, then v = μ·v + (1 − dampening)·d;
 * p ← p − lr·v, with Nesterov p − lr·(d + μ·v). `maximize` takes −g for g. State: `momentum_buffer`.
 */
export class SGD extends MomentumOptimizer<SGDGroup> {
  constructor(params: Parameters<SGDGroup>, options: SGDOptions = {}) {
    const { lr = 0.001, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false } = options;
    const { fused = null } = options;
    const settings = { lr, momentum, dampening, weightDecay, nesterov, maximize, fused };
    checkOptions('SGD', options, Object.keys(settings));
    super(params, settings, false);
  }

  protected override checkSettings(group: SGDGroup, where: string): void {
    super.checkSettings(group, where);
    checkFused(group.fused, 'sgd', group.params[0]!, where);
  }

  protected override stepFused(group: SGDGroup, groupIndex: number, stepped: Stepped, flag: Tensor | null): boolean {
    const { lr, momentum, dampening, nesterov, maximize } = group;
    // The first step takes no dampening, which the operator does for all parameters or none.
    if (dampening !== 0 || !wantsFused(group.fused, 'sgd', stepped, lr, flag)) return false;
    const { params } = stepped;
    const raw = maximize ? _foreachNeg(stepped.gradients) : stepped.gradients;
    const [gradients, weightDecay] = decayed(params, raw, group.weightDecay);
    const buffers = momentum === 0 ? [] : this.slotOf(MOMENTUM_SLOT, groupIndex, stepped);
    if (!fusable(params, gradients, buffers)) return false;
    const settings = { weightDecay, momentum, dampening, nesterov, maximize: false, isFirstStep: false };
    const further = { ...settings, foundInf: asFoundInf(flag) };
    const rate = asFusedRate(lr);
    if (typeof rate === 'number') _fusedSgd_(params, gradients, buffers, { ...further, lr: rate });
    else _fusedSgd_(params, gradients, buffers, { ...further, lr: rate });
    return true;
  }

  protected stepGroup(group: SGDGroup, groupIndex: number, stepped: Stepped): void {
    const taken = group.maximize ? { ...stepped, gradients: _foreachNeg(stepped.gradients) } : stepped;
    this.momentumStep(group, groupIndex, taken, { gradientScale: null, decay: group.weightDecay });
  }
}
