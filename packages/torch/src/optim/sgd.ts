/** @file Stochastic gradient descent with momentum. */
import type { Tensor } from '../tensor.js';
import {
  applyBuffers_,
  type Direction,
  firstBuffers,
  type MomentumSettings,
  moveBuffers_,
  plainStep_,
} from './momentum.js';
import {
  completeGroups,
  demand,
  OptimizerBase,
  type ParamGroup,
  type ParamGroupInput,
  pick,
  type Stepped,
} from './optimizer.js';

/** The slot of the momentum buffers, named as in PyTorch. */
export const MOMENTUM_SLOT = 'momentum_buffer';

/** Options of {@link SGD}; defaults are PyTorch's. */
export interface SGDOptions {
  readonly lr: number;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
}

/** Base of the optimizers whose state is one momentum buffer per parameter. */
export abstract class MomentumOptimizer<G extends ParamGroup> extends OptimizerBase<G> {
  protected constructor(
    groups: readonly G[],
    protected readonly settings: Omit<MomentumSettings, 'lr'>,
  ) {
    super(groups, settings.momentum === 0 ? [] : [MOMENTUM_SLOT]);
    const where = new.target.name;
    const { momentum, dampening, nesterov, lrInMomentum } = settings;
    demand(momentum >= 0 && momentum < 1, where, 'a momentum from 0 up to below 1', momentum);
    demand(dampening >= 0 && dampening < 1, where, 'a dampening from 0 up to below 1', dampening);
    demand(
      !nesterov || (momentum > 0 && dampening === 0),
      where,
      'momentum and no dampening with Nesterov',
      'other settings',
    );
    demand(momentum > 0 || dampening === 0, where, 'momentum with dampening', 'momentum 0');
    demand(
      !lrInMomentum || (momentum > 0 && dampening === 0 && !nesterov),
      where,
      'momentum, no dampening and no Nesterov with the learning rate inside the momentum',
      'other settings',
    );
  }

  /** One momentum step of some of a group's parameters along a direction. */
  protected momentumStep(
    groupIndex: number,
    lr: number,
    { indices, params, gradients }: Stepped,
    direction: Direction,
  ): void {
    const settings: MomentumSettings = { ...this.settings, lr };
    if (settings.momentum === 0) {
      plainStep_(params, gradients, direction, lr);
      return;
    }
    const held = this.slots.get(MOMENTUM_SLOT)![groupIndex]!;
    const fresh = indices.flatMap((index, i) => (held[index] === null ? [i] : []));
    if (fresh.length > 0) {
      const some = fresh.length < indices.length;
      const first = some ? subset(direction, fresh) : direction;
      const buffers = firstBuffers(
        some ? pick(params, fresh) : params,
        some ? pick(gradients, fresh) : gradients,
        first,
        settings,
      );
      this.remember(MOMENTUM_SLOT, groupIndex, pick(indices, fresh), buffers);
      if (some) {
        const old = indices.flatMap((_, i) => (fresh.includes(i) ? [] : [i]));
        const buffersOfOld = pick(held, pick(indices, old)) as Tensor[];
        moveBuffers_(buffersOfOld, pick(params, old), pick(gradients, old), subset(direction, old), settings);
      }
    } else {
      moveBuffers_(pick(held, indices) as Tensor[], params, gradients, direction, settings);
    }
    applyBuffers_(pick(held, indices) as Tensor[], params, gradients, direction, settings);
  }
}

function subset({ gradientScale, decay }: Direction, positions: readonly number[]): Direction {
  return {
    gradientScale: gradientScale === null ? null : pick(gradientScale, positions),
    decay: typeof decay === 'number' ? decay : pick(decay, positions),
  };
}

/**
 * Stochastic gradient descent (PyTorch's SGD): d = g + wd·p; v = d at the first step, then v = μ·v + (1 − dampening)·d;
 * p ← p − lr·v, with Nesterov p − lr·(d + μ·v).
 */
export class SGD extends MomentumOptimizer<ParamGroup> {
  constructor(params: readonly Tensor[] | readonly ParamGroupInput[], options: SGDOptions) {
    const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
    super(completeGroups(params, { lr, weightDecay }), { momentum, dampening, nesterov, lrInMomentum: false });
  }

  protected stepGroup(group: ParamGroup, groupIndex: number, stepped: Stepped): void {
    this.momentumStep(groupIndex, group.lr, stepped, { gradientScale: null, decay: group.weightDecay });
  }
}
