/**
 * @file `suave-cifar10`: SwAV pre-training, then Suave, for 32-pixel images (specification 8.3 with K = 10, 8.5).
 * Sources: P the paper's CIFAR-100 settings, L solo-learn's multi-crop SwAV settings for CIFAR, I inferred there.
 */
import { cifar10Normalization } from '../augment/normalization.js';
import {
  baselineOf,
  commonConfig,
  commonData,
  labeledColors,
  normalizationConfig,
  noTransformer,
  plainSchedule,
  suaveDefaults,
  suaveLars,
  swavColors,
  withPreset,
} from './parts.js';
import type { Recipe } from './recipe.js';
import type { OptimizerConfig, SuaveStage, SwavStage, ViewConfig } from './schema.js';

/** What both global views of SwAV share; the second one is solarized now and then. */
const swavGlobal = {
  ...swavColors,
  count: 1,
  size: 32,
  scale: [0.2, 1], // L
  interpolation: 'bicubic', // L
  jitter: { brightness: 0.6, contrast: 0.6, saturation: 0.6, hue: 0.2, prob: 0.8 }, // L
  blur: null, // L
} satisfies Partial<ViewConfig>;

/** SwAV on 32 pixels: 2 x 32 + 6 x 18 crops, 3000 prototypes, queue from epoch 50 (L), 500 epochs (P). */
const swav: SwavStage = {
  name: 'swav',
  method: 'swav',
  epochs: 500, // P: SwAV trained 500 epochs
  init: 'nothing',
  batch: { unlabeled: 256 }, // L
  views: {
    unlabeled: [
      { ...swavGlobal, name: 'global-0' },
      { ...swavGlobal, name: 'global-1', solarize: { prob: 0.2, threshold: 128 } }, // L
      {
        ...swavColors,
        name: 'local',
        count: 6, // L
        size: 18, // L
        scale: [0.08, 0.5], // L
        interpolation: 'bicubic', // L
        blur: { prob: 0.1, sigma: [0.1, 2] }, // L
        solarize: { prob: 0.1, threshold: 128 }, // L
      },
    ],
  },
  prototypes: [3000], // L, S
  temperature: 0.1, // L, S
  epsilon: 0.05, // L, S
  sinkhornIterations: 3, // S
  queue: { size: 3840, startEpoch: 50 }, // L, scaled to 500 epochs
  freezePrototypesEpochs: 2, // L
  optimizer: {
    ...suaveLars,
    lr: 0.6, // L, batch 256
    startLr: 3e-5, // L
    finalLr: 0.0006, // L, multi-crop
    warmupEpochs: 10, // L
    weightDecay: 1e-6, // L
    trust: 0.02, // L
    clip: true, // L
    excludeOneDimensional: true, // L
  },
};

const suave: SuaveStage = {
  ...suaveDefaults,
  name: 'suave',
  epochs: 200, // P
  init: 'backbone', // C: the projection head starts anew
  batch: { unlabeled: 128, labeled: 100, labeledRepeats: 1 }, // P
  views: {
    unlabeled: [
      { ...swavColors, name: 'global', count: 2, size: 32, scale: [0.6, 1] }, // P
      { ...swavColors, name: 'local', count: 4, size: 18, scale: [0.1, 0.6] }, // P; 18 pixels: I
    ],
    labeled: { ...labeledColors, name: 'labeled', count: 1, size: 32, scale: [0.08, 1] }, // P: as on ImageNet
  },
  mixing: { labeled: 'extend', unlabeled: 'all', cutmixProb: 0.5, beta: 1, prob: 1, positions: 'true' }, // P: local crops are mixed too
  epsilon: 0.086, // P
  queue: { size: 3840, startEpoch: 0 }, // P, C
  momentumEncoder: { momentum: 0.99, schedule: 'cosine' }, // P
  optimizer: {
    ...suaveLars,
    lr: 2.8, // P, taken as absolute (I)
    startLr: 0, // C
    finalLr: 0.001, // C
    warmupEpochs: 5, // C
    weightDecay: 3e-6, // P
  },
};

/** Supervised-only: SGD .05 with momentum .9 and weight decay 5e-4, the usual choice for ResNets on CIFAR (ours). */
const baselineOptimizer: OptimizerConfig = {
  ...plainSchedule,
  kind: 'sgd',
  lr: 0.05,
  startLr: 0,
  finalLr: 0,
  warmupEpochs: 1,
  weightDecay: 5e-4,
  momentum: 0.9,
  nesterov: true,
};

export const suaveCifar10: Recipe = {
  name: 'suave-cifar10',
  description: 'SwAV pre-training, then Suave, for 32-pixel images with a ResNet-18; a long run, meant for a GPU',
  build(facts, hints) {
    const last: SuaveStage = { ...structuredClone(suave), epochs: hints.epochs ?? suave.epochs };
    last.optimizer.warmupEpochs = Math.min(last.optimizer.warmupEpochs, last.epochs / 4);
    const stepsPerEpoch = Math.max(1, Math.floor(facts.numTrain / last.batch.unlabeled));
    return {
      config: withPreset({
        ...structuredClone(commonConfig),
        recipe: 'suave-cifar10',
        preset: hints.preset ?? 'paper',
        device: facts.device,
        threads: facts.threads,
        data: { ...commonData, cacheSide: 32 },
        normalization: normalizationConfig(cifar10Normalization),
        model: {
          arch: hints.arch ?? 'resnet18',
          width: 1,
          stem: 'cifar',
          hidden: [2048],
          outputDim: 128,
          ...noTransformer,
        }, // arch: 8.3, the cheap one
        evaluation: { resize: 32, crop: 32, interpolation: 'bilinear', batch: 250 }, // no crop (L)
        stages: [structuredClone(swav), last],
        baseline: baselineOf(
          last,
          Math.max(1, Math.round(last.epochs / 4)),
          stepsPerEpoch,
          structuredClone(baselineOptimizer),
        ),
      }),
      notes: [],
    };
  },
};
