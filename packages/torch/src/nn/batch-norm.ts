/** @file Batch normalization. Legend: N rows or images, C channels, D × H × W voxels or pixels, L length. */
import { ShapeError } from '../errors.js';
import { add_, batchNorm, ones, zeros } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';
import { buffer, parameter, type TensorPlacement } from './parameter.js';
import { describe, Float } from './repr.js';
import { shapeText } from './sizes.js';

/** Options of the batch and instance norm layers; defaults are PyTorch's. */
export interface BatchNormOptions extends TensorPlacement {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /**
   * Weight of the new batch in the running statistics. Default 0.1; null gives all batches the same weight, at the price of
   * a synchronization with the device for each.
   */
  readonly momentum?: number | null;
  /** Whether there are weight and bias. Default true, for instance norm false. */
  readonly affine?: boolean;
  /** Whether there are running statistics; without them the batch's own are used in evaluation too. Default true, for instance norm false. */
  readonly trackRunningStats?: boolean;
}

/** What batch and instance norm have in common: the parameters and the running statistics; names are the state dict's keys. */
export abstract class RunningNorm extends Module {
  /** [C], ones at the start; null without `affine`. */
  weight: Tensor | null;
  /** [C], zeros at the start; null without `affine`. */
  bias: Tensor | null;
  /** [C], not differentiable; null without `trackRunningStats`. */
  running_mean: Tensor | null;
  /** [C], unbiased variances, not differentiable; null without `trackRunningStats`. */
  running_var: Tensor | null;
  /** int64 scalar; null without `trackRunningStats`. */
  num_batches_tracked: Tensor | null;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;

  protected constructor(
    readonly numFeatures: number,
    options: BatchNormOptions,
  ) {
    super();
    checkOptions(new.target.name, options, ['eps', 'momentum', 'affine', 'trackRunningStats', 'dtype', 'device']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, dtype, device } = options;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    const shape = [numFeatures];
    this.weight = affine ? parameter(ones(shape, { dtype, device })) : null;
    this.bias = affine ? parameter(zeros(shape, { dtype, device })) : null;
    this.running_mean = trackRunningStats ? buffer(zeros(shape, { dtype, device })) : null;
    this.running_var = trackRunningStats ? buffer(ones(shape, { dtype, device })) : null;
    this.num_batches_tracked = trackRunningStats ? buffer(zeros([], { dtype: 'int64', device })) : null;
  }

  override extraRepr(): string {
    const { eps, momentum, affine, trackRunningStats } = this;
    return describe([this.numFeatures], {
      eps: new Float(eps),
      momentum: momentum === null ? null : new Float(momentum),
      affine,
      track_running_stats: trackRunningStats,
    });
  }
}

/** Base of the batch norms of all ranks (PyTorch's _BatchNorm). */
export abstract class BatchNorm extends RunningNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options);
  }

  /** @throws ShapeError when the layer does not take this shape */
  protected abstract checkShape(shape: readonly number[]): void;

  /** Counts the batch, and gives the weight that it has in the running statistics. */
  protected countBatch(): number {
    if (this.num_batches_tracked !== null) add_(this.num_batches_tracked, 1);
    return this.momentum ?? (this.num_batches_tracked === null ? 0 : 1 / Number(this.num_batches_tracked.item()));
  }

  /**
   * Training: normalizes with the batch's biased variance and moves the running statistics by its unbiased one; in
   * evaluation uses those.
   * @throws ShapeError for other ranks or channels, and in training for a single value per channel
   */
  forward(x: Tensor): Tensor {
    const { shape } = x;
    this.checkShape(shape);
    if (shape[1] !== this.numFeatures)
      throw new ShapeError(
        `${this.constructor.name}: expected ${this.numFeatures} channels in dimension 1, got ${shapeText(shape)}.`,
      );
    const ofBatch = this.training || this.running_mean === null;
    if (ofBatch && shape.reduce((product, size) => product * size, 1) === shape[1])
      throw new ShapeError(
        `${this.constructor.name}: expected more than one value per channel in training, got shape ${shapeText(shape)}. Use a larger batch or eval().`,
      );
    const momentum = this.training ? this.countBatch() : (this.momentum ?? 0);
    const { weight, bias, running_mean, running_var, eps } = this;
    return batchNorm(x, weight, bias, running_mean, running_var, ofBatch, momentum, eps, true);
  }
}

/** Batch norm over rows (PyTorch's nn.BatchNorm1d): [N, C] or [N, C, L] → the same shape. */
export class BatchNorm1d extends BatchNorm {
  protected checkShape(shape: readonly number[]): void {
    if (shape.length !== 2 && shape.length !== 3)
      throw new ShapeError(`BatchNorm1d: expected [N, C] or [N, C, L], got ${shapeText(shape)}.`);
  }
}

/** Batch norm over images (PyTorch's nn.BatchNorm2d): [N, C, H, W] → the same shape. */
export class BatchNorm2d extends BatchNorm {
  protected checkShape(shape: readonly number[]): void {
    if (shape.length !== 4) throw new ShapeError(`BatchNorm2d: expected [N, C, H, W], got ${shapeText(shape)}.`);
  }
}

/** Batch norm over volumes (PyTorch's nn.BatchNorm3d): [N, C, D, H, W] → the same shape. */
export class BatchNorm3d extends BatchNorm {
  protected checkShape(shape: readonly number[]): void {
    if (shape.length !== 5) throw new ShapeError(`BatchNorm3d: expected [N, C, D, H, W], got ${shapeText(shape)}.`);
  }
}
