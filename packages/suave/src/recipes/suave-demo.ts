/**
 * @file `suave-demo`: the recipe of `suave demo`, ten classes of drawn shapes in minutes on two cores.
 * The numbers without a source are ours, found on these images; `docs/results.md` has what was tried.
 */
import {
  baselineOf,
  commonConfig,
  commonData,
  labeledColors,
  noTransformer,
  suaveDefaults,
  suaveLars,
  swavColors,
} from './parts.js';
import { withPreset } from './quirks.js';
import type { Recipe } from './recipe.js';
import type { OptimizerConfig, SuaveStage } from './schema.js';

const suave: SuaveStage = {
  ...suaveDefaults,
  name: 'suave',
  epochs: 25,
  init: 'nothing',
  batch: { unlabeled: 64, labeled: 30, labeledRepeats: 1 },
  views: {
    // Two large crops: a small one would cut away what tells the shape. No blur: at 32 pixels it does the same.
    unlabeled: [{ ...swavColors, name: 'global', count: 2, size: 32, scale: [0.6, 1], blur: null }],
    labeled: { ...labeledColors, name: 'labeled', count: 1, size: 32, scale: [0.5, 1] },
  },
  mixing: { ...suaveDefaults.mixing, unlabeled: 'none' },
  epsilon: 0.05, // P
  queue: { size: 0, startEpoch: 0 }, // in so short a run the embeddings of a queue are too old
  optimizer: { ...suaveLars, lr: 10, startLr: 0, finalLr: 0.1, warmupEpochs: 1, weightDecay: 3e-6 },
};

/** The baseline's own optimizer and length. */
const baselineOptimizer: OptimizerConfig = {
  ...suaveLars,
  lr: 10,
  startLr: 0,
  finalLr: 0.1,
  warmupEpochs: 1,
  weightDecay: 3e-6,
};
const baselineEpochs = 20;
const baselineStepsPerEpoch = 100;

export const suaveDemo: Recipe = {
  name: 'suave-demo',
  description: 'the drawn shapes of `suave demo`: 32 pixels, a small network, minutes on two cores',
  build(facts, hints) {
    const last: SuaveStage = { ...structuredClone(suave), epochs: hints.epochs ?? suave.epochs };
    last.optimizer.warmupEpochs = Math.min(last.optimizer.warmupEpochs, last.epochs / 4);
    return {
      config: withPreset({
        ...structuredClone(commonConfig),
        recipe: 'suave-demo',
        preset: hints.preset ?? 'paper',
        device: facts.device,
        threads: facts.threads,
        data: { ...commonData, cacheSide: 32 },
        normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
        // The stem with stride 2 and pooling: the shapes are large, and a view costs a seventh of the time.
        model: {
          arch: hints.arch ?? 'resnet8',
          width: 1,
          stem: 'imagenet',
          hidden: [256],
          outputDim: 64,
          ...noTransformer,
        },
        evaluation: { resize: 32, crop: 32, interpolation: 'bilinear', batch: 250 },
        stages: [last],
        baseline: baselineOf(last, baselineEpochs, baselineStepsPerEpoch, structuredClone(baselineOptimizer)),
      }),
      notes: [],
    };
  },
};
