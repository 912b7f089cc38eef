/** @file A table of vectors. */
import { noGrad } from '../autograd/index.js';
import { embedding, empty } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { normal_ } from './init.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe } from './repr.js';

/** Options of {@link Embedding}; defaults are PyTorch's. */
export interface EmbeddingOptions extends TensorPlacement {
  /** A row that starts as zeros and gets no gradient; a negative one counts from the end. Default: none. */
  readonly paddingIdx?: number;
  /** Whether gradients are divided by how often their row is used in the batch. Default false. */
  readonly scaleGradByFreq?: boolean;
}

/** Rows of a table by number (PyTorch's nn.Embedding): int64 […] → […, embeddingDim]. */
export class Embedding extends Module {
  /** [numEmbeddings, embeddingDim], drawn from N(0, 1). */
  weight: Tensor;
  /** Counted from the start; null if there is none. */
  readonly paddingIdx: number | null;
  readonly scaleGradByFreq: boolean;

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingOptions = {},
  ) {
    super();
    checkOptions('Embedding', options, ['paddingIdx', 'scaleGradByFreq', 'dtype', 'device']);
    const { paddingIdx, scaleGradByFreq = false, ...placement } = options;
    if (paddingIdx !== undefined && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings))
      throw new RangeError(
        `Embedding: expected a paddingIdx from ${-numEmbeddings} to ${numEmbeddings - 1}, got ${paddingIdx}.`,
      );
    this.paddingIdx = paddingIdx === undefined ? null : paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.scaleGradByFreq = scaleGradByFreq;
    this.weight = parameter(empty([numEmbeddings, embeddingDim], placement));
    normal_(this.weight);
    if (this.paddingIdx !== null) scope(() => noGrad(() => this.weight.select(0, this.paddingIdx!).fill_(0)));
  }

  forward(indices: Tensor): Tensor {
    const { paddingIdx, scaleGradByFreq } = this;
    return embedding(this.weight, indices, { paddingIdx: paddingIdx ?? -1, scaleGradByFreq });
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, scaleGradByFreq } = this;
    return describe([numEmbeddings, embeddingDim], {
      padding_idx: paddingIdx ?? undefined,
      scale_grad_by_freq: scaleGradByFreq ? true : undefined,
    });
  }
}
