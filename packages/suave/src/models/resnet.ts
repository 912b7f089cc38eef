/**
 * @file Residual networks with torchvision's parameter names, so that weights are interchangeable.
 * State-dict order: stem (conv1, bn1), stages layer1…, and `fc` if there is one.
 */
import { mean, nn, relu_, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import { Backbone } from './backbone.js';
import type { Placement } from './placement.js';
import { type BlockKind, createBlock, EXPANSION } from './residual-blocks.js';

/**
 * How the first layer looks: `imagenet` = 7×7 stride 2 and 3×3 max-pool stride 2 (SwAV writes its padding of 3 as a
 * pad layer of 1 and a padding of 2, which is the same); `cifar` = 3×3 stride 1 without pooling, for images of 18 to 64 px.
 */
export type Stem = 'imagenet' | 'cifar';

/** A residual network in numbers. */
export interface ResNetOptions extends Placement {
  readonly block: BlockKind;
  /** Blocks per stage; stage i has `planes · 2^i` planes and, from the second on, stride 2. */
  readonly blocks: readonly number[];
  /** Planes of the first stage and channels of the stem, before `width`. Default 64. */
  readonly planes?: number;
  /** Multiplies the stem and every stage (`widen` of SwAV). Default 1. */
  readonly width?: number;
  /** Default `imagenet`. */
  readonly stem?: Stem;
  /** Padding of the 3×3 `cifar` stem: 1 keeps the size (default), 2 grows it by 2 as solo-learn does. */
  readonly stemPadding?: 1 | 2;
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
  /** With a number, a linear classifier `fc` on the features, as torchvision's networks have. */
  readonly numClasses?: number;
}

function channels(base: number, width: number): number {
  const scaled = base * width;
  if (!(width > 0) || !Number.isInteger(scaled)) {
    throw new ConfigError(
      'model.width',
      `ResNet: expected a width > 0 that makes ${base} · width a whole number of channels, got ${width}. Use a multiple of ${1 / base}.`,
    );
  }
  return scaled;
}

/** A ResNet (He et al. 2015); `forward` gives pooled features [N, outFeatures], or logits where `numClasses` is set. */
export class ResNet extends Backbone {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly outFeatures: number;
  readonly #pool: nn.MaxPool2d | null;
  readonly #stages: nn.Sequential[];

  constructor(options: ResNetOptions) {
    super();
    const { block, blocks, stem = 'imagenet', stemPadding, inChannels = 3, dtype, device } = options;
    const placement: Placement = { ...(dtype ? { dtype } : {}), ...(device ? { device } : {}) };
    if (stem === 'imagenet' && stemPadding !== undefined) {
      throw new ConfigError(
        'model.stemPadding',
        'ResNet: stemPadding belongs to the cifar stem, got it with the imagenet stem. Leave it out.',
      );
    }
    const base = channels(options.planes ?? 64, options.width ?? 1);
    if (stem === 'imagenet') {
      this.conv1 = new nn.Conv2d(inChannels, base, 7, { stride: 2, padding: 3, bias: false, ...placement });
      nn.init.kaimingNormal_(this.conv1.weight, { mode: 'fanOut', nonlinearity: 'relu' });
    } else {
      // solo-learn replaces the first layer after construction, so it keeps a convolution's own initialisation
      this.conv1 = new nn.Conv2d(inChannels, base, 3, {
        stride: 1,
        padding: stemPadding ?? 1,
        bias: false,
        ...placement,
      });
    }
    this.bn1 = new nn.BatchNorm2d(base, placement);
    this.#pool = stem === 'imagenet' ? new nn.MaxPool2d(3, { stride: 2, padding: 1 }) : null;

    let width = base;
    const stages: Record<string, nn.Sequential> = {};
    for (const [i, count] of blocks.entries()) {
      const planes = base * 2 ** i;
      const stage: nn.Layer[] = [];
      for (let j = 0; j < count; j++) {
        stage.push(createBlock(block, width, planes, i > 0 && j === 0 ? 2 : 1, placement));
        width = planes * EXPANSION[block];
      }
      stages[`layer${i + 1}`] = new nn.Sequential(...stage);
    }
    this.#stages = Object.values(stages);
    this.outFeatures = width;
    Object.assign(this, stages);
    if (options.numClasses !== undefined) {
      Object.assign(this, { fc: new nn.Linear(width, options.numClasses, placement) });
    }
  }

  /** The pooling behind the stem, null for the `cifar` stem. */
  get pool(): nn.MaxPool2d | null {
    return this.#pool;
  }

  /** Stages of residual blocks, in order. */
  get stages(): readonly nn.Sequential[] {
    return this.#stages;
  }

  override featureMap(images: Tensor): Tensor {
    return scope(() => {
      let x = relu_(this.bn1.forward(this.conv1.forward(images)));
      if (this.#pool) x = this.#pool.forward(x);
      for (const stage of this.#stages) x = stage.forward(x);
      return x;
    });
  }

  override forward(images: Tensor): Tensor {
    return scope(() => {
      const features = mean(this.featureMap(images), [2, 3]);
      const { fc } = this as { fc?: nn.Linear };
      return fc ? fc.forward(features) : features;
    });
  }
}
