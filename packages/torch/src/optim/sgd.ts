/** @file Stochastic gradient descent with momentum. */
import { _foreachNeg } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Parameters } from './groups.js';
import { type MomentumGroup, MomentumOptimizer } from './momentum-optimizer.js';
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
}

/** A group of {@link SGD}. */
export interface SGDGroup extends MomentumGroup {
  maximize: boolean;
}

/**
 * Stochastic gradient descent (PyTorch's SGD): d = g + wd·p; v = d at the first step, then v = μ·v + (1 − dampening)·d;
 * p ← p − lr·v, with Nesterov p − lr·(d + μ·v). `maximize` takes −g for g. State: `momentum_buffer`.
 */
export class SGD extends MomentumOptimizer<SGDGroup> {
  constructor(params: Parameters<SGDGroup>, options: SGDOptions = {}) {
    const { lr = 0.001, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false } = options;
    const settings = { lr, momentum, dampening, weightDecay, nesterov, maximize };
    checkOptions('SGD', options, Object.keys(settings));
    super(params, settings, false);
  }

  protected stepGroup(group: SGDGroup, groupIndex: number, stepped: Stepped): void {
    const taken = group.maximize ? { ...stepped, gradients: _foreachNeg(stepped.gradients) } : stepped;
    this.momentumStep(group, groupIndex, taken, { gradientScale: null, decay: group.weightDecay });
  }
}
