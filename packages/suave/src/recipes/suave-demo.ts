/** @file `suave-demo`: the recipe of `suave demo`, ten classes of drawn shapes in minutes on two cores. */
import {
  baselineOf,
  commonConfig,
  commonData,
  labeledColors,
  suaveDefaults,
  suaveLars,
  swavColors,
  withPreset,
} from './parts.js';
import type { Recipe } from './recipe.js';
import type { SuaveStage } from './schema.js';

const suave: SuaveStage = {
  ...suaveDefaults,
  name: 'suave',
  epochs: 20,
  init: 'nothing',
  batch: { unlabeled: 64, labeled: 32 },
  views: {
    unlabeled: [
      { ...swavColors, name: 'global', count: 2, size: 32, scale: [0.5, 1], blur: null },
      { ...swavColors, name: 'local', count: 2, size: 20, scale: [0.2, 0.5], blur: null },
    ],
    labeled: { ...labeledColors, name: 'labeled', count: 1, size: 32, scale: [0.4, 1] },
  },
  epsilon: 0.05,
  queue: { size: 0, startEpoch: 0 },
  optimizer: { ...suaveLars, lr: 1.4, startLr: 0, finalLr: 0.001, warmupEpochs: 1, weightDecay: 3e-6 },
};

export const suaveDemo: Recipe = {
  name: 'suave-demo',
  description: 'the drawn shapes of `suave demo`: 32 pixels, a small network, minutes on two cores',
  build(facts, hints) {
    const last: SuaveStage = { ...structuredClone(suave), epochs: hints.epochs ?? suave.epochs };
    last.optimizer.warmupEpochs = Math.min(last.optimizer.warmupEpochs, last.epochs / 4);
    const stepsPerEpoch = Math.max(1, Math.floor(facts.numTrain / last.batch.unlabeled));
    return {
      config: withPreset({
        ...structuredClone(commonConfig),
        recipe: 'suave-demo',
        preset: hints.preset ?? 'paper',
        device: facts.device,
        threads: facts.threads,
        data: { ...commonData, cacheSide: 40 },
        normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
        model: { arch: hints.arch ?? 'resnet8', width: 2, stem: 'cifar', hidden: [256], outputDim: 128 },
        evaluation: { resize: 32, crop: 32, interpolation: 'bilinear', batch: 250 },
        stages: [last],
        baseline: baselineOf(last, last.epochs, stepsPerEpoch, {
          kind: 'sgd',
          lr: 0.05,
          startLr: 0,
          finalLr: 0,
          warmupEpochs: Math.min(1, last.epochs / 4),
          weightDecay: 5e-4,
          momentum: 0.9,
          nesterov: true,
        }),
      }),
      notes: [],
    };
  },
};
