/** @file Pooling over windows. Legend: N images, C channels, L length, H × W pixels. */
import { avgPool1d, avgPool2d, avgPool3d, maxPool1d, maxPool2d, maxPool3d } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';
import { describe } from './repr.js';
import { type Size1d, type Size2d, type Size3d, sizes } from './sizes.js';

/** Options shared by max and average pooling. */
export interface PoolOptions<Size = Size2d> {
  /** Default: the kernel's size. */
  readonly stride?: Size;
  /** Added on each side; at most half the kernel. Default 0. */
  readonly padding?: Size;
  /** Whether a last, incomplete window counts. Default false. */
  readonly ceilMode?: boolean;
}

/** Options of the max pooling layers. */
export interface MaxPoolOptions<Size = Size2d> extends PoolOptions<Size> {
  /** Distance between the values of a window. Default 1. */
  readonly dilation?: Size;
}

/** Options of the average pooling layers. */
export interface AvgPoolOptions<Size = Size2d> extends PoolOptions<Size> {
  /** Whether the padding's zeros count. Default true. */
  readonly countIncludePad?: boolean;
}

const MAX = [maxPool1d, maxPool2d, maxPool3d] as const;
const AVERAGE = [avgPool1d, avgPool2d, avgPool3d] as const;

abstract class MaxPool extends Module {
  /** One number for each dimension, as stride, padding and dilation. */
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
  readonly #pool: (x: Tensor) => Tensor;
  readonly #text: string;

  protected constructor(
    count: number,
    kernelSize: number | readonly number[],
    options: MaxPoolOptions<number | readonly number[]>,
  ) {
    super();
    checkOptions(new.target.name, options, ['stride', 'padding', 'dilation', 'ceilMode']);
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
    this.kernelSize = sizes(kernelSize, count);
    this.stride = sizes(stride, count);
    this.padding = sizes(padding, count);
    this.dilation = sizes(dilation, count);
    this.ceilMode = ceilMode;
    const operator = MAX[count - 1]!;
    const kernel = this.kernelSize;
    const call = { stride: this.stride, padding: this.padding, dilation: this.dilation, ceilMode };
    this.#pool = (x) => operator(x, kernel, call);
    this.#text = describe([], { kernel_size: kernelSize, stride, padding, dilation, ceil_mode: ceilMode });
  }

  forward(x: Tensor): Tensor {
    return this.#pool(x);
  }

  override extraRepr(): string {
    return this.#text;
  }
}

/** Largest value of each window (PyTorch's nn.MaxPool1d): [N, C, L] → [N, C, L']. */
export class MaxPool1d extends MaxPool {
  constructor(kernelSize: Size1d, options: MaxPoolOptions<Size1d> = {}) {
    super(1, kernelSize, options);
  }
}

/** Largest value of each window (PyTorch's nn.MaxPool2d): [N, C, H, W] → [N, C, H', W']. */
export class MaxPool2d extends MaxPool {
  constructor(kernelSize: Size2d, options: MaxPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Largest value of each window (PyTorch's nn.MaxPool3d): [N, C, D, H, W] → [N, C, D', H', W']. */
export class MaxPool3d extends MaxPool {
  constructor(kernelSize: Size3d, options: MaxPoolOptions<Size3d> = {}) {
    super(3, kernelSize, options);
  }
}

abstract class AvgPool extends Module {
  /** One number for each dimension, as stride and padding. */
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly #pool: (x: Tensor) => Tensor;
  readonly #text: string;

  protected constructor(
    count: number,
    kernelSize: number | readonly number[],
    options: AvgPoolOptions<number | readonly number[]>,
  ) {
    super();
    checkOptions(new.target.name, options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
    this.kernelSize = sizes(kernelSize, count);
    this.stride = sizes(stride, count);
    this.padding = sizes(padding, count);
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
    const operator = AVERAGE[count - 1]!;
    const kernel = this.kernelSize;
    const call = { stride: this.stride, padding: this.padding, ceilMode, countIncludePad };
    this.#pool = (x) => operator(x, kernel, call);
    // PyTorch's one-dimensional layer keeps tuples, the others what they were given.
    const [k, s, p] = count === 1 ? [this.kernelSize, this.stride, this.padding] : [kernelSize, stride, padding];
    this.#text = describe([], { kernel_size: k, stride: s, padding: p });
  }

  forward(x: Tensor): Tensor {
    return this.#pool(x);
  }

  override extraRepr(): string {
    return this.#text;
  }
}

/** Mean of each window (PyTorch's nn.AvgPool1d): [N, C, L] → [N, C, L']. */
export class AvgPool1d extends AvgPool {
  constructor(kernelSize: Size1d, options: AvgPoolOptions<Size1d> = {}) {
    super(1, kernelSize, options);
  }
}

/** Mean of each window (PyTorch's nn.AvgPool2d): [N, C, H, W] → [N, C, H', W']. */
export class AvgPool2d extends AvgPool {
  constructor(kernelSize: Size2d, options: AvgPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Mean of each window (PyTorch's nn.AvgPool3d): [N, C, D, H, W] → [N, C, D', H', W']. */
export class AvgPool3d extends AvgPool {
  constructor(kernelSize: Size3d, options: AvgPoolOptions<Size3d> = {}) {
    super(3, kernelSize, options);
  }
}
