/** @file Pooling layers: [N, C, H, W] → [N, C, H', W']. */
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { pair, type Size2d } from './linear.js';
import { Module } from './module.js';

/** Options shared by max and average pooling. */
export interface PoolOptions {
  /** Default: the kernel's size. */
  readonly stride?: Size2d;
  readonly padding?: Size2d;
  /** Whether a last, incomplete window counts. Default false. */
  readonly ceilMode?: boolean;
}

/** Largest value of each window (PyTorch's nn.MaxPool2d). */
export class MaxPool2d extends Module {
  /** [height, width], as stride, padding and dilation. */
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
  readonly #kernelSize: number[];
  readonly #options: { stride: number[]; padding: number[]; dilation: number[]; ceilMode: boolean };

  constructor(
    kernelSize: Size2d,
    { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false }: PoolOptions & { dilation?: Size2d } = {},
  ) {
    super();
    this.#kernelSize = pair(kernelSize);
    this.#options = { stride: pair(stride), padding: pair(padding), dilation: pair(dilation), ceilMode };
    this.kernelSize = this.#kernelSize;
    this.stride = this.#options.stride;
    this.padding = this.#options.padding;
    this.dilation = this.#options.dilation;
    this.ceilMode = ceilMode;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#kernelSize, this.#options);
  }
}

/** Mean of each window (PyTorch's nn.AvgPool2d). */
export class AvgPool2d extends Module {
  readonly #kernelSize: number[];
  readonly #options: { stride: number[]; padding: number[]; ceilMode: boolean; countIncludePad: boolean };

  constructor(
    kernelSize: Size2d,
    {
      stride = kernelSize,
      padding = 0,
      ceilMode = false,
      countIncludePad = true,
    }: PoolOptions & { countIncludePad?: boolean } = {},
  ) {
    super();
    this.#kernelSize = pair(kernelSize);
    this.#options = { stride: pair(stride), padding: pair(padding), ceilMode, countIncludePad };
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#kernelSize, this.#options);
  }
}

/** Mean of windows chosen so that the output has the given size (PyTorch's nn.AdaptiveAvgPool2d). */
export class AdaptiveAvgPool2d extends Module {
  readonly #outputSize: number[];

  constructor(outputSize: Size2d) {
    super();
    this.#outputSize = pair(outputSize);
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.#outputSize);
  }
}
