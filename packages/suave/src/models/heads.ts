/** @file The heads on a backbone: projection, prototypes, online classifiers. Shapes: N rows, F features, D embedding, K prototypes. */
import { cat, clampMin_, linalgVectorNorm, nn, noGrad, relu_, scope, type Tensor } from '@suave/torch';
import type { Placement } from './placement.js';

/** What a projection head gives. */
export interface Projection {
  /** Activations after each hidden block, [N, h_i]. */
  readonly hidden: Tensor[];
  /** Output before L2 normalisation, [N, D]. */
  readonly output: Tensor;
}

/**
 * Hidden blocks Linear–BatchNorm1d–ReLU, then a Linear to the embedding. `[0]` as hidden list means a single Linear.
 * Keys: `{i}.0`, `{i}.1` of the i-th block, `{m}` of the last layer.
 */
export class ProjectionHead extends nn.ModuleList {
  readonly #hidden: nn.Sequential[] = [];
  readonly #last: nn.Linear;

  constructor(inFeatures: number, hidden: readonly number[], outputDim: number, placement: Placement) {
    const blocks: nn.Sequential[] = [];
    let width = inFeatures;
    for (const size of hiddenWidths(hidden)) {
      // the rectifier has no parameters and is applied in place in forward
      blocks.push(new nn.Sequential(new nn.Linear(width, size, placement), new nn.BatchNorm1d(size, placement)));
      width = size;
    }
    const last = new nn.Linear(width, outputDim, placement);
    super([...blocks, last]);
    this.#hidden = blocks;
    this.#last = last;
  }

  forward(features: Tensor): Tensor {
    return scope(() => this.project(features).output);
  }

  /** All activations of `features` [N, F]; every tensor is the caller's. */
  project(features: Tensor): Projection {
    const hidden: Tensor[] = [];
    let x = features;
    for (const block of this.#hidden) {
      x = relu_(block.forward(x));
      hidden.push(x);
    }
    return { hidden, output: this.#last.forward(x) };
  }
}

/** Widths of the hidden blocks: `[0]` and `[]` mean none. */
export function hiddenWidths(hidden: readonly number[]): number[] {
  return hidden.filter((size) => size > 0);
}

/** Several prototype layers side by side, all fed with the same embeddings; keys `prototypes{i}.weight`. */
export class PrototypeLayers extends nn.Module {
  readonly #layers: nn.Linear[];

  constructor(dim: number, counts: readonly number[], placement: Placement) {
    super();
    this.#layers = counts.map((count) => new nn.Linear(dim, count, { bias: false, ...placement }));
    Object.assign(this, Object.fromEntries(this.#layers.map((layer, i) => [`prototypes${i}`, layer])));
  }

  get layers(): readonly nn.Linear[] {
    return this.#layers;
  }

  forward(_embeddings: Tensor): Tensor {
    throw new TypeError('PrototypeLayers: expected a call of one of its layers. Use layers[i].forward(embeddings).');
  }
}

/**
 * Scales every row of a matrix to unit length, in place and outside autograd: `W_k ← W_k / max(‖W_k‖₂, 1e-12)`.
 * @param weight_KD  modified in place
 */
export function normalizeRows_(weight_KD: Tensor): void {
  noGrad(() =>
    scope(() => {
      weight_KD.div_(clampMin_(linalgVectorNorm(weight_KD, { dim: [1], keepdim: true }), 1e-12));
    }),
  );
}

/** L2-normalised rows, `z = e / max(‖e‖₂, 1e-12)`, with gradient. */
export function normalizedRows(e_ND: Tensor): Tensor {
  return scope(() => e_ND.div(linalgVectorNorm(e_ND, { dim: [1], keepdim: true }).clampMin(1e-12)));
}

/** Linear classifiers that only watch: one per detached feature, for monitoring. Keys `{i}.weight`, `{i}.bias`. */
export class OnlineHeads extends nn.ModuleList {
  readonly #heads: nn.Linear[];

  constructor(widths: readonly number[], numClasses: number, placement: Placement) {
    const heads = widths.map((width) => new nn.Linear(width, numClasses, placement));
    super(heads);
    this.#heads = heads;
  }

  forward(_features: Tensor): Tensor {
    throw new TypeError('OnlineHeads: expected a list of features. Use classify(features).');
  }

  /** Logits [N, classes] of each head on its own feature; the features must be detached. */
  classify(features: readonly Tensor[]): Tensor[] {
    return this.#heads.map((head, i) => head.forward(features[i]));
  }
}

/** Logits of the ensemble classifier on the concatenated features. */
export function ensembleLogits(head: nn.Linear, features: readonly Tensor[]): Tensor {
  return scope(() => head.forward(cat([...features], { dim: 1 })));
}
