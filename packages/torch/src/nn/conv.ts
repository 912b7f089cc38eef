/** @file Convolutions. Legend: N images, C channels, L length, D × H × W voxels or pixels. */
import { conv1d, conv2d, conv3d, empty, pad } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { drawDefault } from './linear.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe } from './repr.js';
import { explained, type Size1d, type Size2d, type Size3d, sizes } from './sizes.js';

/** What stands beyond the border: zeros, the mirrored inside, its edge, or its other end. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Options of the convolutions; defaults are PyTorch's. */
export interface ConvOptions<Size> extends TensorPlacement {
  /** Step of the kernel; default 1. */
  readonly stride?: Size;
  /** Added on each side, default 0 (`'valid'`); `'same'` keeps the size, with a stride of 1. */
  readonly padding?: Size | 'same' | 'valid';
  /** Distance between the taps of the kernel; default 1. */
  readonly dilation?: Size;
  /** Number of groups of channels that do not see each other; default 1. */
  readonly groups?: number;
  /** Whether there is a bias; default true. */
  readonly bias?: boolean;
  /** Default `zeros`. */
  readonly paddingMode?: PaddingMode;
}

/** Options of {@link Conv1d}. */
export type Conv1dOptions = ConvOptions<Size1d>;
/** Options of {@link Conv2d}. */
export type Conv2dOptions = ConvOptions<Size2d>;
/** Options of {@link Conv3d}. */
export type Conv3dOptions = ConvOptions<Size3d>;

const LAYOUTS = ['[N, C, L]', '[N, C, H, W]', '[N, C, D, H, W]'] as const;
const OPTIONS = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode', 'dtype', 'device'];
const OPERATORS = [conv1d, conv2d, conv3d] as const;

/** @throws RangeError when channels cannot be split into the groups */
export function checkGroups(layer: object, inChannels: number, outChannels: number, groups: number): void {
  if (!(groups >= 1) || inChannels % groups !== 0 || outChannels % groups !== 0)
    throw new RangeError(
      `${layer.constructor.name}: expected channels divisible by ${groups} groups, got ${inChannels} in and ${outChannels} out.`,
    );
}

/** `[N, 3, H, W]`, the shape that a layer of `count` dimensions takes; without N it is one image. */
export function explainedConv(error: unknown, layer: object, x: Tensor, count: number, channels: number): unknown {
  const expected = LAYOUTS[count - 1]!.replace('C', String(channels));
  const fits = (shape: readonly number[]) => {
    const batched = shape.length === count + 2;
    return (batched || shape.length === count + 1) && shape[batched ? 1 : 0] === channels;
  };
  return explained(error, layer, x, fits, expected);
}

/** Borders in the order of `pad`: the last dimension first, [before, after] each. */
function borders(
  padding: readonly number[] | string,
  kernel: readonly number[],
  dilation: readonly number[],
): number[] {
  if (typeof padding !== 'string') return padding.toReversed().flatMap((size) => [size, size]);
  const totals = kernel.map((size, i) => (padding === 'same' ? dilation[i]! * (size - 1) : 0)).toReversed();
  return totals.flatMap((total) => [Math.floor(total / 2), Math.ceil(total / 2)]);
}

abstract class Convolution extends Module {
  /** [out, in / groups, …kernel]. */
  weight: Tensor;
  /** [out], or null. */
  bias: Tensor | null;
  /** One number for each dimension, as stride and dilation. */
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  /** One number for each dimension, or by name. */
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  readonly #count: number;
  readonly #options: {
    bias: Tensor | null;
    stride: number[];
    padding: number[];
    dilation: number[];
    groups: number;
  };
  /** Borders that are added before the convolution, where the operator itself cannot. */
  readonly #borders: number[] | null;

  protected constructor(
    count: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvOptions<number | readonly number[]>,
  ) {
    super();
    checkOptions(new.target.name, options, OPTIONS);
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options;
    const { dtype, device } = options;
    checkGroups(this, inChannels, outChannels, groups);
    this.#count = count;
    this.kernelSize = sizes(kernelSize, count);
    this.stride = sizes(stride, count);
    this.dilation = sizes(dilation, count);
    this.padding = typeof padding === 'string' ? padding : sizes(padding, count);
    this.groups = groups;
    this.paddingMode = paddingMode;
    if (padding === 'same' && this.stride.some((step) => step !== 1))
      throw new RangeError(
        `${this.constructor.name}: expected a stride of 1 with padding 'same', got ${this.stride.join(' × ')}. Give the padding as numbers.`,
      );
    const around = borders(this.padding, this.kernelSize, this.dilation);
    const uneven = around.some((size, i) => i % 2 === 1 && size !== around[i - 1]);
    this.#borders = (paddingMode !== 'zeros' || uneven) && around.some((size) => size > 0) ? around : null;
    this.#options = {
      bias: null,
      stride: [...this.stride],
      padding: this.#borders === null ? around.filter((_, i) => i % 2 === 0).toReversed() : sizes(0, count),
      dilation: [...this.dilation],
      groups,
    };
    this.weight = parameter(empty([outChannels, inChannels / groups, ...this.kernelSize], { dtype, device }));
    this.bias = bias ? parameter(empty([outChannels], { dtype, device })) : null;
    drawDefault(this.weight, this.bias);
  }

  /** @throws ShapeError when the input has other dimensions or channels */
  forward(x: Tensor): Tensor {
    const operator = OPERATORS[this.#count - 1]!;
    this.#options.bias = this.bias;
    try {
      if (this.#borders === null) return operator(x, this.weight, this.#options);
      const mode = this.paddingMode === 'zeros' ? 'constant' : this.paddingMode;
      return scope(() => operator(pad(x, this.#borders!, { mode }), this.weight, this.#options));
    } catch (error) {
      throw explainedConv(error, this, x, this.#count, this.inChannels);
    }
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, groups, bias, paddingMode } = this;
    const unless = (value: readonly number[], usual: number) =>
      value.every((size) => size === usual) ? undefined : value;
    return describe([this.inChannels, this.outChannels], {
      kernel_size: kernelSize,
      stride,
      padding: typeof padding === 'string' ? padding : unless(padding, 0),
      dilation: unless(dilation, 1),
      groups: groups === 1 ? undefined : groups,
      bias: bias === null ? false : undefined,
      padding_mode: paddingMode === 'zeros' ? undefined : paddingMode,
    });
  }
}

/** Cross-correlation along one dimension (PyTorch's nn.Conv1d): [N, C, L] → [N, out, L']. */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1d, options: Conv1dOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** Cross-correlation of images (PyTorch's nn.Conv2d): [N, C, H, W] → [N, out, H', W']. */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: Conv2dOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** Cross-correlation of volumes (PyTorch's nn.Conv3d): [N, C, D, H, W] → [N, out, D', H', W']. */
export class Conv3d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size3d, options: Conv3dOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
