/** @file The losses of `losses.ts` as modules, with PyTorch's names; their weights are buffers of the state dict. */
import { cosineSimilarity } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import {
  type BCELossOptions,
  type BCEWithLogitsLossOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CosineEmbeddingLossOptions,
  type CrossEntropyOptions,
  cosineEmbeddingLoss,
  crossEntropy,
  type HuberLossOptions,
  huberLoss,
  type KLDivLossOptions,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  type NLLLossOptions,
  nllLoss,
  type SmoothL1LossOptions,
  smoothL1Loss,
  type TripletMarginLossOptions,
  tripletMarginLoss,
} from './losses.js';
import { Module } from './module.js';
import { buffer } from './parameter.js';

/** A weight that the module owns from now on, or null. */
function owned(weight: Tensor | null | undefined): Tensor | null {
  return weight === null || weight === undefined ? null : buffer(weight);
}

/** A loss between an input and a target, with its options. */
abstract class Loss<Options> extends Module {
  readonly #loss: (input: Tensor, target: Tensor, options: Options) => Tensor;
  readonly options: Options;

  protected constructor(loss: (input: Tensor, target: Tensor, options: Options) => Tensor, options: Options) {
    super();
    this.#loss = loss;
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.#loss(input, target, this.options);
  }
}

/** A loss with weights, of classes or elements; they move and are freed with the module. */
abstract class WeightedLoss<Options extends { readonly weight?: Tensor | null }> extends Module {
  /** Key `weight` of the state dict where one was given. */
  weight: Tensor | null;
  readonly options: Omit<Options, 'weight'>;

  protected constructor({ weight, ...options }: Options) {
    super();
    this.weight = owned(weight);
    this.options = options;
  }
}

/** {@link crossEntropy} of logits and labels. */
export class CrossEntropyLoss extends WeightedLoss<CrossEntropyOptions> {
  constructor(options: CrossEntropyOptions = {}) {
    super(options);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, { ...this.options, weight: this.weight });
  }
}

/** {@link nllLoss} of logarithms of probabilities and labels. */
export class NLLLoss extends WeightedLoss<NLLLossOptions> {
  constructor(options: NLLLossOptions = {}) {
    super(options);
  }

  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    return nllLoss(logProbabilities, target, { ...this.options, weight: this.weight });
  }
}

/** {@link binaryCrossEntropy} of probabilities. */
export class BCELoss extends WeightedLoss<BCELossOptions> {
  constructor(options: BCELossOptions = {}) {
    super(options);
  }

  forward(probabilities: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(probabilities, target, { ...this.options, weight: this.weight });
  }
}

/** {@link binaryCrossEntropyWithLogits}. */
export class BCEWithLogitsLoss extends WeightedLoss<Omit<BCEWithLogitsLossOptions, 'posWeight'>> {
  /** Key `pos_weight` of the state dict where one was given. */
  pos_weight: Tensor | null;

  constructor({ posWeight, ...options }: BCEWithLogitsLossOptions = {}) {
    super(options);
    this.pos_weight = owned(posWeight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight } = this;
    return binaryCrossEntropyWithLogits(logits, target, { ...this.options, weight, posWeight });
  }
}

/** {@link mseLoss}. */
export class MSELoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(mseLoss, options);
  }
}

/** {@link l1Loss}. */
export class L1Loss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(l1Loss, options);
  }
}

/** {@link smoothL1Loss}. */
export class SmoothL1Loss extends Loss<SmoothL1LossOptions> {
  constructor(options: SmoothL1LossOptions = {}) {
    super(smoothL1Loss, options);
  }
}

/** {@link huberLoss}. */
export class HuberLoss extends Loss<HuberLossOptions> {
  constructor(options: HuberLossOptions = {}) {
    super(huberLoss, options);
  }
}

/** {@link klDiv}. */
export class KLDivLoss extends Loss<KLDivLossOptions> {
  constructor(options: KLDivLossOptions = {}) {
    super(klDiv, options);
  }
}

/** {@link cosineEmbeddingLoss}. */
export class CosineEmbeddingLoss extends Module {
  constructor(readonly options: CosineEmbeddingLossOptions = {}) {
    super();
  }

  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(a, b, target, this.options);
  }
}

/** {@link tripletMarginLoss}. */
export class TripletMarginLoss extends Module {
  constructor(readonly options: TripletMarginLossOptions = {}) {
    super();
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** a·b / max(‖a‖·‖b‖, eps) along a dimension (PyTorch's nn.CosineSimilarity). */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  /** @param options  `dim`: 1, `eps`: 1e-8 */
  constructor({ dim = 1, eps = 1e-8 }: { dim?: number; eps?: number } = {}) {
    super();
    this.dim = dim;
    this.eps = eps;
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarity(a, b, { dim: this.dim, eps: this.eps });
  }
}
