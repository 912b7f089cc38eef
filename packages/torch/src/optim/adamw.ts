/** @file AdamW: Adam with decoupled weight decay. */
import {
  _foreachAdd_,
  _foreachAddcdiv_,
  _foreachAddcmul_,
  _foreachMul,
  _foreachMul_,
  _foreachSqrt,
} from '../generated/operators.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import { fromTypedArray, type Tensor } from '../tensor.js';
import {
  completeGroups,
  demand,
  OptimizerBase,
  type ParamGroup,
  type ParamGroupInput,
  pick,
  type Stepped,
} from './optimizer.js';

/** Options of {@link AdamW}; defaults are PyTorch's. */
export interface AdamWOptions {
  /** Default 0.001. */
  readonly lr?: number;
  /** Decay of the two moments; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
}

const FIRST = 'exp_avg';
const SECOND = 'exp_avg_sq';
const STEPS = 'steps';

/**
 * AdamW (Loshchilov and Hutter, 2019): p ← p·(1 − lr·wd); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
 * p ← p − lr·(m/(1 − β₁ᵗ)) / (√v/√(1 − β₂ᵗ) + eps), t counted per parameter: an absent gradient is no step.
 */
export class AdamW extends OptimizerBase<ParamGroup> {
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #steps: number[][];

  constructor(params: readonly Tensor[] | readonly ParamGroupInput[], options: AdamWOptions = {}) {
    const { lr = 0.001, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options;
    super(completeGroups(params, { lr, weightDecay }), [FIRST, SECOND]);
    for (const beta of betas) demand(beta >= 0 && beta < 1, 'AdamW', 'betas from 0 up to below 1', beta);
    demand(eps >= 0, 'AdamW', 'eps of 0 or more', eps);
    this.#betas = [betas[0], betas[1]];
    this.#eps = eps;
    this.#steps = this.paramGroups.map((group) => new Array<number>(group.params.length).fill(0));
  }

  protected stepGroup(
    { lr, weightDecay }: ParamGroup,
    groupIndex: number,
    { indices, params, gradients }: Stepped,
  ): void {
    const [beta1, beta2] = this.#betas;
    const firsts = this.slots.get(FIRST)![groupIndex]!;
    const fresh = indices.flatMap((index, i) => (firsts[index] === null ? [i] : []));
    if (fresh.length > 0) {
      const freshIndices = pick(indices, fresh);
      for (const slot of [FIRST, SECOND])
        this.remember(slot, groupIndex, freshIndices, _foreachMul(pick(params, fresh), 0));
    }
    const first = pick(firsts, indices) as Tensor[];
    const second = pick(this.slots.get(SECOND)![groupIndex]!, indices) as Tensor[];
    const steps = this.#steps[groupIndex]!;
    // √v/√c₂ + eps = (√v + eps·√c₂)/√c₂: the correction moves into the scalars, one per parameter.
    const epsilons: number[] = [];
    const rates: number[] = [];
    for (const index of indices) {
      const t = ++steps[index]!;
      const correction = Math.sqrt(1 - beta2 ** t);
      epsilons.push(this.#eps * correction);
      rates.push((-lr * correction) / (1 - beta1 ** t));
    }
    if (weightDecay !== 0) _foreachMul_(params, 1 - lr * weightDecay);
    _foreachMul_(first, beta1);
    _foreachAdd_(first, gradients, { alpha: 1 - beta1 });
    _foreachMul_(second, beta2);
    _foreachAddcmul_(second, gradients, gradients, { value: 1 - beta2 });
    const denominators = _foreachSqrt(second);
    _foreachAdd_(denominators, epsilons);
    _foreachAddcdiv_(params, first, denominators, rates);
  }

  /** The moments, and `steps`: a new int64 vector with the step count of every parameter. */
  override state(): Map<string, Tensor> {
    const state = super.state();
    const steps = BigInt64Array.from(this.#steps.flat(), (count) => BigInt(count));
    state.set(STEPS, fromTypedArray(steps, [steps.length], { dtype: 'int64' }));
    return state;
  }

  override loadState(state: ReadonlyMap<string, Tensor>): void {
    const total = this.#steps.reduce((sum, counts) => sum + counts.length, 0);
    const stored = state.get(STEPS);
    if (stored === undefined || stored.numel !== total)
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `AdamW.loadState: expected "steps" with one count for each of ${total} parameters, got ${stored ? stored.numel : 'none'}. Load the state of the same optimizer and model.`,
        { missing: stored ? [] : [STEPS] },
      );
    const moments = new Map(state);
    moments.delete(STEPS);
    const counts = Array.from(stored.data() as ArrayLike<number | bigint>, Number);
    super.loadState(moments);
    let position = 0;
    for (const steps of this.#steps) for (let i = 0; i < steps.length; i++) steps[i] = counts[position++]!;
  }

  override dispose(): void {
    super.dispose();
    for (const steps of this.#steps) steps.fill(0);
  }
}
