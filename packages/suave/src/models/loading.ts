/**
 * @file Which weights of a checkpoint go where: pure functions on maps of tensors, and a report of what happened.
 * Key layouts: published SwAV files (`projection_head.0/1/3`), Suave files (`projection_head.0.0/0.1/1`), both
 * possibly under `module.` (distributed training) or `state_dict.` (unwrapped training checkpoints).
 */
import { type nn, noGrad, type Tensor } from '@suave/torch';

/** What of a checkpoint is left out on purpose. */
export interface LoadOptions {
  /**
   * Whether to keep the projection head of the file. Suave's pre-training starts a new head (false), its
   * fine-tuning keeps the trained one (true, default).
   */
  readonly projection?: boolean;
  /** Whether to keep the prototypes of the file; a new stage draws them anew (default false). */
  readonly prototypes?: boolean;
}

/** What happened to every key of the file and of the model. */
export interface LoadReport {
  readonly loaded: string[];
  readonly skipped: { readonly key: string; readonly reason: string }[];
  /** Entries of the model that keep their own values. */
  readonly missing: string[];
}

const WRAPPERS = ['state_dict.', 'state_dict/', 'module.'];

/** Removes the wrappers `state_dict.` and `module.` from every key. */
export function unwrapKeys<T>(state: ReadonlyMap<string, T>): Map<string, T> {
  const nested = [...state.keys()].filter((key) => /^state_dict[./]/.test(key));
  const entries = nested.length > 0 ? nested.map((key) => [key, state.get(key)!] as const) : [...state];
  return new Map(
    entries.map(([key, value]) => {
      let name = key;
      for (const wrapper of WRAPPERS) if (name.startsWith(wrapper)) name = name.slice(wrapper.length);
      return [name, value];
    }),
  );
}

/** Whether a (unwrapped) map has SwAV's flat projection head: linears and batch norms counted in one row. */
export function hasSwavProjection(state: ReadonlyMap<string, unknown>): boolean {
  const keys = [...state.keys()];
  if (keys.some((key) => /^projection_head\.\d+\.\d+\./.test(key))) return false;
  return keys.some((key) => key === 'projection_head.weight' || key === 'projection_head.1.running_mean');
}

/**
 * Renames SwAV's projection keys to Suave's: `projection_head.{3j}` → `{j}.0`, `{3j+1}` → `{j}.1`, the last Linear
 * `{3m}` → `{m}`, and a single `projection_head.weight` → `projection_head.0.weight`. Other maps pass unchanged.
 */
export function remapSwavProjection<T>(state: ReadonlyMap<string, T>): Map<string, T> {
  if (!hasSwavProjection(state)) return new Map(state);
  const positions = [...state.keys()].flatMap((key) => {
    const match = /^projection_head\.(\d+)\./.exec(key);
    return match ? [Number(match[1])] : [];
  });
  const last = Math.max(0, ...positions);
  return new Map(
    [...state].map(([key, value]) => {
      const single = /^projection_head\.(weight|bias)$/.exec(key);
      if (single) return [`projection_head.0.${single[1]}`, value];
      const match = /^projection_head\.(\d+)\.(.+)$/.exec(key);
      if (!match) return [key, value];
      const position = Number(match[1]);
      const block = Math.floor(position / 3);
      return [`projection_head.${block}${position === last ? '' : `.${position % 3}`}.${match[2]}`, value];
    }),
  );
}

/** Splits a map by the loading rules into what may be loaded and what is left out, with reasons. */
export function selectWeights<T>(
  state: ReadonlyMap<string, T>,
  options: LoadOptions = {},
): { kept: Map<string, T>; skipped: LoadReport['skipped'] } {
  const kept = new Map<string, T>();
  const skipped: { key: string; reason: string }[] = [];
  for (const [key, value] of remapSwavProjection(unwrapKeys(state))) {
    if (key.startsWith('prototypes') && !options.prototypes) {
      skipped.push({ key, reason: 'prototypes are drawn anew' });
    } else if (key.startsWith('projection_head') && options.projection === false) {
      skipped.push({ key, reason: 'the projection head is drawn anew' });
    } else {
      kept.set(key, value);
    }
  }
  return { kept, skipped };
}

/**
 * Copies the weights of a checkpoint into a model by name; what does not fit is left out and reported, never guessed.
 * @param model  modified in place; dtypes and devices are converted
 * @param state  tensors by key; kept
 */
export function loadWeights(
  model: nn.Module,
  state: ReadonlyMap<string, Tensor>,
  options: LoadOptions = {},
): LoadReport {
  const { kept, skipped } = selectWeights(state, options);
  const own = model.stateDict();
  const loaded: string[] = [];
  noGrad(() => {
    for (const [key, tensor] of kept) {
      const target = own.get(key);
      if (!target) {
        skipped.push({ key, reason: 'the model has no such entry' });
      } else if (target.shape.join() !== tensor.shape.join()) {
        skipped.push({
          key,
          reason: `shape [${tensor.shape.join(', ')}] in the file, [${target.shape.join(', ')}] in the model`,
        });
      } else {
        target.copy_(tensor);
        loaded.push(key);
      }
    }
  });
  const filled = new Set(loaded);
  return { loaded, skipped, missing: [...own.keys()].filter((key) => !filled.has(key)) };
}
