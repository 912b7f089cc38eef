/**
 * @file LARS in the forms of the published methods. Legend: P parameters of a group that have a gradient; norms and rates
 * are vectors [P] that never leave the device.
 */
import {
  _foreachNorm,
  add,
  clampMax,
  div,
  logicalAnd,
  mul,
  narrow,
  stack,
  unbind,
  where,
} from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { demand, type GroupInput, type Parameters, pick } from './groups.js';
import type { Direction } from './momentum.js';
import { type MomentumGroup, MomentumOptimizer } from './momentum-optimizer.js';
import type { Stepped } from './optimizer.js';
import { added, type Rate, times } from './rates.js';

/**
 * How the local rate is formed.
 * - `suave`: of SwAV and Suave (LARC without clipping): d = λ·(g + wd·p), λ = η‖p‖/(‖g‖ + wd‖p‖ + eps); where a norm is 0, d = g.
 * - `paws`: the same rate; groups marked `excluded` take d = g, and the learning rate lies inside the momentum.
 * - `daino`: of DINO's option: d = (g + wd·p)·η‖p‖/‖g + wd·p‖, the factor 1 where a norm is 0; 1-D tensors take d = g.
 */
export type LARSForm = 'suave' | 'paws' | 'daino';

/** A group of LARS. */
export interface LARSGroup extends MomentumGroup {
  /** η, above 0. */
  trustCoefficient: number;
  /** 0 or more. */
  eps: number;
  /** Neither scaled nor decayed. */
  excluded: boolean;
}

/** A group as given by the caller. */
export type LARSGroupInput = GroupInput<LARSGroup>;

/** Options of {@link LARS}; defaults are those of Suave. */
export interface LARSOptions {
  readonly lr: Rate;
  /** μ; default 0.9. With 0 there is no buffer. */
  readonly momentum?: number;
  /** Default 1e-6. */
  readonly weightDecay?: Rate;
  /** η; default 0.001. */
  readonly trustCoefficient?: number;
  /** Default 1e-8; `daino` has none. */
  readonly eps?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
  /** Limits the effective rate to `lr` (LARC): λ ← min(λ/lr, 1). Default false. */
  readonly clip?: boolean;
  /** Takes raw gradients for 1-D tensors (biases, norm weights). Default false; `daino` always does. */
  readonly excludeOneDimensional?: boolean;
  /** Default `suave`. */
  readonly form?: LARSForm;
  /** v ← μ·v − lr·d, p ← p + v instead of p ← p − lr·v. Default: true for `paws`, else false. */
  readonly lrInMomentum?: boolean;
}

/** Layer-wise adaptive rate scaling (You et al., 2017); see {@link LARSForm} for the variants. */
export class LARS extends MomentumOptimizer<LARSGroup> {
  readonly #form: LARSForm;
  readonly #clip: boolean;
  /** Per group and parameter: whether it takes its raw gradient. */
  readonly #excluded: boolean[][] = [];
  readonly #oneDimensional: boolean;

  constructor(params: Parameters<LARSGroup>, options: LARSOptions) {
    const { lr, momentum = 0.9, weightDecay = 1e-6, trustCoefficient = 0.001, eps = 1e-8 } = options;
    const { dampening = 0, nesterov = false, clip = false, excludeOneDimensional = false, form = 'suave' } = options;
    const lrInMomentum = options.lrInMomentum ?? form === 'paws';
    const settings = { lr, weightDecay, momentum, dampening, nesterov, trustCoefficient, eps, excluded: false };
    const { excluded: _, ...own } = settings;
    const further = ['clip', 'excludeOneDimensional', 'form', 'lrInMomentum'];
    checkOptions('LARS', options, [...Object.keys(own), ...further]);
    super(params, settings, lrInMomentum);
    demand(form === 'suave' || !clip, 'LARS', `no clipping in the form ${form}`, 'clip');
    demand(
      form === 'suave' || (dampening === 0 && !nesterov),
      'LARS',
      `no dampening or Nesterov in the form ${form}`,
      'one',
    );
    demand(form !== 'daino' || options.eps === undefined, 'LARS', 'no eps in the form daino', options.eps);
    demand(
      form !== 'daino' || !lrInMomentum,
      'LARS',
      'the learning rate outside the momentum in the form daino',
      'inside',
    );
    this.#form = form;
    this.#clip = clip;
    this.#oneDimensional = excludeOneDimensional || form === 'daino';
  }

  protected override checkSettings(group: LARSGroup, where: string): void {
    super.checkSettings(group, where);
    demand(group.trustCoefficient > 0, where, 'a trust coefficient above 0', group.trustCoefficient);
    demand(group.eps >= 0, where, 'eps of 0 or more', group.eps);
  }

  /** Per parameter of a group: whether it takes its raw gradient. */
  #excludedOf(group: LARSGroup, groupIndex: number): readonly boolean[] {
    this.#excluded[groupIndex] ??= group.params.map(
      (param) => group.excluded || (this.#oneDimensional && param.shape.length === 1),
    );
    return this.#excluded[groupIndex];
  }

  protected stepGroup(group: LARSGroup, groupIndex: number, stepped: Stepped): void {
    const excluded = this.#excludedOf(group, groupIndex);
    const raw: number[] = [];
    const scaled: number[] = [];
    for (let i = 0; i < stepped.indices.length; i++) (excluded[stepped.indices[i]!] ? raw : scaled).push(i);
    if (raw.length > 0) this.momentumStep(group, groupIndex, part(stepped, raw), { gradientScale: null, decay: 0 });
    if (scaled.length === 0) return;
    const rest = part(stepped, scaled);
    if (this.#form === 'daino') this.#stepDaino(group, groupIndex, rest);
    else this.momentumStep(group, groupIndex, rest, this.#direction(group, rest));
  }

  /** λ·g + λ·wd·p, with 1 and 0 in the place of λ and λ·wd where a norm is 0. */
  #direction({ lr, weightDecay, trustCoefficient, eps }: LARSGroup, { params, gradients }: Stepped): Direction {
    const [paramNorms, gradientNorms] = norms(params, gradients);
    const decayed = weightDecay === 0 ? gradientNorms : sum(gradientNorms, paramNorms, weightDecay);
    let rates = div(mul(paramNorms, trustCoefficient), add(decayed, eps));
    if (this.#clip) rates = clampMax(typeof lr === 'number' ? div(rates, lr) : div(rates, lr), 1);
    const usable = logicalAnd(paramNorms, gradientNorms);
    return {
      gradientScale: unbind(where(usable, rates, 1)),
      decay: weightDecay === 0 ? 0 : unbind(times(where(usable, rates, 0), weightDecay)),
    };
  }

  #stepDaino(group: LARSGroup, groupIndex: number, stepped: Stepped): void {
    const { params } = stepped;
    const { weightDecay, trustCoefficient } = group;
    const decayed = weightDecay === 0 ? stepped.gradients : added(stepped.gradients, params, weightDecay);
    const [paramNorms, directionNorms] = norms(params, decayed);
    const rates = div(mul(paramNorms, trustCoefficient), directionNorms);
    const gradientScale = unbind(where(logicalAnd(paramNorms, directionNorms), rates, 1));
    this.momentumStep(group, groupIndex, { ...stepped, gradients: decayed }, { gradientScale, decay: 0 });
  }
}

/** Euclidean norms of two lists of the same length, as two vectors. */
function norms(first: readonly Tensor[], second: readonly Tensor[]): [Tensor, Tensor] {
  const all = stack(_foreachNorm([...first, ...second]));
  return [narrow(all, 0, 0, first.length), narrow(all, 0, first.length, second.length)];
}

/** a + rate·b. */
function sum(a: Tensor, b: Tensor, rate: Rate): Tensor {
  return typeof rate === 'number' ? add(a, b, { alpha: rate }) : add(a, mul(b, rate));
}

function part({ indices, params, gradients }: Stepped, positions: readonly number[]): Stepped {
  return { indices: pick(indices, positions), params: pick(params, positions), gradients: pick(gradients, positions) };
}
