/**
 * @file Optimizers whose step depends on how many steps a parameter took. The counts are numbers of the host; once a step
 * may have been undone on the device, the host cannot know them any more, and they are one vector per group there.
 */
import { noGrad } from '../autograd/index.js';
import { CaptureError } from '../errors.js';
import { _foreachAdd_, cat, copy_, ne, rsub, stack, to, unbind } from '../generated/operators.js';
import { native } from '../native.js';
import { keep, scope } from '../scope.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';
import { type ParamGroup, pick } from './groups.js';
import { OptimizerBase, type Stepped } from './optimizer.js';

/** The name of the counts in the state. */
export const STEPS = 'steps';

/** Counts of a group on the device: a float64 vector, and its elements as tensors that share its memory. */
interface DeviceCounts {
  readonly vector: Tensor;
  readonly elements: readonly Tensor[];
}

/** A group of an optimizer that counts steps. */
export interface CountedGroup extends ParamGroup {
  /**
   * Counts steps on the device from the first one, so that a step may be captured in a CUDA graph and counts at every replay
   * (PyTorch's `capturable`); a count of the host would stay that of the capture. Take a step before the capture: it makes the
   * state. Steps of all parameters of a group together are counted as one; a captured step goes on only from states like its own.
   */
  capturable: boolean;
}

/** Base of Adam, AdamW and Adagrad. */
export abstract class CountedOptimizer<G extends CountedGroup> extends OptimizerBase<G> {
  /** Numbers of the host, out of date once counts are on the device. */
  readonly #counts: number[][] = [];
  readonly #onDevice: (DeviceCounts | null)[] = [];
  /** Per group: the parameters whose equal counts have moved together, null where there are others; undefined before a step. */
  readonly #together: (readonly number[] | null | undefined)[] = [];

  /**
   * Counts this step for the stepped parameters; where `flag` is set, the device does not.
   * @returns t of each: numbers, or a float64 vector on the device, or one float64 there for all
   * @throws CaptureError when a capture would keep a count of the host
   */
  protected advance(
    { capturable }: G,
    groupIndex: number,
    { indices, params }: Stepped,
    flag: Tensor | null,
  ): number[] | Tensor {
    const counts = this.#countsOf(groupIndex);
    let onDevice = this.#onDevice[groupIndex] ?? null;
    if (onDevice === null && native.isCapturing())
      throw new CaptureError(
        `${this.constructor.name}.step: expected counts on the device in a capture, got counts of the host. Set capturable: true, and take a step before the capture.`,
      );
    if (onDevice === null && flag === null && !capturable) return indices.map((index) => ++counts[index]!);
    if (onDevice === null) {
      onDevice = deviceCounts(counts, params[0]!.device);
      this.#onDevice[groupIndex] = onDevice;
    }
    const together = this.#moveTogether(groupIndex, indices);
    const elements = pick(onDevice.elements, indices);
    // What a step that is undone computes is thrown away, so that its t, one too low, does not matter but for t = 0.
    if (flag === null) _foreachAdd_(elements, 1);
    else _foreachAdd_(elements, new Array<Tensor>(elements.length).fill(stepTaken(flag, elements[0]!)));
    return together ? elements[0]! : stack(elements);
  }

  /** Whether the counts of these parameters are equal: they were, and no step was without one of them. */
  #moveTogether(groupIndex: number, indices: readonly number[]): boolean {
    const before = this.#together[groupIndex];
    if (before === indices) return true;
    if (before === undefined) {
      const counts = this.#countsOf(groupIndex);
      const equal = indices.every((index) => counts[index] === counts[indices[0]!]);
      this.#together[groupIndex] = equal ? indices : null;
    } else if (before?.length !== indices.length || indices.some((index, i) => index !== before[i])) {
      this.#together[groupIndex] = null;
    }
    return this.#together[groupIndex] !== null;
  }

  #countsOf(groupIndex: number): number[] {
    this.#counts[groupIndex] ??= new Array<number>(this.paramGroups[groupIndex]!.params.length).fill(0);
    return this.#counts[groupIndex];
  }

  /** The state tensors, and `steps`: a new int64 vector with the step count of every parameter; reading counts of a device waits for it. */
  override state(): Map<string, Tensor> {
    const state = super.state();
    const steps = scope(() =>
      cat(
        this.paramGroups.map((_, i) => {
          const onDevice = this.#onDevice[i];
          if (onDevice) return to(onDevice.vector.cpu(), 'int64');
          const counts = BigInt64Array.from(this.#countsOf(i), (count) => BigInt(count));
          return fromTypedArray(counts, [counts.length]) as Tensor;
        }),
      ),
    );
    return state.set(STEPS, steps);
  }

  override loadState(state: ReadonlyMap<string, Tensor>): void {
    const where = `${this.constructor.name}.loadState`;
    const total = this.paramGroups.reduce((sum, group) => sum + group.params.length, 0);
    const stored = state.get(STEPS);
    if (stored === undefined || stored.numel !== total)
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `${where}: expected "steps" with one count for each of ${total} parameters, got ${stored ? stored.numel : 'none'}. Load the state of the same optimizer and model.`,
        { missing: stored ? [] : [STEPS] },
      );
    const tensors = new Map(state);
    tensors.delete(STEPS);
    const counts = Array.from(stored.data() as ArrayLike<number | bigint>, Number);
    super.loadState(tensors);
    let position = 0;
    for (const [i, { params }] of this.paramGroups.entries()) {
      const own = counts.slice(position, position + params.length);
      this.#counts[i] = own;
      this.#together[i] = undefined;
      const onDevice = this.#onDevice[i];
      if (onDevice)
        scope(() => noGrad(() => copy_(onDevice.vector, fromTypedArray(Float64Array.from(own), [own.length]))));
      position += params.length;
    }
  }

  /** Frees the state; the parameters stay. */
  override dispose(): void {
    super.dispose();
    this.#counts.length = 0;
    for (const counts of this.#onDevice)
      for (const tensor of counts ? [counts.vector, ...counts.elements] : []) tensor.dispose();
    this.#onDevice.length = 0;
    this.#together.length = 0;
  }
}

function deviceCounts(counts: readonly number[], device: string): DeviceCounts {
  const vector = keep(fromTypedArray(Float64Array.from(counts), [counts.length], { device }));
  return { vector, elements: unbind(vector).map(keep) };
}

/** 1 where the flag is 0, else 0; float64 on the device of `like`. */
function stepTaken(flag: Tensor, like: Tensor): Tensor {
  return rsub(to(ne(flag, 0), like), 1);
}
