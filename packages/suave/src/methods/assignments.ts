/**
 * @file Soft assignments of the assignment crops: optional queue in front, Sinkhorn-Knopp, last B rows.
 * Shapes: B images, D embedding, K prototypes, R queue rows.
 */
import { type Collective, cat, keep, noGrad, scope, softmax, type Tensor, tensor } from '@suave/torch';
import { atLeastFloat32 } from '../models/index.js';
import { AutomaticEpsilon, automaticEpsilonKey } from './automatic-epsilon.js';
import { AssignmentQueue, queueRows } from './queue.js';
import { type SinkhornOptions, sinkhornKnopp } from './sinkhorn.js';

/** How assignments are made; defaults are the paper's. */
export interface AssignmentOptions {
  /** T of the predictions. Default 0.1. */
  readonly temperature?: number;
  /** ε of Sinkhorn-Knopp; `auto` keeps assignments sharper than the predictions (`AutomaticEpsilon`). Default 0.05. */
  readonly epsilon?: number | 'auto';
  /** Rounds of Sinkhorn-Knopp. Default 3. */
  readonly sinkhornIterations?: number;
  /**
   * Past embeddings of all ranks that join the batch in Sinkhorn-Knopp, per assignment crop; reduced to a multiple of
   * the global batch. 0 = no queue. Default 0; Suave uses 3840.
   */
  readonly queueLength?: number;
  /** Epoch from which the queue is filled. Default 0. */
  readonly queueStartEpoch?: number;
  /** Sums over ranks. Default none. */
  readonly collective?: Collective | null;
  /** Share of the images that each prototype gets, for one prototype layer [K]; see `classPrior`. Null (default): all the same. */
  readonly prior?: readonly number[] | null;
}

/** Scores given embeddings under the current prototypes, one tensor per prototype layer. */
interface PrototypeScores {
  prototypeLogits(embeddings: Tensor): Tensor[];
}

/** Owns the queue and makes the pseudo-labels of a step. */
export class Assigner {
  readonly #options: Required<AssignmentOptions>;
  #queue: AssignmentQueue | null = null;
  /** Whether the queue would not hold one batch, so that there is none. */
  #isTooShort = false;
  #automatic: AutomaticEpsilon | null = null;
  /** The prior on the device of the scores, once a step has been there. */
  #shares: Tensor | null = null;

  constructor(options: AssignmentOptions) {
    this.#options = {
      prior: options.prior ?? null,
      temperature: options.temperature ?? 0.1,
      epsilon: options.epsilon ?? 0.05,
      sinkhornIterations: options.sinkhornIterations ?? 3,
      queueLength: options.queueLength ?? 0,
      queueStartEpoch: options.queueStartEpoch ?? 0,
      collective: options.collective ?? null,
    };
  }

  /** The queue, once the first step that may fill it has come. */
  get queue(): AssignmentQueue | null {
    return this.#queue;
  }

  /**
   * Assignments of one step; labeled rows never come here.
   * @param embeddings  detached [B, D] per assignment crop; they enter the queue after it was read
   * @param scores      detached [B, K_i] per prototype layer and assignment crop
   * @param network     the one that made both: it scores the queue with its current prototypes
   * @returns           [B, K_i] per prototype layer and assignment crop, rows sum to 1, constants
   */
  assign(
    embeddings: readonly Tensor[],
    scores: readonly (readonly Tensor[])[],
    network: PrototypeScores,
    epoch: number,
  ): Tensor[][] {
    return noGrad(() =>
      scope(() => {
        const options = this.#sinkhornOptions(scores[0][0].device);
        const queue = this.#queueFor(embeddings, epoch);
        const past = queue?.isFull ? embeddings.map((_, crop) => network.prototypeLogits(queue.rows(crop))) : null;
        const assignments = scores.map((crops, layer) =>
          crops.map((current, crop) => {
            const wide = atLeastFloat32(current);
            if (past === null) return sinkhornKnopp(wide, options);
            const queued = atLeastFloat32(past[crop][layer]);
            return sinkhornKnopp(cat([queued, wide]), options).narrow(0, queued.shape[0], wide.shape[0]);
          }),
        );
        queue?.push(embeddings);
        this.#automatic?.follow(
          assignments.flat(),
          scores.flat().map((each) => this.#predictions(each)),
        );
        return assignments;
      }),
    );
  }

  /** What the network says of the images itself: softmax(scores / T), [B, K]. */
  #predictions(scores_BK: Tensor): Tensor {
    return softmax(atLeastFloat32(scores_BK).div(this.#options.temperature), 1);
  }

  /** Of this step; its tensors are those of the surrounding scope, or kept. */
  #sinkhornOptions(device: string): SinkhornOptions {
    const { epsilon, sinkhornIterations: iterations, collective, prior } = this.#options;
    if (prior !== null) this.#shares ??= keep(tensor([...prior], { dtype: 'float64', device }));
    if (epsilon === 'auto') this.#automatic ??= new AutomaticEpsilon(device, collective);
    return {
      epsilon: epsilon === 'auto' ? this.#automatic!.value() : epsilon,
      iterations,
      collective,
      prior: this.#shares,
    };
  }

  /** An automatic ε as the next step will have it, the caller's; null where it is fixed or no step has been. */
  nextEpsilon(): Tensor | null {
    return this.#automatic?.value() ?? null;
  }

  /** Whether a step of this epoch changes more than tensors: the queue begins or fills up. */
  changesWith(epoch: number): boolean {
    const { queueLength, queueStartEpoch } = this.#options;
    if (this.#queue !== null) return !this.#queue.isFull;
    return queueLength > 0 && epoch >= queueStartEpoch && !this.#isTooShort;
  }

  #queueFor(embeddings: readonly Tensor[], epoch: number): AssignmentQueue | null {
    const { queueLength, queueStartEpoch, collective } = this.#options;
    if (this.#queue === null && queueLength > 0 && epoch >= queueStartEpoch) {
      const [newest] = embeddings;
      const [batch, dim] = newest.shape;
      const rows = queueRows(queueLength, batch, collective?.worldSize ?? 1);
      this.#isTooShort = rows === 0;
      if (!this.#isTooShort) this.#queue = emptyQueue(embeddings.length, rows, dim, newest);
    }
    return this.#queue;
  }

  /** The entries of the queue and of the automatic ε; empty before they exist. */
  state(): Map<string, Tensor> {
    return new Map([...(this.#queue?.state() ?? []), ...(this.#automatic?.state() ?? [])]);
  }

  /** Restores what the state has of it. */
  loadState(state: ReadonlyMap<string, Tensor>, device: string): void {
    if (this.#options.epsilon === 'auto' && state.has(automaticEpsilonKey)) {
      this.#automatic ??= new AutomaticEpsilon(device, this.#options.collective);
      this.#automatic.loadState(state);
    }
    const stored = state.get('queue');
    if (!stored) return;
    if (this.#queue === null) {
      const [crops, rows, dim] = stored.shape;
      this.#queue = new AssignmentQueue({
        crops,
        rows,
        dim,
        dtype: stored.dtype === 'float64' ? 'float64' : 'float32',
        device,
      });
    }
    this.#queue.loadState(state);
  }

  dispose(): void {
    this.#queue?.dispose();
    this.#automatic?.dispose();
    this.#shares?.dispose();
    this.#queue = null;
    this.#automatic = null;
    this.#shares = null;
  }
}

function emptyQueue(crops: number, rows: number, dim: number, like: Tensor): AssignmentQueue {
  const dtype = like.dtype === 'float64' ? 'float64' : 'float32';
  return new AssignmentQueue({ crops, rows, dim, dtype, device: like.device });
}
