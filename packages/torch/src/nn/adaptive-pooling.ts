/** @file Pooling over windows that give a wanted size. Legend: N images, C channels, L length, H × W pixels. */
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveMaxPool1d, adaptiveMaxPool2d } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';
import { describe } from './repr.js';
import { type Size1d, sizes } from './sizes.js';

/** A size in both directions, or [height, width]; null keeps the input's. */
export type AdaptiveSize2d = number | readonly [number | null, number | null];

abstract class AdaptivePool extends Module {
  readonly outputSize: number | readonly (number | null)[];
  readonly #wanted: readonly (number | null)[];

  protected constructor(count: number, outputSize: number | readonly (number | null)[]) {
    super();
    this.outputSize = outputSize;
    this.#wanted = typeof outputSize === 'number' ? sizes(outputSize, count) : [...outputSize];
  }

  protected abstract pool(x: Tensor, size: readonly number[]): Tensor;

  forward(x: Tensor): Tensor {
    const wanted = this.#wanted;
    if (wanted.every((size) => size !== null)) return this.pool(x, wanted);
    const own = x.shape.slice(-wanted.length);
    return this.pool(
      x,
      wanted.map((size, i) => size ?? own[i]!),
    );
  }

  override extraRepr(): string {
    return describe([], { output_size: this.outputSize });
  }
}

/** Mean of windows chosen so that the output has the given size (PyTorch's nn.AdaptiveAvgPool1d). */
export class AdaptiveAvgPool1d extends AdaptivePool {
  constructor(outputSize: Size1d) {
    super(1, outputSize);
  }

  protected pool(x: Tensor, size: readonly number[]): Tensor {
    return adaptiveAvgPool1d(x, size);
  }
}

/** Mean of windows chosen so that the output has the given size (PyTorch's nn.AdaptiveAvgPool2d). */
export class AdaptiveAvgPool2d extends AdaptivePool {
  constructor(outputSize: AdaptiveSize2d) {
    super(2, outputSize);
  }

  protected pool(x: Tensor, size: readonly number[]): Tensor {
    return adaptiveAvgPool2d(x, size);
  }
}

/** Largest value of windows chosen so that the output has the given size (PyTorch's nn.AdaptiveMaxPool1d). */
export class AdaptiveMaxPool1d extends AdaptivePool {
  constructor(outputSize: Size1d) {
    super(1, outputSize);
  }

  protected pool(x: Tensor, size: readonly number[]): Tensor {
    return scope(() => adaptiveMaxPool1d(x, size)[0]);
  }
}

/** Largest value of windows chosen so that the output has the given size (PyTorch's nn.AdaptiveMaxPool2d). */
export class AdaptiveMaxPool2d extends AdaptivePool {
  constructor(outputSize: AdaptiveSize2d) {
    super(2, outputSize);
  }

  protected pool(x: Tensor, size: readonly number[]): Tensor {
    return scope(() => adaptiveMaxPool2d(x, size)[0]);
  }
}
