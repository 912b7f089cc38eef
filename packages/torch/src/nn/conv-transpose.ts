/** @file Transposed convolutions, which enlarge. Legend: N images, C channels, L length, H × W pixels. */
import { convTranspose1d, convTranspose2d, empty } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { checkGroups, explainedConv } from './conv.js';
import { drawDefault } from './linear.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe } from './repr.js';
import { type Size1d, type Size2d, shapeText, sizes } from './sizes.js';

/** Options of the transposed convolutions; defaults are PyTorch's. */
export interface ConvTransposeOptions<Size> extends TensorPlacement {
  /** Step of the kernel in the output; default 1. */
  readonly stride?: Size;
  /** Taken away on each side of the output; default 0. */
  readonly padding?: Size;
  /** Added at the end of the output, below the stride or the dilation; default 0. */
  readonly outputPadding?: Size;
  /** Number of groups of channels that do not see each other; default 1. */
  readonly groups?: number;
  /** Whether there is a bias; default true. */
  readonly bias?: boolean;
  /** Distance between the taps of the kernel; default 1. */
  readonly dilation?: Size;
}

/** Options of {@link ConvTranspose1d}. */
export type ConvTranspose1dOptions = ConvTransposeOptions<Size1d>;
/** Options of {@link ConvTranspose2d}. */
export type ConvTranspose2dOptions = ConvTransposeOptions<Size2d>;

const OPTIONS = ['stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation', 'dtype', 'device'];
const OPERATORS = [convTranspose1d, convTranspose2d] as const;

abstract class TransposedConvolution extends Module {
  /** [in, out / groups, …kernel]. */
  weight: Tensor;
  /** [out], or null. */
  bias: Tensor | null;
  /** One number for each dimension, as all sizes here. */
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;

  protected constructor(
    count: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvTransposeOptions<number | readonly number[]>,
  ) {
    super();
    checkOptions(new.target.name, options, OPTIONS);
    const { stride = 1, padding = 0, outputPadding = 0, groups = 1, bias = true, dilation = 1 } = options;
    const { dtype, device } = options;
    checkGroups(this, inChannels, outChannels, groups);
    this.kernelSize = sizes(kernelSize, count);
    this.stride = sizes(stride, count);
    this.padding = sizes(padding, count);
    this.outputPadding = sizes(outputPadding, count);
    this.dilation = sizes(dilation, count);
    this.groups = groups;
    this.weight = parameter(empty([inChannels, outChannels / groups, ...this.kernelSize], { dtype, device }));
    this.bias = bias ? parameter(empty([outChannels], { dtype, device })) : null;
    drawDefault(this.weight, this.bias);
  }

  /** Padding of the output that gives the wanted size. */
  #outputPaddingFor(x: Tensor, wanted: readonly number[]): number[] {
    const { kernelSize, stride, padding, dilation } = this;
    const count = kernelSize.length;
    const smallest = x.shape
      .slice(-count)
      .map((size, i) => (size - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (kernelSize[i]! - 1) + 1);
    const missing = wanted.slice(-count).map((size, i) => size - smallest[i]!);
    const limits = stride.map((step) => step - 1);
    if (missing.length !== count || missing.some((size, i) => !(size >= 0 && size <= limits[i]!))) {
      const largest = smallest.map((size, i) => size + limits[i]!);
      throw new RangeError(
        `${this.constructor.name}: expected an output size from ${shapeText(smallest)} to ${shapeText(largest)}, got ${shapeText(wanted)}.`,
      );
    }
    return missing;
  }

  /**
   * @param outputSize  size of the output, its last dimensions at least; chooses `outputPadding` for this call
   * @throws ShapeError when the input has other dimensions or channels
   */
  forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    const count = this.kernelSize.length;
    const outputPadding = outputSize === undefined ? this.outputPadding : this.#outputPaddingFor(x, outputSize);
    const { bias, stride, padding, groups, dilation } = this;
    try {
      return OPERATORS[count - 1]!(x, this.weight, { bias, stride, padding, outputPadding, groups, dilation });
    } catch (error) {
      throw explainedConv(error, this, x, count, this.inChannels);
    }
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, outputPadding, dilation, groups, bias } = this;
    const unless = (value: readonly number[], usual: number) =>
      value.every((size) => size === usual) ? undefined : value;
    return describe([this.inChannels, this.outChannels], {
      kernel_size: kernelSize,
      stride,
      padding: unless(padding, 0),
      dilation: unless(dilation, 1),
      output_padding: unless(outputPadding, 0),
      groups: groups === 1 ? undefined : groups,
      bias: bias === null ? false : undefined,
    });
  }
}

/** The gradient of a Conv1d as a layer (PyTorch's nn.ConvTranspose1d): [N, C, L] → [N, out, L']. */
export class ConvTranspose1d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1d, options: ConvTranspose1dOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** The gradient of a Conv2d as a layer (PyTorch's nn.ConvTranspose2d): [N, C, H, W] → [N, out, H', W']. */
export class ConvTranspose2d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: ConvTranspose2dOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}
