/** @file Layers that only move values: flattening, enlarging, shuffling. Legend: N images, C channels, H × W pixels. */
import { flatten, pixelShuffle, pixelUnshuffle, unflatten } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { type InterpolateMode, interpolate } from './interpolate.js';
import { Module } from './module.js';
import { describe, Float } from './repr.js';

/** Returns its input. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins the dimensions from `startDim` (1) to `endDim` (the last) into one. */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return flatten(x, { startDim: this.startDim, endDim: this.endDim });
  }

  override extraRepr(): string {
    return describe([], { start_dim: this.startDim, end_dim: this.endDim });
  }
}

/** Splits a dimension into several, one of which may be −1. */
export class Unflatten extends Module {
  constructor(
    readonly dim: number,
    readonly unflattenedSize: readonly number[],
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return describe([], { dim: this.dim, unflattened_size: this.unflattenedSize });
  }
}

/** Options of {@link Upsample}: exactly one of `size` and `scaleFactor`. */
export interface UpsampleOptions {
  /** Size of the output: one number for each dimension after the channels, or one for all. */
  readonly size?: number | readonly number[];
  /** Output size over input size, in the same way. */
  readonly scaleFactor?: number | readonly number[];
  /** Default `nearest`. */
  readonly mode?: InterpolateMode;
  /** Whether the corners of both grids coincide; default false. Not for the nearest modes. */
  readonly alignCorners?: boolean;
}

/** Resizes by interpolation (PyTorch's nn.Upsample): [N, C, L | H, W | D, H, W]. */
export class Upsample extends Module {
  readonly options: UpsampleOptions;

  constructor(options: UpsampleOptions) {
    super();
    this.options = { ...options };
  }

  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options;
    const factor = Array.isArray(scaleFactor) ? scaleFactor.map((value) => new Float(value)) : scaleFactor;
    const shown = typeof factor === 'number' ? new Float(factor) : factor;
    return describe([], scaleFactor === undefined ? { size, mode } : { scale_factor: shown, mode });
  }
}

/** Moves channels into space (PyTorch's nn.PixelShuffle): [N, C·r², H, W] → [N, C, H·r, W·r]. */
export class PixelShuffle extends Module {
  constructor(readonly upscaleFactor: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return describe([], { upscale_factor: this.upscaleFactor });
  }
}

/** Moves space into channels (PyTorch's nn.PixelUnshuffle): [N, C, H·r, W·r] → [N, C·r², H, W]. */
export class PixelUnshuffle extends Module {
  constructor(readonly downscaleFactor: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return describe([], { downscale_factor: this.downscaleFactor });
  }
}
