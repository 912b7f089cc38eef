/**
 * @file Optimizers whose step depends on how many steps a parameter took. The counts are numbers of the host; once a step
 * may have been undone on the device, the host cannot know them any more, and they are one vector per group there.
 */
import { _foreachAdd_, cat, ne, rsub, stack, to, unbind } from '../generated/operators.js';
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

/** Base of Adam, AdamW and Adagrad. */
export abstract class CountedOptimizer<G extends ParamGroup> extends OptimizerBase<G> {
  readonly #counts: number[][] = [];
  readonly #onDevice: (DeviceCounts | null)[] = [];

  /**
   * Counts this step for the stepped parameters; where `flag` is set, the device does not.
   * @returns t of each: numbers, or a float64 vector on the device
   */
  protected advance(groupIndex: number, { indices, params }: Stepped, flag: Tensor | null): number[] | Tensor {
    const counts = this.#countsOf(groupIndex);
    let onDevice = this.#onDevice[groupIndex] ?? null;
    if (onDevice === null && flag === null) return indices.map((index) => ++counts[index]!);
    if (onDevice === null) {
      onDevice = deviceCounts(counts, params[0]!.device);
      this.#onDevice[groupIndex] = onDevice;
    }
    const elements = pick(onDevice.elements, indices);
    // What a step that is undone computes is thrown away, so that its t, one too low, does not matter but for t = 0.
    if (flag === null) _foreachAdd_(elements, 1);
    else _foreachAdd_(elements, new Array<Tensor>(elements.length).fill(stepTaken(flag, elements[0]!)));
    return stack(elements);
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
      this.#counts[i] = counts.slice(position, position + params.length);
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
