/** @file Saved state of optimizers: what fits, copies of its tensors, and the settings of the groups. */
import { copy_, detach, emptyLike } from '../generated/operators.js';
import { CheckpointError, listKeys } from '../serialization/checkpoint-error.js';
import { Tensor } from '../tensor.js';
import type { ParamGroup } from './groups.js';

/** State and settings of an optimizer; everything but the tensors can be written as JSON. */
export interface OptimizerStateDict {
  /** By `<number of the parameter>.<name>`, counted over all groups. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Settings of each group; `params` holds the numbers of its parameters. */
  readonly paramGroups: readonly SavedGroup[];
}

/** The settings of a group. */
export interface SavedGroup {
  readonly params: readonly number[];
  readonly [setting: string]: unknown;
}

/** @throws CheckpointError when a name is unknown or a shape is not the parameter's */
export function checkState(
  where: string,
  params: readonly Tensor[],
  slots: readonly string[],
  state: ReadonlyMap<string, Tensor>,
): void {
  const known = new Set<string>();
  const misfits: string[] = [];
  for (const [number, param] of params.entries()) {
    const expected = param.shape;
    for (const slot of slots) {
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
      `${where}: expected the state of ${params.length} parameters, got unknown names: ${listKeys(unexpected)}. Load the state of the same optimizer and model.`,
      { unexpected },
    );
  if (misfits.length > 0)
    throw new CheckpointError(
      'ERR_CHECKPOINT_SHAPE',
      `${where}: expected the parameters' shapes, got other ones: ${listKeys(misfits)}. Load the state of the same model.`,
    );
}

/** A copy of a state tensor, of the parameter's dtype and strides on its device. */
export function copyOf(source: Tensor, param: Tensor): Tensor {
  const target = emptyLike(detach(param));
  copy_(target, source);
  return target;
}

/** The settings of groups, their parameters as numbers, and rates that are tensors read back as numbers. */
export function groupSettingsOf(groups: readonly ParamGroup[]): SavedGroup[] {
  let number = 0;
  return groups.map(({ params, ...settings }) => ({
    ...Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, value instanceof Tensor ? value.item() : value]),
    ),
    params: params.map(() => number++),
  }));
}

/**
 * Checks saved settings against groups.
 * @returns sets them
 * @throws CheckpointError when the groups have other numbers of parameters
 */
export function loadGroupSettings(
  where: string,
  groups: readonly ParamGroup[],
  saved: readonly SavedGroup[],
): () => void {
  const own = groups.map((group) => group.params.length);
  const got = saved.map((group) => group.params.length);
  if (own.length !== got.length || own.some((count, i) => count !== got[i]))
    throw new CheckpointError(
      'ERR_CHECKPOINT_KEYS',
      `${where}: expected groups of ${own.join(', ')} parameters, got ${got.join(', ')}. Load the state of the same optimizer and model.`,
    );
  return () => {
    for (const [i, { params: _, ...settings }] of saved.entries()) {
      const own = groups[i]! as unknown as Record<string, unknown>;
      for (const [name, value] of Object.entries(settings)) {
        const before = own[name];
        if (before instanceof Tensor && typeof value === 'number') before.fill_(value);
        else own[name] = value;
      }
    }
  };
}
