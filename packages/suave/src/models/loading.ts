/**
 * @file Weights of a checkpoint into a network: what fits is copied by name, everything is reported, nothing is guessed.
 * A backbone finds its place with and without the prefix `backbone.`, a SwAV head under either of its names.
 */
import { cat, type nn, noGrad, scope, type Tensor, upsampleBicubic2d } from '@suave/torch';
import { listNames } from '../errors.js';
import { isBackboneKey, isCounted } from './backbone-keys.js';
import { type SkippedKey, stripWrappers } from './checkpoint-layouts.js';
import { remapSwavProjection } from './swav-keys.js';

/** What of a checkpoint is left out on purpose. */
export interface LoadOptions {
  /**
   * Whether to keep the heads of the file. Suave's and Daino's pre-training start a new head (false), fine-tuning keeps
   * the trained one (true, default).
   */
  readonly projection?: boolean;
  /** Whether to keep the prototypes, or DINO's last layer, of the file; a new stage draws them anew (default false). */
  readonly prototypes?: boolean;
}

/** How much of a model's backbone a checkpoint filled; counters of batch norms do not count. */
export interface BackboneShare {
  readonly loaded: number;
  readonly total: number;
  /** The smaller of the shares of entries and of numbers, from 0 to 1; 1 for a model without a backbone. */
  readonly share: number;
}

/** What happened to every key of the file and of the model. */
export interface LoadReport {
  readonly loaded: string[];
  /** Loaded entries that had to be changed, and how. */
  readonly adapted: { readonly key: string; readonly how: string }[];
  readonly skipped: SkippedKey[];
  /** Entries of the model that keep their own values. */
  readonly missing: string[];
  readonly backbone: BackboneShare;
}

/** A load that fills less of the backbone than this is an error unless it is allowed. */
export const leastBackboneShare = 0.9;

/** Removes the wrappers `state_dict.` and `module.` from every key; with `state_dict.` only what it holds is kept. */
export function unwrapKeys<T>(state: ReadonlyMap<string, T>): Map<string, T> {
  const nested = [...state].filter(([key]) => key.startsWith('state_dict.'));
  return new Map((nested.length > 0 ? nested : [...state]).map(([key, value]) => [stripWrappers(key), value]));
}

/** A backbone's key without the prefix that DINO's networks have; other keys unchanged. */
function bareKey(key: string): string {
  const inner = key.startsWith('backbone.') ? key.slice('backbone.'.length) : key;
  return isBackboneKey(inner) ? inner : key;
}

/** Splits a map by the loading rules into what may be loaded, under bare keys, and what is left out, with reasons. */
export function selectWeights<T>(
  state: ReadonlyMap<string, T>,
  options: LoadOptions = {},
): { kept: Map<string, T>; skipped: SkippedKey[] } {
  const kept = new Map<string, T>();
  const skipped: SkippedKey[] = [];
  for (const [key, value] of remapSwavProjection(unwrapKeys(state))) {
    const name = bareKey(key);
    if (/^(?:prototypes|head\.last_layer)\b/.test(name) && !options.prototypes) {
      skipped.push({ key, reason: 'prototypes are drawn anew' });
    } else if (options.projection === false && !isBackboneKey(name)) {
      skipped.push({ key, reason: 'the head is drawn anew' });
    } else {
      kept.set(name, value);
    }
  }
  return { kept, skipped };
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** Rows and columns of a square grid of patches behind a class token, null where there is none. */
function gridOf([batch, tokens]: readonly number[]): number | null {
  const side = Math.sqrt((tokens ?? 0) - 1);
  return batch === 1 && side >= 1 && Number.isInteger(side) ? side : null;
}

/**
 * A position encoding [1, 1 + g², C] for a grid of another size, resampled as a transformer does it for images of
 * another size (specification 5.3: bicubic, scale (n + 0.1) / g); the class token's stays.
 * @returns null where one of the shapes is no square grid
 */
function resampledPositions(stored: Tensor, target: readonly number[]): Tensor | null {
  const [from, to] = [gridOf(stored.shape), gridOf(target)];
  if (from === null || to === null || stored.shape[2] !== target[2]) return null;
  const channels = target[2]!;
  return scope(() => {
    const wide = stored.to('float32');
    const grid_1CHW = wide
      .narrow(1, 1, from * from)
      .reshape([1, from, from, channels])
      .permute([0, 3, 1, 2]);
    const scale = (to + 0.1) / from;
    const resampled = upsampleBicubic2d(grid_1CHW, [to, to], false, { scalesH: scale, scalesW: scale });
    const patches_1TC = resampled.permute([0, 2, 3, 1]).reshape([1, to * to, channels]);
    return cat([wide.narrow(1, 0, 1), patches_1TC], { dim: 1 });
  });
}

function backboneShare(own: ReadonlyMap<string, Tensor>, filled: ReadonlySet<string>): BackboneShare {
  const counted = [...own].filter(([key]) => isBackboneKey(bareKey(key)) && isCounted(key));
  const numbers = (entries: typeof counted) => entries.reduce((sum, [, tensor]) => sum + tensor.numel, 0);
  const loaded = counted.filter(([key]) => filled.has(key));
  const share = counted.length === 0 ? 1 : Math.min(loaded.length / counted.length, numbers(loaded) / numbers(counted));
  return { loaded: loaded.length, total: counted.length, share };
}

/**
 * Copies the weights of a checkpoint into a model by name; what does not fit is left out and reported. A position
 * encoding of another grid is resampled.
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
  const places = new Map([...own.keys()].map((key) => [bareKey(key), key]));
  const loaded: string[] = [];
  const adapted: { key: string; how: string }[] = [];
  noGrad(() => {
    for (const [name, tensor] of kept) {
      const key = places.get(name) ?? name;
      const target = own.get(key);
      if (target === undefined) {
        skipped.push({ key, reason: 'the model has no such entry' });
        continue;
      }
      const isSame = target.shape.join() === tensor.shape.join();
      scope(() => {
        const fitting = isSame ? tensor : name === 'pos_embed' ? resampledPositions(tensor, target.shape) : null;
        if (fitting === null) {
          const reason = `shape ${shapeText(tensor.shape)} in the file, ${shapeText(target.shape)} in the model`;
          skipped.push({ key, reason });
          return;
        }
        target.copy_(fitting);
        loaded.push(key);
        if (!isSame)
          adapted.push({ key, how: `resampled from ${shapeText(tensor.shape)} to ${shapeText(target.shape)}` });
      });
    }
  });
  const filled = new Set(loaded);
  const missing = [...own.keys()].filter((key) => !filled.has(key));
  return { loaded, adapted, skipped, missing, backbone: backboneShare(own, filled) };
}

/** Skipped keys by reason, most frequent first: `2 not part of the chosen network (/a, /b)`. */
export function groupedReasons(skipped: readonly SkippedKey[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { key, reason } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), key]);
  return [...byReason]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, keys]) => `${keys.length} ${reason} (${listNames(keys, 2)})`);
}

/** A load in one sentence: what arrived, what was changed, what was left out and why. */
export function loadSummary({ loaded, adapted, skipped, backbone }: LoadReport): string {
  const percent = Math.floor(1000 * backbone.share) / 10;
  const parts = [
    `${loaded.length} entries loaded (${backbone.loaded} of the backbone's ${backbone.total}, ${percent} %)`,
  ];
  for (const { key, how } of adapted) parts.push(`${key} ${how}`);
  if (skipped.length > 0) parts.push(`${skipped.length} skipped: ${groupedReasons(skipped).join(', ')}`);
  return parts.join('; ');
}
