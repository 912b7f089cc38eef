/**
 * @file A linear classifier on cached features: quick, because every image is seen by the backbone once, without augmentation.
 * The published protocol augments the images: recipes swav-linear and dino-linear. Shapes: M bank rows, N queries, F features.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromTypedArray, keep, manualSeed, mean, nn, noGrad, optim, scope, type Tensor } from '@suave/torch';
import { createSampler } from '../data/index.js';
import type { FeatureBank } from './knn.js';

/** How a probe is trained. */
export interface LinearProbeOptions {
  /** K. */
  readonly numClasses: number;
  /** Of first weights and order. */
  readonly seed: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | null;
}

/** Epochs, and the least number of steps where the bank is small; ours. */
const epochs = 100;
const leastSteps = 1000;
/** SGD .3 for a batch of 256 with momentum .9 and weight decay 1e-6 as SwAV-linear has it; half a cosine, step by step. */
const settings = { lr: 0.3, batch: 256, momentum: 0.9, weightDecay: 1e-6 } as const;

/** A trained linear classifier; owns its tensors. */
export class LinearProbe {
  readonly #mean: Tensor;
  readonly #scale: number;
  readonly #classifier: nn.Linear;

  private constructor(center: Tensor, scale: number, classifier: nn.Linear) {
    this.#mean = center;
    this.#scale = scale;
    this.#classifier = classifier;
  }

  /**
   * Trains a classifier on a bank, one weight N(0, 0.01²) after another. The bank's features are centered and scaled to a mean square
   * of 1, so that one learning rate fits every backbone.
   * @param bank  kept, on the device where the classifier trains
   */
  static async train({ features, labels }: FeatureBank, options: LinearProbeOptions): Promise<LinearProbe> {
    const [numImages, width] = features.shape;
    manualSeed(options.seed);
    const probe = noGrad(() =>
      scope(() => {
        const center = mean(features, [0], { keepdim: true });
        const square = features.sub(center).square().mean().item();
        const classifier = new nn.Linear(width, options.numClasses, { device: features.device });
        nn.init.normal_(classifier.weight, 0, 0.01);
        nn.init.zeros_(classifier.bias!);
        return new LinearProbe(keep(center), 1 / Math.sqrt(Math.max(square, 1e-12)), classifier);
      }),
    );
    try {
      await probe.#train(features, labels, numImages, options);
    } catch (error) {
      probe.dispose();
      throw error;
    }
    return probe;
  }

  async #train(features: Tensor, labels: Tensor, numImages: number, options: LinearProbeOptions): Promise<void> {
    const { seed, signal = null, onProgress } = options;
    const { momentum, weightDecay } = settings;
    const sampler = createSampler({ seed, stage: 0, stream: 'labeled', images: numImages, batchSize: settings.batch });
    const { batchesPerEpoch } = sampler;
    const total = Math.max(epochs, Math.ceil(leastSteps / batchesPerEpoch)) * batchesPerEpoch;
    const lr = (settings.lr * sampler.batchSize) / settings.batch;
    const optimizer = new optim.SGD(this.#classifier.parameters(), { lr, momentum, weightDecay });
    try {
      for (let step = 0; step < total; step++) {
        optimizer.paramGroups[0].lr = optim.cosine(lr, 0, step, total);
        scope(() => {
          const { indices } = sampler.batch(step);
          const rows = fromTypedArray(indices, [indices.length]).to({ dtype: 'int64', device: features.device });
          const scores = this.score(features.indexSelect(0, rows));
          nn.functional.crossEntropy(scores, labels.indexSelect(0, rows)).backward();
          optimizer.step();
          optimizer.zeroGrad();
        });
        if ((step + 1) % batchesPerEpoch !== 0) continue;
        signal?.throwIfAborted();
        onProgress?.(step + 1, total);
        await nextTurn();
      }
    } finally {
      optimizer.dispose();
    }
  }

  /** Scores [N, K] of features [N, F]. */
  score(features: Tensor): Tensor {
    return scope(() => this.#classifier.forward(features.sub(this.#mean).mul(this.#scale)));
  }

  dispose(): void {
    this.#mean.dispose();
    this.#classifier.dispose();
  }
}
