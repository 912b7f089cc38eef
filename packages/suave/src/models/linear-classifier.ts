/** @file A backbone with a linear classifier: what supervised training alone and linear probes use. */
import { cat, mean, nn, noGrad, scope, stack, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import type { Backbone } from './backbone.js';
import { BackboneModel } from './backbone-model.js';
import type { Placement } from './placement.js';
import { VisionTransformer } from './vision-transformer.js';

/** A network from images to class scores. */
export interface ClassifierNetwork extends nn.Module {
  /** Class scores [N, K] of images [N, C, H, W]. */
  classify(images: Tensor): Tensor;
  /** Called before each training step: scales prototypes to unit length where the network has some. */
  normalizePrototypes_?(): void;
}

/** What a linear classifier reads from a vision transformer. */
export interface TransformerFeatures {
  /** n, blocks from the last one back whose class tokens are concatenated. */
  readonly lastBlocks: number;
  /** Whether the mean of the patch tokens of each of them is read too. */
  readonly averagePatches: boolean;
}

/** Options of `LinearClassifier`. */
export interface LinearClassifierOptions extends Placement {
  /** Only with a vision transformer; null, the default, is the backbone's own feature. */
  readonly features?: TransformerFeatures | null;
  /** The backbone stays as it is: always in evaluation mode, without gradient. Default false. */
  readonly frozenBackbone?: boolean;
}

/** First weights of a linear classifier. */
export type ClassifierInit = 'uniform' | 'normal-0.01' | 'zeros';

/**
 * Features [N, F] of images as a linear probe of DINO reads them: the class tokens of the last n blocks after the final norm,
 * side by side, F = n·C; with `averagePatches` each entry is followed by its mean over the patch tokens
 * (`cls_0, avg_0, cls_1, avg_1, …`), F = 2·n·C.
 */
export function transformerFeatures(
  backbone: VisionTransformer,
  images: Tensor,
  { lastBlocks, averagePatches }: TransformerFeatures,
): Tensor {
  return scope(() => {
    const layers = backbone.intermediateLayers(images, lastBlocks);
    const classes_NF = cat(
      layers.map((tokens_NTC) => tokens_NTC.select(1, 0)),
      { dim: 1 },
    );
    if (!averagePatches) return classes_NF;
    const patches_NF = cat(
      layers.map((tokens_NTC) => mean(tokens_NTC.narrow(1, 1, tokens_NTC.shape[1] - 1), [1])),
      { dim: 1 },
    );
    return stack([classes_NF, patches_NF], { dim: 2 }).flatten({ startDim: 1 });
  });
}

/** `fc(feature(images))`; keys are torchvision's (`conv1.weight` … `fc.weight`, `fc.bias`). */
export class LinearClassifier extends BackboneModel implements ClassifierNetwork {
  readonly fc: nn.Linear;
  /** Whether only the classifier learns. */
  readonly frozenBackbone: boolean;
  /** What it reads of a transformer, null for the backbone's own feature. */
  readonly features: TransformerFeatures | null;

  /**
   * @param backbone  taken over: disposed with the model
   * @throws ConfigError (`features`) for features of a transformer that the backbone is not, or of more blocks than it has
   */
  constructor(backbone: Backbone, numClasses: number, options: LinearClassifierOptions = {}) {
    super(backbone);
    const { features = null, frozenBackbone = false, ...placement } = options;
    this.fc = new nn.Linear(probeWidth(backbone, features), numClasses, placement);
    this.frozenBackbone = frozenBackbone;
    this.features = features;
    if (frozenBackbone) {
      backbone.requiresGrad_(false);
      this.train();
    }
  }

  /** What the classifier reads, [N, F]; without gradient where the backbone is frozen. */
  feature(images: Tensor): Tensor {
    return this.frozenBackbone ? noGrad(() => this.#feature(images)) : this.#feature(images);
  }

  #feature(images: Tensor): Tensor {
    return this.features !== null && this.backbone instanceof VisionTransformer
      ? transformerFeatures(this.backbone, images, this.features)
      : this.backbone.forward(images);
  }

  forward(images: Tensor): Tensor {
    return scope(() => this.fc.forward(this.feature(images)));
  }

  classify(images: Tensor): Tensor {
    return this.forward(images);
  }

  /** Draws the classifier anew, from torch's generator: PyTorch's default, N(0, 0.01²) with zero bias, or zeros. */
  initializeClassifier_(init: ClassifierInit): void {
    if (init === 'uniform') return; // as nn.Linear has drawn it
    if (init === 'zeros') nn.init.zeros_(this.fc.weight);
    else nn.init.normal_(this.fc.weight, 0, 0.01);
    if (this.fc.bias) nn.init.zeros_(this.fc.bias);
  }

  override train(mode = true): this {
    super.train(mode);
    if (this.frozenBackbone) this.backbone.eval();
    return this;
  }
}

function probeWidth(backbone: Backbone, features: TransformerFeatures | null): number {
  if (features === null) return backbone.outFeatures;
  if (!(backbone instanceof VisionTransformer)) {
    throw new ConfigError(
      'features',
      'LinearClassifier: expected a vision transformer to read features of its blocks, got another backbone. Set features to null.',
    );
  }
  const depth = backbone.blocks.length;
  if (features.lastBlocks > depth) {
    throw new ConfigError(
      'features.lastBlocks',
      `LinearClassifier: expected features of at most ${depth} blocks, got ${features.lastBlocks}. Read fewer.`,
    );
  }
  return features.lastBlocks * backbone.outFeatures * (features.averagePatches ? 2 : 1);
}
