/**
 * @file `dino-linear`: a linear classifier on the frozen teacher of a DINO checkpoint (specification 3.6). Source of all numbers: the
 * published code of DINO. Differs: a last batch that would be smaller is dropped, as everywhere here.
 */
import { imagenetNormalization } from '../augment/normalization.js';
import { dinoEval } from '../augment/pipelines.js';
import { imagenetFacts, imagenetResult, initNote } from './imagenet.js';
import { normalizationConfig, noTransformer, plainSchedule } from './parts.js';
import type { Recipe } from './recipe.js';
import type { Config, SupervisedStage } from './schema.js';
import { plainLabels, withFrozenModel, withSteps } from './supervised-parts.js';
import { evaluationOf } from './views.js';

/** ViT-S: class tokens of the last four blocks; ViT-B: that of the last one with the mean of its patches; else the usual feature. */
function featuresOf(arch: Config['model']['arch']): SupervisedStage['features'] {
  if (arch === 'vit_base') return { lastBlocks: 1, averagePatches: true };
  return arch.startsWith('vit') ? { lastBlocks: 4, averagePatches: false } : null;
}

function linear(arch: Config['model']['arch']): SupervisedStage {
  return {
    ...plainLabels(imagenetNormalization),
    name: 'linear',
    epochs: 100,
    init: 'backbone',
    batch: { labeled: 1024, labeledRepeats: 1 }, // 8 x 128
    frozenBackbone: true,
    features: featuresOf(arch),
    classifierInit: 'normal-0.01',
    optimizer: {
      ...plainSchedule,
      kind: 'sgd',
      lr: 0.004, // .001 x 1024 / 256
      startLr: 0,
      finalLr: 0,
      warmupEpochs: 0,
      schedule: 'cosine-per-epoch',
      weightDecay: 0,
      momentum: 0.9,
      nesterov: false,
    },
  };
}

export const dinoLinear: Recipe = {
  name: 'dino-linear',
  description: 'a linear classifier on the frozen teacher of a DINO checkpoint (--init) on ImageNet, all labels',
  group: 'ImageNet',
  publishedData: { ...imagenetFacts('1pct'), numLabeled: 1_281_167 },
  build(facts, hints) {
    const arch = hints.arch ?? 'vit_small';
    const patches = arch.startsWith('vit') ? { patchSize: 16, imageSize: 224, dropPath: 0 } : noTransformer;
    return withFrozenModel(
      imagenetResult(facts, hints, {
        recipe: 'dino-linear',
        devices: 8,
        precision: 'fp32',
        seed: 0,
        normalization: normalizationConfig(imagenetNormalization),
        evaluation: evaluationOf(dinoEval, 256), // bicubic
        model: { arch, width: 1, stem: 'imagenet', hidden: [2048], outputDim: 256, ...patches },
        stages: [withSteps(linear(arch), hints.epochs)],
        notes: initNote(hints, 'a DINO checkpoint, whose backbone stays as it is'),
      }),
    );
  },
};
