/** @file `swav-imagenet`: SwAV pre-training on 64 devices (specification 3.1). Source: S SwAV. */
import { swavNormalization } from '../augment/normalization.js';
import { imagenetEval, imagenetGlobal, imagenetLocalOfficial } from '../augment/pipelines.js';
import { withEpochs } from './epochs.js';
import { imagenetFacts, imagenetResult } from './imagenet.js';
import { clustering, normalizationConfig, noTransformer, suaveLars } from './parts.js';
import type { Recipe } from './recipe.js';
import type { SwavStage } from './schema.js';
import { evaluationOf, viewOf } from './views.js';

const swav: SwavStage = {
  name: 'swav',
  method: 'swav',
  epochs: 800, // S: 100, 200, 400 or 800
  init: 'nothing',
  batch: { unlabeled: 4096 }, // S: 64 x 64
  views: {
    unlabeled: [
      viewOf(imagenetGlobal, swavNormalization, { count: 2 }), // S: (.14, 1)
      viewOf(imagenetLocalOfficial, swavNormalization, { count: 6 }), // S: (.05, .14)
    ],
  },
  prototypes: [3000], // S
  ...clustering, // S
  epsilon: 0.05, // S
  queue: { size: 0, startEpoch: 0 }, // S: none with this batch
  freezePrototypesEpochs: 313 / 312, // S: 313 steps, of 312 in an epoch
  optimizer: {
    ...suaveLars, // S: LARC without clipping is the same
    lr: 4.8, // S
    startLr: 0.3, // S
    finalLr: 0.0048, // S
    warmupEpochs: 10, // S
    weightDecay: 1e-6, // S
  },
};

export const swavImagenet: Recipe = {
  name: 'swav-imagenet',
  description: 'SwAV on ImageNet without labels, 800 epochs (--epochs 100, 200 or 400 as published too)',
  group: 'ImageNet',
  publishedData: imagenetFacts('1pct'),
  build: (facts, hints) =>
    imagenetResult(facts, hints, {
      recipe: 'swav-imagenet',
      devices: 64, // S
      precision: 'fp16', // S
      seed: 31, // S
      normalization: normalizationConfig(swavNormalization), // S
      evaluation: evaluationOf(imagenetEval, 256), // S
      model: { arch: 'resnet50', width: 1, stem: 'imagenet', hidden: [2048], outputDim: 128, ...noTransformer }, // S
      stages: [withEpochs(swav, hints.epochs)],
      notes: ['classes: SwAV names none; train Suave or a linear classifier from its checkpoint with --init'],
    }),
};
