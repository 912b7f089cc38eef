/**
 * @file What all optimizers share: parameter groups, absent gradients, state by parameter number. A step makes the same
 * number of native calls for one parameter and for a thousand.
 */
import { gradientsOf, setGradients } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import { copy_, empty } from '../generated/operators.js';
import { keep, scope } from '../scope.js';
import { CheckpointError, listKeys } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';

/** Parameters that share their settings; `lr` and `weightDecay` may be set before every step. */
export interface ParamGroup {
  /** Leaves that the optimizer updates in place; their order is the order of the state. */
  readonly params: readonly Tensor[];
  lr: number;
  weightDecay: number;
}

/** A group as given by the caller; what is absent comes from the optimizer's options. */
export interface ParamGroupInput {
  readonly params: readonly Tensor[];
  readonly lr?: number;
  readonly weightDecay?: number;
}

/** What the training step needs of any optimizer. */
export interface Optimizer<G extends ParamGroup = ParamGroup> {
  readonly paramGroups: readonly G[];
  /** Updates all parameters whose gradient is present; the others, with their state, stay as they are. */
  step(): void;
  /** Makes all gradients absent. */
  zeroGrad(): void;
  /** Live state tensors by name, for a checkpoint; a parameter that was never stepped has none. */
  state(): Map<string, Tensor>;
  /** Replaces the state by copies of `state`'s tensors. */
  loadState(state: ReadonlyMap<string, Tensor>): void;
  /** Frees the state; the parameters are not the optimizer's. */
  dispose(): void;
}

/** The parameters of one group that have a gradient, with their positions in the group. */
export interface Stepped {
  readonly indices: readonly number[];
  readonly params: Tensor[];
  readonly gradients: Tensor[];
}

/** Picks what `indices` name. */
export function pick<T>(values: readonly T[], indices: readonly number[]): T[] {
  return indices.map((index) => values[index]!);
}

/** Throws a RangeError unless `holds`, as `LARS: expected <expected>, got <got>.` */
export function demand(holds: boolean, where: string, expected: string, got: unknown): void {
  if (!holds) throw new RangeError(`${where}: expected ${expected}, got ${String(got)}. Change the option.`);
}

/** Base of the optimizers. `Slots` names the state tensors of a parameter, as `momentum_buffer`. */
export abstract class OptimizerBase<G extends ParamGroup> implements Optimizer<G> {
  readonly paramGroups: readonly G[];
  /** Per slot and group: one tensor per parameter, null before its first step. */
  protected readonly slots: ReadonlyMap<string, (Tensor | null)[][]>;

  protected constructor(groups: readonly G[], slotNames: readonly string[]) {
    const where = new.target.name;
    const seen = new Set<Tensor>();
    demand(groups.length > 0, where, 'at least one parameter group', 0);
    for (const [i, group] of groups.entries()) {
      demand(group.params.length > 0, where, `parameters in group ${i}`, 'none');
      demand(group.lr >= 0, where, `a learning rate of 0 or more in group ${i}`, group.lr);
      demand(group.weightDecay >= 0, where, `a weight decay of 0 or more in group ${i}`, group.weightDecay);
      for (const param of group.params) {
        demand(!seen.has(param), where, 'every parameter once', 'one twice');
        seen.add(param);
      }
    }
    this.paramGroups = groups;
    this.slots = new Map(
      slotNames.map((name) => [name, groups.map((group) => new Array<Tensor | null>(group.params.length).fill(null))]),
    );
  }

  step(): void {
    scope(() =>
      noGrad(() => {
        for (const [i, group] of this.paramGroups.entries()) {
          const gradients = gradientsOf(group.params);
          const indices = gradients.flatMap((gradient, index) => (gradient === null ? [] : [index]));
          if (indices.length === 0) continue;
          const params = pick(group.params, indices);
          this.stepGroup(group, i, { indices, params, gradients: pick(gradients, indices) as Tensor[] });
        }
      }),
    );
  }

  /** Updates the parameters of one group that have a gradient; at least one. */
  protected abstract stepGroup(group: G, groupIndex: number, stepped: Stepped): void;

  zeroGrad(): void {
    setGradients(
      this.paramGroups.flatMap((group) => [...group.params]),
      null,
    );
  }

  /** Positions of all parameters: group, position in it, and number over all groups. */
  protected *positions(): Generator<{ group: number; index: number; number: number }> {
    let number = 0;
    for (const [group, { params }] of this.paramGroups.entries())
      for (let index = 0; index < params.length; index++) yield { group, index, number: number++ };
  }

  /** Keeps new state tensors in a slot. */
  protected remember(slot: string, group: number, indices: readonly number[], tensors: readonly Tensor[]): void {
    const held = this.slots.get(slot)![group]!;
    indices.forEach((index, i) => {
      held[index] = keep(tensors[i]!);
    });
  }

  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const { group, index, number } of this.positions()) {
      for (const [slot, groups] of this.slots) {
        const tensor = groups[group]![index];
        if (tensor) state.set(`${number}.${slot}`, tensor);
      }
    }
    return state;
  }

  /** @throws CheckpointError when a name or shape does not fit; nothing was changed then */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    const where = `${this.constructor.name}.loadState`;
    const known = new Set<string>();
    const misfits: string[] = [];
    for (const { group, index, number } of this.positions()) {
      const expected = this.paramGroups[group]!.params[index]!.shape;
      for (const slot of this.slots.keys()) {
        const key = `${number}.${slot}`;
        known.add(key);
        const got = state.get(key)?.shape;
        if (got && (got.length !== expected.length || got.some((size, i) => size !== expected[i])))
          misfits.push(`${key} [${expected.join(', ')}] from [${got.join(', ')}]`);
      }
    }
    const unexpected = [...state.keys()].filter((key) => !known.has(key));
    if (unexpected.length > 0)
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `${where}: expected the state of ${known.size / this.slots.size} parameters, got unknown names: ${listKeys(unexpected)}. Load the state of the same optimizer and model.`,
        { unexpected },
      );
    if (misfits.length > 0)
      throw new CheckpointError(
        'ERR_CHECKPOINT_SHAPE',
        `${where}: expected the parameters' shapes, got other ones: ${listKeys(misfits)}. Load the state of the same model.`,
      );
    this.dispose();
    scope(() =>
      noGrad(() => {
        for (const { group, index, number } of this.positions()) {
          const param = this.paramGroups[group]!.params[index]!;
          for (const [slot, groups] of this.slots) {
            const source = state.get(`${number}.${slot}`);
            if (source === undefined) continue;
            const target = empty(param.shape, { dtype: param.dtype, device: param.device });
            copy_(target, source);
            groups[group]![index] = keep(target);
          }
        }
      }),
    );
  }

  dispose(): void {
    for (const groups of this.slots.values()) {
      for (const tensors of groups) {
        for (const tensor of tensors) tensor?.dispose();
        tensors.fill(null);
      }
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Groups with the optimizer's defaults filled in; a plain list of parameters becomes one group. */
export function completeGroups<G extends ParamGroupInput>(
  params: readonly Tensor[] | readonly G[],
  defaults: { lr: number; weightDecay: number },
): (G & ParamGroup)[] {
  const groups = isGroups(params) ? params : [{ params } as G];
  return groups.map((group) => ({
    ...group,
    params: [...group.params],
    lr: group.lr ?? defaults.lr,
    weightDecay: group.weightDecay ?? defaults.weightDecay,
  }));
}

function isGroups<G extends ParamGroupInput>(params: readonly Tensor[] | readonly G[]): params is readonly G[] {
  return params.length > 0 && 'params' in params[0]!;
}
