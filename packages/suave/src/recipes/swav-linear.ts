/**
 * @file `swav-linear`: a linear classifier on the frozen backbone of a SwAV checkpoint (specification 3.3). Source of all numbers: the
 * published code of SwAV. Differs: a last batch that would be smaller is dropped, as everywhere here.
 */
import { swavNormalization } from '../augment/normalization.js';
import { imagenetEval } from '../augment/pipelines.js';
import { imagenetFacts, imagenetResult, initNote } from './imagenet.js';
import { normalizationConfig, noTransformer, plainSchedule } from './parts.js';
import type { Recipe } from './recipe.js';
import type { SupervisedStage } from './schema.js';
import { plainLabels, withFrozenModel, withSteps } from './supervised-parts.js';
import { evaluationOf } from './views.js';

const linear: SupervisedStage = {
  ...plainLabels(swavNormalization),
  name: 'linear',
  epochs: 100,
  init: 'backbone',
  batch: { labeled: 256, labeledRepeats: 1 }, // 8 x 32
  frozenBackbone: true,
  features: null, // the pooled map of the last stage, without the projection head
  classifierInit: 'normal-0.01',
  optimizer: {
    ...plainSchedule,
    kind: 'sgd',
    lr: 0.3,
    startLr: 0,
    finalLr: 0,
    warmupEpochs: 0,
    schedule: 'cosine-per-epoch', // .15 (1 + cos(pi e / 100))
    weightDecay: 1e-6,
    momentum: 0.9,
    nesterov: false,
  },
};

export const swavLinear: Recipe = {
  name: 'swav-linear',
  description: 'a linear classifier on the frozen backbone of a SwAV checkpoint (--init) on ImageNet, all labels',
  group: 'ImageNet',
  publishedData: { ...imagenetFacts('1pct'), numLabeled: 1_281_167 },
  build: (facts, hints) =>
    withFrozenModel(
      imagenetResult(facts, hints, {
        recipe: 'swav-linear',
        devices: 8,
        precision: 'fp32',
        seed: 31,
        normalization: normalizationConfig(swavNormalization),
        evaluation: evaluationOf(imagenetEval, 256),
        model: { arch: 'resnet50', width: 1, stem: 'imagenet', hidden: [2048], outputDim: 128, ...noTransformer },
        stages: [withSteps(linear, hints.epochs)],
        notes: initNote(hints, 'a SwAV checkpoint, whose backbone stays as it is'),
      }),
    ),
};
