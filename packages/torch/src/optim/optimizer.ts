/**
 * @file What all optimizers share: parameter groups, absent gradients, state by parameter number, steps that a flag on the
 * device can undo. A step makes the same number of native calls for one parameter and for a thousand.
 */
import { gradientsOf, setGradients } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import { CaptureError } from '../errors.js';
import { _foreachAdd_, _foreachMul, _foreachZero_, copy_ } from '../generated/operators.js';
import { handlesOf } from '../handle-list.js';
import { native } from '../native.js';
import { keep, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import {
  asGroups,
  checkGroup,
  completeGroup,
  demand,
  type GroupInput,
  type Parameters,
  type ParamGroup,
  pick,
  type Settings,
} from './groups.js';
import { checkState, copyOf, groupSettingsOf, loadGroupSettings, type OptimizerStateDict } from './optimizer-state.js';
import { onDevice } from './rates.js';

/** How to take a step. */
export interface StepOptions {
  /**
   * One float32 element: where it is not 0, parameters, state and step counts keep their bits. The decision is made where the
   * flag lives, without waiting for an accelerator; `GradScaler` gives it.
   */
  readonly skip?: Tensor | undefined;
  /**
   * Leave the decision to the operators, as is always done on an accelerator, also where the flag is in the CPU's memory and
   * could be looked at first. SGD, Adam and AdamW use libtorch's fused operators for it where it has them; else the step is taken
   * and undone by the flag, for which parameters and state are copied before. Default false.
   */
  readonly undo?: boolean | undefined;
}

/** What the training step needs of any optimizer. */
export interface Optimizer<G extends ParamGroup = ParamGroup> {
  readonly paramGroups: readonly G[];
  /** Updates all parameters whose gradient is present; the others, with their state, stay as they are. */
  step(options?: StepOptions): void;
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
  readonly params: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

/** Base of the optimizers. The slots name the state tensors of a parameter, as `momentum_buffer`. */
export abstract class OptimizerBase<G extends ParamGroup> implements Optimizer<G> {
  readonly #groups: G[] = [];
  readonly #defaults: Settings<G>;
  readonly #seen = new Set<Tensor>();
  /** Per group: 0 to its number of parameters. */
  readonly #all: (readonly number[])[] = [];
  /** Per slot and group: one tensor per parameter, null before its first step. */
  protected readonly slots: ReadonlyMap<string, (Tensor | null)[][]>;

  protected constructor(params: Parameters<G>, defaults: Settings<G>, slotNames: readonly string[]) {
    this.#defaults = defaults;
    this.slots = new Map(slotNames.map((name) => [name, []]));
    const groups = asGroups<G>(params);
    demand(groups.length > 0, this.constructor.name, 'at least one parameter group', 0);
    for (const group of groups) this.addParamGroup(group);
  }

  /** The groups, whose settings may be set before every step. */
  get paramGroups(): readonly G[] {
    return this.#groups;
  }

  /**
   * Adds parameters, which have no state yet (PyTorch `add_param_group`); settings that are absent are the optimizer's.
   * @throws ArgumentError when a setting does not fit or a parameter is there already; nothing was changed then
   */
  addParamGroup(input: GroupInput<G>): void {
    const group = completeGroup<G>(input, this.#defaults);
    const index = this.#groups.length;
    const where = this.constructor.name;
    const seen = new Set(this.#seen);
    checkGroup(group, index, where, seen);
    this.checkSettings(group, where);
    for (const param of group.params) this.#seen.add(param);
    this.#groups.push(group);
    this.#all.push(group.params.map((_, i) => i));
    for (const groups of this.slots.values()) groups.push(new Array<Tensor | null>(group.params.length).fill(null));
  }

  /** Throws when the settings of a group are out of range. */
  protected abstract checkSettings(group: G, where: string): void;

  /** Updates the parameters of one group that have a gradient; at least one. `flag` is given where the step may be undone. */
  protected abstract stepGroup(group: G, groupIndex: number, stepped: Stepped, flag: Tensor | null): void;

  /**
   * Takes the step by one operator of libtorch, where the group wants that, the operator is there and the tensors suit it.
   * @returns whether it was taken; nothing was changed but counts of steps where not
   */
  protected stepFused(_group: G, _groupIndex: number, _stepped: Stepped, _flag: Tensor | null): boolean {
    return false;
  }

  /** Makes the state that a step of these parameters needs, so that the step makes none. */
  protected abstract prepare(group: G, groupIndex: number, stepped: Stepped): void;

  /** Whether a setting leaves a first step that cannot be undone on the device: then the flag is waited for. */
  protected mustKnow(_group: G): boolean {
    return false;
  }

  step({ skip, undo = false }: StepOptions = {}): void {
    scope(() =>
      noGrad(() => {
        let flag: Tensor | null = skip ?? null;
        if (flag !== null && this.#decidesBefore(flag, undo)) {
          if (native.isCapturing())
            throw new CaptureError(
              `${this.constructor.name}.step: expected settings that a flag on the device can undo in a capture, got dampening. Leave it out.`,
            );
          if (native.flagOnCpu(flag.cpu().handle)) return;
          flag = null;
        }
        for (let i = 0; i < this.#groups.length; i++) {
          const group = this.#groups[i]!;
          const stepped = this.#present(group, i);
          if (stepped === null) continue;
          const taken = this.#withRates(group, stepped.params[0]!);
          if (this.stepFused(taken, i, stepped, flag)) continue;
          if (flag === null) this.stepGroup(taken, i, stepped, null);
          else this.#stepUnless(flag, taken, i, stepped);
        }
      }),
    );
  }

  /** The group, with rates that are tensors ready to calculate with on the device of a parameter. */
  #withRates(group: G, param: Tensor): G {
    const { lr, weightDecay } = group;
    if (typeof lr === 'number' && typeof weightDecay === 'number') return group;
    const where = this.constructor.name;
    return { ...group, lr: onDevice(lr, param, where), weightDecay: onDevice(weightDecay, param, where) };
  }

  #decidesBefore(flag: Tensor, undo: boolean): boolean {
    return (!undo && flag.device === 'cpu') || this.#groups.some((group) => this.mustKnow(group));
  }

  /** The parameters with a gradient, or null where there is none. */
  #present(group: G, groupIndex: number): Stepped | null {
    const gradients = gradientsOf(group.params);
    if (!gradients.includes(null))
      return { indices: this.#all[groupIndex]!, params: group.params, gradients: gradients as Tensor[] };
    const indices: number[] = [];
    for (let i = 0; i < gradients.length; i++) if (gradients[i] !== null) indices.push(i);
    if (indices.length === 0) return null;
    return { indices, params: pick(group.params, indices), gradients: pick(gradients, indices) as Tensor[] };
  }

  /** Takes the step on what it changes, then puts the old bits back where the flag is set. */
  #stepUnless(flag: Tensor, group: G, groupIndex: number, stepped: Stepped): void {
    this.prepare(group, groupIndex, stepped);
    const changed = [...stepped.params];
    for (const groups of this.slots.values())
      for (const tensor of pick(groups[groupIndex]!, stepped.indices)) if (tensor !== null) changed.push(tensor);
    const before = _foreachMul(changed, 1);
    this.stepGroup(group, groupIndex, stepped, flag);
    native.copyWhere(flag.handle, handlesOf(changed), handlesOf(before));
  }

  zeroGrad(): void {
    setGradients([...this.#seen], null);
  }

  /** Keeps new state tensors in a slot. @throws CaptureError in a capture, which would make them anew at every replay */
  protected remember(slot: string, group: number, indices: readonly number[], tensors: readonly Tensor[]): void {
    if (native.isCapturing())
      throw new CaptureError(
        `${this.constructor.name}.step: expected its state before a capture, got the first step of a parameter in one. Take a step, or load a state, before.`,
      );
    const held = this.slots.get(slot)![group]!;
    indices.forEach((index, i) => {
      held[index] = keep(tensors[i]!);
    });
  }

  /** A slot's tensors of the stepped parameters; new ones, of their shapes and dtypes, are filled with `value`. */
  protected slotOf(slot: string, groupIndex: number, { indices, params }: Stepped, value = 0): readonly Tensor[] {
    const held = this.slots.get(slot)![groupIndex]!;
    const wanted = pick(held, indices);
    if (wanted.includes(null)) {
      const fresh = indices.flatMap((index, i) => (held[index] === null ? [i] : []));
      const tensors = _foreachMul(pick(params, fresh), 0);
      _foreachZero_(tensors);
      if (value !== 0) _foreachAdd_(tensors, value);
      this.remember(slot, groupIndex, pick(indices, fresh), tensors);
    }
    return (wanted === held ? held : pick(held, indices)) as readonly Tensor[];
  }

  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    let number = 0;
    for (const [group, { params }] of this.#groups.entries()) {
      for (let index = 0; index < params.length; index++, number++) {
        for (const [slot, groups] of this.slots) {
          const tensor = groups[group]![index];
          if (tensor) state.set(`${number}.${slot}`, tensor);
        }
      }
    }
    return state;
  }

  /**
   * Tensors that are there already keep their memory, so that a captured step goes on with the loaded values.
   * @throws CheckpointError when a name or shape does not fit; nothing was changed then
   */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    const params = this.#groups.flatMap((group) => group.params);
    checkState(`${this.constructor.name}.loadState`, params, [...this.slots.keys()], state);
    scope(() =>
      noGrad(() => {
        let number = 0;
        for (const [group, { params }] of this.#groups.entries()) {
          for (const [index, param] of params.entries()) {
            for (const [slot, groups] of this.slots) {
              const tensors = groups[group]!;
              tensors[index] = takeOver(tensors[index] ?? null, state.get(`${number}.${slot}`), param);
            }
            number++;
          }
        }
      }),
    );
  }

  /** The state, and the settings of the groups with parameters as numbers (PyTorch `state_dict`). */
  stateDict(): OptimizerStateDict {
    return { state: this.state(), paramGroups: groupSettingsOf(this.#groups) };
  }

  /**
   * Takes over state and settings (PyTorch `load_state_dict`).
   * @throws CheckpointError when groups, names or shapes do not fit; nothing was changed then
   */
  loadStateDict({ state, paramGroups }: OptimizerStateDict): void {
    const apply = loadGroupSettings(`${this.constructor.name}.loadStateDict`, this.#groups, paramGroups);
    this.loadState(state);
    apply();
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

/** The state tensor of a parameter after loading `source`: the same memory where there was some. */
function takeOver(held: Tensor | null, source: Tensor | undefined, param: Tensor): Tensor | null {
  if (source === undefined) {
    held?.dispose();
    return null;
  }
  if (held === null) return keep(copyOf(source, param));
  copy_(held, source);
  return held;
}
