/** @file A linear layer whose rows are stored as direction and length (PyTorch's weight_norm on nn.Linear). */
import { _weightNorm, empty, linear, ones } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { kaimingUniform_ } from './init.js';
import { Module, parameter, type TensorPlacement } from './module.js';

/**
 * y = x·Wᵀ with `W_k = g_k · v_k / ‖v_k‖₂` (Salimans and Kingma 2016), without bias: [N, in] → [N, out]. The norm has no
 * lower limit: a row of zeros gives NaN, as in PyTorch.
 */
export class WeightNormLinear extends Module {
  /** Lengths g, [out, 1], ones at the start; set `requiresGrad` to false to freeze them. */
  weight_g: Tensor;
  /** Directions v, [out, in], drawn as a linear layer's weight: U(±1/√in). */
  weight_v: Tensor;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    placement: TensorPlacement = {},
  ) {
    super();
    this.weight_g = parameter(ones([outFeatures, 1], placement));
    this.weight_v = parameter(empty([outFeatures, inFeatures], placement));
    kaimingUniform_(this.weight_v, { a: Math.sqrt(5) });
  }

  forward(x: Tensor): Tensor {
    return scope(() => linear(x, _weightNorm(this.weight_v, this.weight_g, { dim: 0 })));
  }
}
