/** @file Normalization layers. Legend: N rows or images, C channels, H × W pixels, L length. */
import { add_, batchNorm, layerNorm, ones, zeros } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { buffer, Module, parameter, type TensorPlacement } from './module.js';

/** Options of the batch norm layers; defaults are PyTorch's. */
export interface BatchNormOptions extends TensorPlacement {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of the new batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/** What both batch norm layers share; names are the state dict's keys. */
abstract class BatchNorm extends Module {
  /** [C], ones at the start. */
  weight: Tensor;
  /** [C], zeros at the start. */
  bias: Tensor;
  /** [C], not differentiable. */
  running_mean: Tensor;
  /** [C], unbiased variances, not differentiable. */
  running_var: Tensor;
  /** int64 scalar. */
  num_batches_tracked: Tensor;
  readonly eps: number;
  readonly momentum: number;

  constructor(
    readonly numFeatures: number,
    { eps = 1e-5, momentum = 0.1, ...placement }: BatchNormOptions = {},
  ) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.weight = parameter(ones([numFeatures], placement));
    this.bias = parameter(zeros([numFeatures], placement));
    this.running_mean = buffer(zeros([numFeatures], placement));
    this.running_var = buffer(ones([numFeatures], placement));
    this.num_batches_tracked = buffer(zeros([], { ...placement, dtype: 'int64' }));
  }

  protected abstract checkShape(shape: readonly number[]): void;

  /** Training: normalizes with the batch's biased variance and moves the running statistics; else uses those. */
  forward(x: Tensor): Tensor {
    if (this.training) {
      const { shape } = x;
      this.checkShape(shape);
      const perChannel = shape.reduce((product, size) => product * size, 1) / shape[1]!;
      if (perChannel === 1)
        throw new RangeError(
          `${this.constructor.name}: expected more than one value per channel in training, got shape [${shape.join(', ')}]. Use a larger batch or eval().`,
        );
      add_(this.num_batches_tracked, 1);
    }
    return batchNorm(
      x,
      this.weight,
      this.bias,
      this.running_mean,
      this.running_var,
      this.training,
      this.momentum,
      this.eps,
      true,
    );
  }
}

/** Batch norm over rows (PyTorch's nn.BatchNorm1d): [N, C] or [N, C, L] → the same shape. */
export class BatchNorm1d extends BatchNorm {
  protected checkShape(shape: readonly number[]): void {
    if (shape.length !== 2 && shape.length !== 3)
      throw new RangeError(`BatchNorm1d: expected [N, C] or [N, C, L], got [${shape.join(', ')}].`);
  }
}

/** Batch norm over images (PyTorch's nn.BatchNorm2d): [N, C, H, W] → the same shape. */
export class BatchNorm2d extends BatchNorm {
  protected checkShape(shape: readonly number[]): void {
    if (shape.length !== 4) throw new RangeError(`BatchNorm2d: expected [N, C, H, W], got [${shape.join(', ')}].`);
  }
}

/** Normalizes over the last dimensions with affine weights (PyTorch's nn.LayerNorm). */
export class LayerNorm extends Module {
  /** Of `normalizedShape`, ones at the start. */
  weight: Tensor;
  /** Of `normalizedShape`, zeros at the start. */
  bias: Tensor;
  readonly normalizedShape: readonly number[];
  readonly eps: number;

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 1e-5, ...placement }: { eps?: number } & TensorPlacement = {},
  ) {
    super();
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.weight = parameter(ones([...this.normalizedShape], placement));
    this.bias = parameter(zeros([...this.normalizedShape], placement));
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, [...this.normalizedShape], { weight: this.weight, bias: this.bias, eps: this.eps });
  }
}
