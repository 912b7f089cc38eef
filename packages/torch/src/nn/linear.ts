/** @file Layers with a weight matrix or kernel. Legend: N rows or images, C channels, H × W pixels. */
import { conv2d, empty, linear } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { fans, kaimingUniform_, uniform_ } from './init.js';
import { Module, parameter, type TensorPlacement } from './module.js';

/** A size in both directions, or [height, width]. */
export type Size2d = number | readonly [number, number];

/** `[height, width]` of a size. */
export function pair(size: Size2d): number[] {
  return typeof size === 'number' ? [size, size] : [...size];
}

/** Draws weight and bias as PyTorch does: U(±1/√fanIn) for both, the weight through kaiming-uniform with a = √5. */
function drawDefault(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const { fanIn } = fans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (bias !== null) uniform_(bias, -bound, bound);
}

/** y = x·Wᵀ + b (PyTorch's nn.Linear): [N, in] → [N, out]. */
export class Linear extends Module {
  /** [out, in]. */
  weight: Tensor;
  /** [out], or null. */
  bias: Tensor | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    { bias = true, ...placement }: { bias?: boolean } & TensorPlacement = {},
  ) {
    super();
    this.weight = parameter(empty([outFeatures, inFeatures], placement));
    this.bias = bias ? parameter(empty([outFeatures], placement)) : null;
    drawDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, { bias: this.bias });
  }
}

/** Options of {@link Conv2d}. */
export interface Conv2dOptions extends TensorPlacement {
  readonly stride?: Size2d;
  readonly padding?: Size2d;
  readonly dilation?: Size2d;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** Two-dimensional cross-correlation (PyTorch's nn.Conv2d): [N, C, H, W] → [N, out, H', W']. */
export class Conv2d extends Module {
  /** [out, in / groups, kernel height, kernel width]. */
  weight: Tensor;
  /** [out], or null. */
  bias: Tensor | null;
  /** [height, width], as padding and dilation. */
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly #options: { bias: Tensor | null; stride: number[]; padding: number[]; dilation: number[]; groups: number };

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Size2d,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, ...placement }: Conv2dOptions = {},
  ) {
    super();
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new RangeError(
        `Conv2d: expected channels divisible by ${groups} groups, got ${inChannels} in and ${outChannels} out.`,
      );
    this.weight = parameter(empty([outChannels, inChannels / groups, ...pair(kernelSize)], placement));
    this.bias = bias ? parameter(empty([outChannels], placement)) : null;
    this.#options = { bias: null, stride: pair(stride), padding: pair(padding), dilation: pair(dilation), groups };
    this.stride = this.#options.stride;
    this.padding = this.#options.padding;
    this.dilation = this.#options.dilation;
    this.groups = groups;
    drawDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    this.#options.bias = this.bias;
    return conv2d(x, this.weight, this.#options);
  }
}
