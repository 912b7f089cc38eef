/** @file Parameter groups: what a caller gives, what an optimizer holds, and how it is checked. */
import { ArgumentError } from '../errors.js';
import { Tensor } from '../tensor.js';
import { describeRate, isRate, type Rate } from './rates.js';

/** Parameters that share their settings; every setting may be changed before any step. */
export interface ParamGroup {
  /** Leaves that the optimizer updates in place; their order is the order of the state. */
  readonly params: readonly Tensor[];
  /** Learning rate, 0 or more; a tensor where a captured step must take another one at every replay. */
  lr: Rate;
  /** 0 or more; L2 or decoupled, as the optimizer says; a tensor as `lr`. */
  weightDecay: Rate;
}

/** The settings of a kind of group, without its parameters. */
export type Settings<G extends ParamGroup> = Omit<G, 'params'>;

/** A group as given by the caller; what is absent comes from the optimizer's options. */
export type GroupInput<G extends ParamGroup> = { readonly params: readonly Tensor[] } & {
  readonly [K in keyof Settings<G>]?: G[K] | undefined;
};

/** A group of any optimizer as given by the caller. */
export type ParamGroupInput = GroupInput<ParamGroup>;

/** What an optimizer is made of: a list of parameters, or groups of them. */
export type Parameters<G extends ParamGroup> = readonly Tensor[] | readonly GroupInput<G>[];

/** Throws an ArgumentError unless `holds`, as `LARS: expected <expected>, got <got>.` */
export function demand(holds: boolean, where: string, expected: string, got: unknown): void {
  if (!holds) throw new ArgumentError(`${where}: expected ${expected}, got ${String(got)}. Change the option.`);
}

/** A group with the optimizer's defaults filled in. */
export function completeGroup<G extends ParamGroup>(input: GroupInput<G>, defaults: Settings<G>): G {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given, params: [...input.params] } as unknown as G;
}

/** A plain list of parameters as one group; groups as they are. */
export function asGroups<G extends ParamGroup>(params: Parameters<G>): readonly GroupInput<G>[] {
  if (isGroups(params)) return params;
  return [{ params }] as unknown as readonly GroupInput<G>[];
}

function isGroups<G extends ParamGroup>(params: Parameters<G>): params is readonly GroupInput<G>[] {
  return params.length > 0 && 'params' in params[0]!;
}

function demandRate(rate: Rate, name: string, index: number, where: string): void {
  const kinds = rate instanceof Tensor ? ', or a float32 or float64 tensor of no dimensions,' : '';
  demand(isRate(rate), where, `a ${name} of 0 or more${kinds} in group ${index}`, describeRate(rate));
}

/** Checks what every group must hold; `seen` are the parameters of the groups before it. */
export function checkGroup(group: ParamGroup, index: number, where: string, seen: Set<Tensor>): void {
  demand(group.params.length > 0, where, `parameters in group ${index}`, 'none');
  demandRate(group.lr, 'learning rate', index, where);
  demandRate(group.weightDecay, 'weight decay', index, where);
  for (const param of group.params) {
    demand(!seen.has(param), where, 'every parameter once', 'one twice');
    seen.add(param);
  }
}

/** Picks what `indices` name, which rise; all of them are the list itself. */
export function pick<T>(values: readonly T[], indices: readonly number[]): readonly T[] {
  return indices.length === values.length ? values : indices.map((index) => values[index]!);
}
