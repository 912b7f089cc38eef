/**
 * @file Wide residual networks for images of 32 pixels (Zagoruyko and Komodakis 2016) in the variant of the
 * semi-supervised learning literature: every convolution has a bias, leaky ReLU, slow batch-norm statistics.
 * Legend: N images. State-dict order: conv1, block1…block3 with `layer.{i}.{bn1,conv1,bn2,conv2,convShortcut}`, bn1.
 */
import { leakyRelu_, mean, nn, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import { Backbone } from './backbone.js';
import type { Placement } from './placement.js';

/** A wide residual network in numbers. */
export interface WideResNetOptions extends Placement {
  /** Layers: 6 · blocks per group + 4. */
  readonly depth: number;
  /** k: the groups have 16 k, 32 k and 64 k channels. */
  readonly widen: number;
  /** Multiplies every channel count, the first layer's too. Default 1. */
  readonly width?: number;
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
}

/** Slope of every rectifier below zero. */
export const leakySlope = 0.1;

const BATCH_NORM = { eps: 0.001, momentum: 0.001 };

/** Weights from N(0, 2 / fan_out); the bias keeps a convolution's own initialisation. */
function convolution(inChannels: number, outChannels: number, kernel: number, stride: number, placement: Placement) {
  const layer = new nn.Conv2d(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2, ...placement });
  nn.init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' });
  return layer;
}

/** Leaky ReLU of a batch norm's output, in place: batch norm needs its input only. */
function activate(normalized: Tensor): Tensor {
  return leakyRelu_(normalized, { negativeSlope: leakySlope });
}

interface WideBlockOptions extends Placement {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  /** Whether the shortcut of a block that changes the channels starts after bn1 as well: the network's first block. */
  readonly activateShortcut: boolean;
}

/**
 * A pre-activation block. Where the channels stay, conv1 sees the activated input and the shortcut the raw one. Where
 * they change, both see the same: activated in the network's first block, raw in the first of the other groups, whose
 * bn1 has weights (as published checkpoints do) but no part in the result and so no gradient.
 */
export class WideBlock extends nn.Module {
  readonly bn1: nn.BatchNorm2d;
  readonly conv1: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly convShortcut: nn.Conv2d | null;
  readonly #activateShortcut: boolean;

  constructor({ inChannels, outChannels, stride, activateShortcut, ...placement }: WideBlockOptions) {
    super();
    this.#activateShortcut = activateShortcut;
    this.bn1 = new nn.BatchNorm2d(inChannels, { ...BATCH_NORM, ...placement });
    this.conv1 = convolution(inChannels, outChannels, 3, stride, placement);
    this.bn2 = new nn.BatchNorm2d(outChannels, { ...BATCH_NORM, ...placement });
    this.conv2 = convolution(outChannels, outChannels, 3, 1, placement);
    this.convShortcut = inChannels === outChannels ? null : convolution(inChannels, outChannels, 1, stride, placement);
  }

  /** Whether both paths start at the input as it is, so that bn1 has no part in the result. */
  get startsRaw(): boolean {
    return this.convShortcut !== null && !this.#activateShortcut;
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const start = this.startsRaw ? x : activate(this.bn1.forward(x));
      const residual = this.conv2.forward(activate(this.bn2.forward(this.conv1.forward(start))));
      return residual.add_(this.convShortcut === null ? x : this.convShortcut.forward(start));
    });
  }
}

/** The blocks of one group; key `layer`. */
class WideGroup extends nn.Module {
  readonly layer: nn.Sequential;

  constructor(blocks: WideBlock[]) {
    super();
    this.layer = new nn.Sequential(...blocks);
  }

  forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
}

/** WRN-depth-k; `forward` gives pooled features [N, 64 k]. */
export class WideResNet extends Backbone {
  readonly conv1: nn.Conv2d;
  readonly block1: WideGroup;
  readonly block2: WideGroup;
  readonly block3: WideGroup;
  readonly bn1: nn.BatchNorm2d;
  readonly outFeatures: number;

  constructor({ depth, widen, width = 1, inChannels = 3, dtype, device }: WideResNetOptions) {
    super();
    const placement = { dtype, device };
    const perGroup = (depth - 4) / 6;
    if (!(Number.isInteger(perGroup) && perGroup > 0)) {
      throw new ConfigError(
        'model.arch',
        `WideResNet: expected a depth of 6 n + 4, got ${depth}. Use 10, 16, 22 or 28.`,
      );
    }
    const base = 16 * width;
    if (!(base > 0 && Number.isInteger(base) && Number.isInteger(base * widen))) {
      throw new ConfigError(
        'model.width',
        `WideResNet: expected a width > 0 that makes 16 · width a whole number of channels, got ${width}. Use a multiple of 1/16.`,
      );
    }
    const group = (index: number): WideGroup => {
      const outChannels = base * widen * 2 ** index;
      const before = index === 0 ? base : outChannels / 2;
      const block = (i: number) =>
        new WideBlock({
          inChannels: i === 0 ? before : outChannels,
          outChannels,
          stride: i === 0 && index > 0 ? 2 : 1,
          activateShortcut: index === 0,
          ...placement,
        });
      return new WideGroup(Array.from({ length: perGroup }, (_, i) => block(i)));
    };
    this.conv1 = convolution(inChannels, base, 3, 1, placement);
    this.block1 = group(0);
    this.block2 = group(1);
    this.block3 = group(2);
    this.outFeatures = base * widen * 4;
    this.bn1 = new nn.BatchNorm2d(this.outFeatures, { ...BATCH_NORM, ...placement });
  }

  override featureMap(images: Tensor): Tensor {
    return scope(() => {
      let x = this.conv1.forward(images);
      for (const group of [this.block1, this.block2, this.block3]) x = group.forward(x);
      return activate(this.bn1.forward(x));
    });
  }

  override forward(images: Tensor): Tensor {
    return scope(() => mean(this.featureMap(images), [2, 3]));
  }
}
