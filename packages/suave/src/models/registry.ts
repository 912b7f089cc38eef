/** @file The backbones by name. */
import { ConfigError, didYouMean } from '../errors.js';
import type { Backbone } from './backbone.js';
import type { Placement } from './placement.js';
import { ResNet, type ResNetOptions, type Stem } from './resnet.js';
import { VisionTransformer } from './vision-transformer.js';
import { WideResNet } from './wide-resnet.js';

/** What kind of network a backbone is: it decides which options it has. */
export type BackboneFamily = 'resnet' | 'wide-resnet' | 'vision-transformer';

/** Options of a named backbone; what is left out takes the architecture's own value. */
export interface BackboneOptions extends Placement {
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
  /** Multiplies every channel count (the number of heads, for transformers). Default 1. */
  readonly width?: number;
  /** ResNets. Default `imagenet` for resnet18/34/50, `cifar` for the small family. Wide ones are `cifar` always. */
  readonly stem?: Stem;
  /** ResNets: padding of the `cifar` stem. Default 1. */
  readonly stemPadding?: 1 | 2;
  /** ResNets: with a number, a linear classifier `fc` on the features. */
  readonly numClasses?: number;
  /** Vision transformers: side of a patch in pixels. Default 16. */
  readonly patchSize?: number;
  /** Vision transformers: side of the images that the position encoding is made for, in pixels. Default 224. */
  readonly imageSize?: number;
  /** Vision transformers: stochastic depth of the last block. Default 0. */
  readonly dropPathRate?: number;
}

type Architecture =
  | ({ readonly family: 'resnet' } & Pick<ResNetOptions, 'block' | 'blocks' | 'planes' | 'stem'>)
  | { readonly family: 'wide-resnet'; readonly depth: number; readonly widen: number }
  | { readonly family: 'vision-transformer'; readonly heads: number };

/** Three stages of 16, 32 and 64 planes: the CIFAR networks of He et al. 2015, section 4.2. */
function small(blocksPerStage: number): Architecture {
  return { family: 'resnet', block: 'basic', blocks: new Array(3).fill(blocksPerStage), planes: 16, stem: 'cifar' };
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  resnet8: small(1),
  resnet14: small(2),
  resnet20: small(3),
  resnet18: { family: 'resnet', block: 'basic', blocks: [2, 2, 2, 2] },
  resnet34: { family: 'resnet', block: 'basic', blocks: [3, 4, 6, 3] },
  resnet50: { family: 'resnet', block: 'bottleneck', blocks: [3, 4, 6, 3] },
  'wrn-28-2': { family: 'wide-resnet', depth: 28, widen: 2 },
  'wrn-28-8': { family: 'wide-resnet', depth: 28, widen: 8 },
  vit_tiny: { family: 'vision-transformer', heads: 3 },
  vit_small: { family: 'vision-transformer', heads: 6 },
  vit_base: { family: 'vision-transformer', heads: 12 },
};

/** Options that only some families have. */
const BELONGS_TO: Readonly<Partial<Record<keyof BackboneOptions, BackboneFamily>>> = {
  stem: 'resnet',
  stemPadding: 'resnet',
  numClasses: 'resnet',
  patchSize: 'vision-transformer',
  imageSize: 'vision-transformer',
  dropPathRate: 'vision-transformer',
};

/** Names that `createBackbone` knows, by family and size. */
export const backboneNames: readonly string[] = Object.keys(ARCHITECTURES);

function architectureOf(arch: string): Architecture {
  if (Object.hasOwn(ARCHITECTURES, arch)) return ARCHITECTURES[arch];
  throw new ConfigError(
    'model.arch',
    `createBackbone: expected a known architecture, got "${arch}".${didYouMean(arch, backboneNames)}`,
    { code: 'UNKNOWN_ARCHITECTURE' },
  );
}

/** The family of a named backbone. @throws ConfigError (`model.arch`) for an unknown name */
export function backboneFamily(arch: string): BackboneFamily {
  return architectureOf(arch).family;
}

/**
 * Makes a backbone by name with fresh weights (drawn from torch's generator).
 * @throws ConfigError (`model.arch`) for an unknown name, with the nearest known one; for an option of another family
 */
export function createBackbone(arch: string, options: BackboneOptions = {}): Backbone {
  const architecture = architectureOf(arch);
  const given = definedOnly(options);
  for (const [option, family] of Object.entries(BELONGS_TO)) {
    if (!(option in given) || family === architecture.family) continue;
    if (option === 'stem' && given.stem === 'cifar' && architecture.family === 'wide-resnet') continue;
    throw new ConfigError(
      `model.${option}`,
      `createBackbone: expected options of a ${architecture.family}, got ${option}, which belongs to a ${family}. Leave it out for ${arch}.`,
    );
  }
  switch (architecture.family) {
    case 'resnet':
      return new ResNet({ ...architecture, ...given });
    case 'wide-resnet':
      return new WideResNet({ ...architecture, ...given });
    case 'vision-transformer':
      return createTransformer(architecture.heads, given);
  }
}

/** Heads of 64 channels, 12 blocks, biases on queries, keys and values, layer-norm eps 1e-6 (Touvron et al. 2021). */
function createTransformer(baseHeads: number, { width = 1, ...options }: BackboneOptions): Backbone {
  const heads = baseHeads * width;
  if (!(heads > 0 && Number.isInteger(heads))) {
    throw new ConfigError(
      'model.width',
      `createBackbone: expected a width that makes ${baseHeads} · width a whole number of heads, got ${width}. Use a multiple of 1/${baseHeads}.`,
    );
  }
  return new VisionTransformer({
    embedDim: 64 * heads,
    depth: 12,
    heads,
    qkvBias: true,
    layerNormEps: 1e-6,
    ...options,
  });
}

function definedOnly(options: BackboneOptions): BackboneOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
