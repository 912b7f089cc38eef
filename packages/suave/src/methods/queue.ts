/**
 * @file The queue of past embeddings that makes small batches look large to Sinkhorn-Knopp.
 * Shapes: A assignment crops, R rows per crop on this rank, D embedding, B images of a step.
 */
import { cat, keep, noGrad, scope, type Tensor, tensor, zeros } from '@suave/torch';
import { CheckpointError } from '../errors.js';

/** Size and type of an `AssignmentQueue`. */
export interface QueueShape {
  readonly crops: number;
  readonly rows: number;
  readonly dim: number;
  readonly dtype: 'float32' | 'float64';
  readonly device?: string;
}

/**
 * Rows per rank of a queue of `length` embeddings over all ranks: reduced to a multiple of the global batch so that it
 * fills after a whole number of steps; 0 when the batch is larger than the queue.
 */
export function queueRows(length: number, batch: number, worldSize: number): number {
  return (length - (length % (batch * worldSize))) / worldSize;
}

/** Embeddings of earlier steps, newest first, one queue per assignment crop; used only once it is full. */
export class AssignmentQueue {
  readonly #values: Tensor;
  #filled = 0;

  constructor(shape: QueueShape) {
    const { crops, rows, dim, dtype, device } = shape;
    this.#values = keep(zeros([crops, rows, dim], { dtype, ...(device ? { device } : {}) }));
  }

  /** The live storage [A, R, D]; owned by the queue. */
  get values(): Tensor {
    return this.#values;
  }

  /** Rows of each crop that hold embeddings. */
  get filled(): number {
    return this.#filled;
  }

  get isFull(): boolean {
    return this.#filled === this.#values.shape[1];
  }

  /** Past embeddings [R, D] of one crop: a view of the storage. */
  rows(crop: number): Tensor {
    return this.#values.select(0, crop);
  }

  /**
   * Puts the embeddings of a step in front and drops the oldest.
   * @param embeddings  one [B, D] per crop, detached
   */
  push(embeddings: readonly Tensor[]): void {
    const rows = this.#values.shape[1];
    noGrad(() =>
      scope(() => {
        for (const [crop, newest] of embeddings.entries()) {
          const past = this.rows(crop);
          past.copy_(cat([newest, past]).narrow(0, 0, rows));
        }
      }),
    );
    this.#filled = Math.min(rows, this.#filled + embeddings[0].shape[0]);
  }

  /** `queue` and its fill counter `queue.filled`. */
  state(): Map<string, Tensor> {
    return new Map([
      ['queue', this.#values],
      ['queue.filled', tensor(this.#filled, { dtype: 'int64' })],
    ]);
  }

  /** Restores `state()`; without a counter (published queue files) rows after the last non-zero one count as empty. */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    const values = state.get('queue');
    if (!values || values.shape.join() !== this.#values.shape.join()) {
      throw new CheckpointError(
        `queue: expected a tensor [${this.#values.shape.join(', ')}], got ${
          values ? `[${values.shape.join(', ')}]` : 'none'
        }. Resume with the batch size and queue length of the run.`,
      );
    }
    noGrad(() => this.#values.copy_(values));
    this.#filled = state.get('queue.filled')?.item() ?? scope(() => usedRows(this.#values));
  }

  dispose(): void {
    this.#values.dispose();
  }
}

/** Index after the last row that is not all zero in some crop; synchronizes. */
function usedRows(values_ARD: Tensor): number {
  const used = values_ARD.ne(0).any(2).any(0).to('float32').data() as Float32Array;
  return used.lastIndexOf(1) + 1;
}
