/** @file Layers with a weight matrix, and how weights are drawn. Legend: N rows. */
import { empty, linear } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { fans, kaimingUniform_, uniform_ } from './init.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe } from './repr.js';
import { explained } from './sizes.js';

/** Draws weight and bias as PyTorch does: U(±1/√fanIn) for both, the weight through kaiming-uniform with a = √5. */
export function drawDefault(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const { fanIn } = fans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (bias !== null) uniform_(bias, -bound, bound);
}

/** y = x·Wᵀ + b (PyTorch's nn.Linear): […, in] → […, out]. */
export class Linear extends Module {
  /** [out, in]. */
  weight: Tensor;
  /** [out], or null. */
  bias: Tensor | null;

  /** @param options  `bias`: whether there is one, default true; dtype and device of the parameters */
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { bias?: boolean } & TensorPlacement = {},
  ) {
    super();
    checkOptions('Linear', options, ['bias', 'dtype', 'device']);
    const { bias = true, ...placement } = options;
    this.weight = parameter(empty([outFeatures, inFeatures], placement));
    this.bias = bias ? parameter(empty([outFeatures], placement)) : null;
    drawDefault(this.weight, this.bias);
  }

  /** @throws ShapeError when the last dimension is not `inFeatures` */
  forward(x: Tensor): Tensor {
    try {
      return linear(x, this.weight, { bias: this.bias });
    } catch (error) {
      const { inFeatures } = this;
      throw explained(error, this, x, (shape) => shape.at(-1) === inFeatures, `[…, ${inFeatures}]`);
    }
  }

  override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return describe([], { in_features: inFeatures, out_features: outFeatures, bias: bias !== null });
  }
}
