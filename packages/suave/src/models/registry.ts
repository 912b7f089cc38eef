/** @file The backbones by name. */
import { ConfigError, didYouMean } from '../errors.js';
import type { Backbone } from './backbone.js';
import type { Placement } from './residual-blocks.js';
import { ResNet, type ResNetOptions, type Stem } from './resnet.js';

/** Options of a named backbone; what is left out takes the architecture's own value. */
export interface BackboneOptions extends Placement {
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
  /** Multiplies every channel count. Default 1. */
  readonly width?: number;
  /** Default `imagenet` for resnet18/34/50, `cifar` for the small family. */
  readonly stem?: Stem;
  /** Padding of the `cifar` stem. Default 1. */
  readonly stemPadding?: 1 | 2;
  /** With a number, a linear classifier `fc` on the features. */
  readonly numClasses?: number;
}

type Architecture = Pick<ResNetOptions, 'block' | 'blocks' | 'planes' | 'stem'>;

/** Three stages of 16, 32 and 64 planes: the CIFAR networks of He et al. 2015, section 4.2. */
function small(blocksPerStage: number): Architecture {
  return { block: 'basic', blocks: new Array(3).fill(blocksPerStage), planes: 16, stem: 'cifar' };
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  resnet8: small(1),
  resnet14: small(2),
  resnet20: small(3),
  resnet18: { block: 'basic', blocks: [2, 2, 2, 2] },
  resnet34: { block: 'basic', blocks: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', blocks: [3, 4, 6, 3] },
};

/** Names that `createBackbone` knows, smallest first. */
export const backboneNames: readonly string[] = Object.keys(ARCHITECTURES);

/**
 * Makes a backbone by name with fresh weights (drawn from torch's generator).
 * @throws ConfigError (`model.arch`) for an unknown name, with the nearest known one
 */
export function createBackbone(arch: string, options: BackboneOptions = {}): Backbone {
  const architecture = Object.hasOwn(ARCHITECTURES, arch) ? ARCHITECTURES[arch] : undefined;
  if (!architecture) {
    throw new ConfigError(
      'model.arch',
      `createBackbone: expected a known architecture, got "${arch}".${didYouMean(arch, backboneNames)}`,
      { code: 'UNKNOWN_ARCHITECTURE' },
    );
  }
  return new ResNet({ ...architecture, ...definedOnly(options) });
}

function definedOnly(options: BackboneOptions): BackboneOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
