/** @file Base of the optimizers whose state is one momentum buffer per parameter. */
import type { Tensor } from '../tensor.js';
import { demand, type Parameters, type ParamGroup, pick, type Settings } from './groups.js';
import {
  applyBuffers_,
  type Direction,
  firstBuffers,
  isList,
  type MomentumSettings,
  moveBuffers_,
  plainStep_,
} from './momentum.js';
import { OptimizerBase, type Stepped } from './optimizer.js';

/** The slot of the momentum buffers, named as in PyTorch. */
export const MOMENTUM_SLOT = 'momentum_buffer';

/** A group with momentum. */
export interface MomentumGroup extends ParamGroup {
  /** μ, from 0 up to below 1; with 0 there is no buffer. */
  momentum: number;
  /** From 0 up to below 1; the first step of a parameter takes none. */
  dampening: number;
  nesterov: boolean;
}

/** Base of SGD and LARS. */
export abstract class MomentumOptimizer<G extends MomentumGroup> extends OptimizerBase<G> {
  readonly #lrInMomentum: boolean;

  protected constructor(params: Parameters<G>, defaults: Settings<G>, lrInMomentum: boolean) {
    super(params, defaults, [MOMENTUM_SLOT]);
    this.#lrInMomentum = lrInMomentum;
    for (const { momentum, dampening, nesterov } of this.paramGroups)
      demand(
        !lrInMomentum || (momentum > 0 && dampening === 0 && !nesterov),
        this.constructor.name,
        'momentum, no dampening and no Nesterov with the learning rate inside the momentum',
        'other settings',
      );
  }

  protected checkSettings({ momentum, dampening, nesterov }: G, where: string): void {
    demand(momentum >= 0 && momentum < 1, where, 'a momentum from 0 up to below 1', momentum);
    demand(dampening >= 0 && dampening < 1, where, 'a dampening from 0 up to below 1', dampening);
    demand(
      !nesterov || (momentum > 0 && dampening === 0),
      where,
      'momentum and no dampening with Nesterov',
      'other settings',
    );
    demand(momentum > 0 || dampening === 0, where, 'momentum with dampening', 'momentum 0');
  }

  /** With dampening a first step differs from a later one, and a step that is undone must stay the first. */
  protected override mustKnow({ dampening }: G): boolean {
    return dampening !== 0;
  }

  protected prepare({ momentum }: G, groupIndex: number, stepped: Stepped): void {
    if (momentum !== 0) this.slotOf(MOMENTUM_SLOT, groupIndex, stepped);
  }

  /** One momentum step of some of a group's parameters along a direction. */
  protected momentumStep(group: G, groupIndex: number, stepped: Stepped, direction: Direction): void {
    const { indices, params, gradients } = stepped;
    const { lr, momentum, dampening, nesterov } = group;
    if (momentum === 0) {
      plainStep_(params, gradients, direction, lr);
      return;
    }
    const settings: MomentumSettings = { lr, momentum, dampening, nesterov, lrInMomentum: this.#lrInMomentum };
    const held = this.slots.get(MOMENTUM_SLOT)![groupIndex]!;
    const buffers = pick(held, indices);
    if (buffers.includes(null)) this.#startSome(groupIndex, stepped, direction, settings);
    else moveBuffers_(buffers as readonly Tensor[], params, gradients, direction, settings);
    applyBuffers_(pick(held, indices) as readonly Tensor[], params, gradients, direction, settings);
  }

  /** Makes the buffers of parameters that have none yet, and moves those of the others. */
  #startSome(
    groupIndex: number,
    { indices, params, gradients }: Stepped,
    direction: Direction,
    settings: MomentumSettings,
  ): void {
    const held = this.slots.get(MOMENTUM_SLOT)![groupIndex]!;
    const fresh: number[] = [];
    const old: number[] = [];
    for (let i = 0; i < indices.length; i++) (held[indices[i]!] === null ? fresh : old).push(i);
    const first = subset(direction, fresh);
    const made = firstBuffers(pick(params, fresh), pick(gradients, fresh), first, settings);
    this.remember(MOMENTUM_SLOT, groupIndex, pick(indices, fresh), made);
    if (old.length === 0) return;
    const buffers = pick(held, pick(indices, old)) as readonly Tensor[];
    moveBuffers_(buffers, pick(params, old), pick(gradients, old), subset(direction, old), settings);
  }
}

function subset({ gradientScale, decay }: Direction, positions: readonly number[]): Direction {
  return {
    gradientScale: gradientScale === null ? null : pick(gradientScale, positions),
    decay: isList(decay) ? pick(decay, positions) : decay,
  };
}
