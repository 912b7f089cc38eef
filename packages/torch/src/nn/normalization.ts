/** @file Normalization of each sample by itself. Legend: N rows or images, C channels, H × W pixels, L length. */
import { ShapeError } from '../errors.js';
import { groupNorm, instanceNorm, layerNorm, ones, squeeze, unsqueeze, zeros } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type BatchNormOptions, RunningNorm } from './batch-norm.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe, Float } from './repr.js';
import { explained, shapeText } from './sizes.js';

/** Options of {@link LayerNorm}; defaults are PyTorch's. */
export interface LayerNormOptions extends TensorPlacement {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias beside the weight. Default true. */
  readonly bias?: boolean;
}

/** Normalizes over the last dimensions (PyTorch's nn.LayerNorm): [N, …, ...normalizedShape] → the same shape. */
export class LayerNorm extends Module {
  /** Of `normalizedShape`, ones at the start; null without `elementwiseAffine`. */
  weight: Tensor | null;
  /** Of `normalizedShape`, zeros at the start; null without `elementwiseAffine` or `bias`. */
  bias: Tensor | null;
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    checkOptions('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias', 'dtype', 'device']);
    const { eps = 1e-5, elementwiseAffine = true, bias = true, ...placement } = options;
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? parameter(ones(this.normalizedShape, placement)) : null;
    this.bias = elementwiseAffine && bias ? parameter(zeros(this.normalizedShape, placement)) : null;
  }

  /** @throws ShapeError when the last dimensions are not `normalizedShape` */
  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this;
    try {
      return layerNorm(x, normalizedShape, { weight, bias, eps });
    } catch (error) {
      const fits = (shape: readonly number[]) =>
        String(shape.slice(-normalizedShape.length)) === String(normalizedShape);
      throw explained(error, this, x, fits, `[…, ${normalizedShape.join(', ')}]`);
    }
  }

  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return describe([normalizedShape], { eps: new Float(eps), elementwise_affine: elementwiseAffine });
  }
}

/** Options of {@link GroupNorm}; defaults are PyTorch's. */
export interface GroupNormOptions extends TensorPlacement {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias. Default true. */
  readonly affine?: boolean;
}

/** Normalizes each sample over groups of channels (PyTorch's nn.GroupNorm): [N, C, …] → the same shape. */
export class GroupNorm extends Module {
  /** [C], ones at the start; null without `affine`. */
  weight: Tensor | null;
  /** [C], zeros at the start; null without `affine`. */
  bias: Tensor | null;
  readonly eps: number;
  readonly affine: boolean;

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: GroupNormOptions = {},
  ) {
    super();
    checkOptions('GroupNorm', options, ['eps', 'affine', 'dtype', 'device']);
    const { eps = 1e-5, affine = true, ...placement } = options;
    if (!(numGroups >= 1) || numChannels % numGroups !== 0)
      throw new RangeError(`GroupNorm: expected channels divisible by ${numGroups} groups, got ${numChannels}.`);
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? parameter(ones([numChannels], placement)) : null;
    this.bias = affine ? parameter(zeros([numChannels], placement)) : null;
  }

  /** @throws ShapeError when dimension 1 is not `numChannels` */
  forward(x: Tensor): Tensor {
    const { numGroups, numChannels, weight, bias, eps } = this;
    try {
      return groupNorm(x, numGroups, { weight, bias, eps });
    } catch (error) {
      throw explained(error, this, x, (shape) => shape[1] === numChannels, `[N, ${numChannels}, …]`);
    }
  }

  override extraRepr(): string {
    const { numGroups, numChannels, eps, affine } = this;
    return describe([numGroups, numChannels], { eps: new Float(eps), affine });
  }
}

/** What the instance norms share. */
abstract class InstanceNorm extends RunningNorm {
  readonly #layout: string;
  readonly #rank: number;

  protected constructor(layout: string, rank: number, numFeatures: number, options: BatchNormOptions) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options });
    this.#layout = layout;
    this.#rank = rank;
  }

  /** @throws ShapeError for other ranks or channels, and for a single value per channel */
  forward(x: Tensor): Tensor {
    const { shape } = x;
    const batched = shape.length === this.#rank;
    const channels = shape[batched ? 1 : 0];
    if ((!batched && shape.length !== this.#rank - 1) || channels !== this.numFeatures)
      throw new ShapeError(
        `${this.constructor.name}: expected ${this.#layout.replace('C', String(this.numFeatures))}, got ${shapeText(shape)}.`,
      );
    const ofInstance = this.training || this.running_mean === null;
    if (ofInstance && shape.slice(batched ? 2 : 1).reduce((product, size) => product * size, 1) === 1)
      throw new ShapeError(
        `${this.constructor.name}: expected more than one value per channel and sample, got shape ${shapeText(shape)}.`,
      );
    const { weight, bias, running_mean, running_var, eps } = this;
    const momentum = this.momentum ?? 0;
    const normalize = (images: Tensor) =>
      instanceNorm(images, weight, bias, running_mean, running_var, ofInstance, momentum, eps, true);
    return batched ? normalize(x) : scope(() => squeeze(normalize(unsqueeze(x, 0)), 0));
  }
}

/** Normalizes each channel of each sample (PyTorch's nn.InstanceNorm1d): [N, C, L] or [C, L] → the same shape. */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super('[N, C, L]', 3, numFeatures, options);
  }
}

/** Normalizes each channel of each image (PyTorch's nn.InstanceNorm2d): [N, C, H, W] or [C, H, W] → the same shape. */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super('[N, C, H, W]', 4, numFeatures, options);
  }
}
