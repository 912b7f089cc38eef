/** @file `paws-imagenet`: PAWS on 64 devices, classified by its nearest neighbours (specification 4). Source: W PAWS. */
import { imagenetNormalization } from '../augment/normalization.js';
import { imagenetEval, imagenetGlobal, imagenetLocalOfficial } from '../augment/pipelines.js';
import type { ViewSpec } from '../augment/view-spec.js';
import { withEpochs } from './epochs.js';
import { imagenetFacts, imagenetResult } from './imagenet.js';
import { normalizationConfig, noTransformer, plainSchedule } from './parts.js';
import type { Recipe } from './recipe.js';
import type { OptimizerConfig, PawsStage, ViewConfig } from './schema.js';
import { evaluationOf, viewOf } from './views.js';

/** LARS of PAWS: momentum .9, trust .001, epsilon 1e-8, biases and batch norms excluded by the method (W). */
export const pawsLars = {
  ...plainSchedule,
  kind: 'lars',
  form: 'paws',
  schedule: 'paws',
  momentum: 0.9, // W
  trust: 0.001, // W
  epsilon: 1e-8, // W
  nesterov: false,
  clip: false,
  excludeOneDimensional: false,
  warmupEpochs: 10, // W
  weightDecay: 1e-6, // W
} satisfies Partial<Extract<OptimizerConfig, { kind: 'lars' }>>;

/** Temperatures and targets, the same in all recipes of PAWS. */
export const pawsDefaults = {
  method: 'paws',
  init: 'nothing',
  temperature: 0.1, // W
  sharpening: 0.25, // W
  targetThreshold: 1e-4, // W
  labelSmoothing: 0.1, // W
  meMax: true, // W
} satisfies Partial<PawsStage>;

const view = (pipeline: ViewSpec, changes: Partial<ViewConfig>): ViewConfig =>
  viewOf({ ...pipeline, ...imagenetNormalization }, imagenetNormalization, changes); // W: .229

const paws: PawsStage = {
  ...pawsDefaults,
  name: 'paws',
  epochs: 300, // W: 100, 200 or 300
  batch: {
    unlabeled: 4096, // W: 64 x 64
    classes: 960, // W: 64 x 15
    imagesPerClass: 7, // W: 6720 in all
    supportViews: 1, // W
  },
  views: {
    unlabeled: [view(imagenetGlobal, { count: 2 }), view(imagenetLocalOfficial, { count: 6 })], // W: (.14, 1), (.05, .14)
    support: view(imagenetGlobal, { name: 'support' }), // W: as the global views
  },
  head: { hiddenDim: 2048, outputDim: 2048, prediction: true }, // W
  optimizer: {
    ...pawsLars,
    lr: 6.4, // W
    startLr: 0.3, // W
    finalLr: 0.064, // W
  },
};

export const pawsImagenet: Recipe = {
  name: 'paws-imagenet',
  description: 'PAWS on ImageNet with 1 % or 10 % of the labels, 300 epochs (--epochs 100 or 200 as published too)',
  group: 'ImageNet',
  publishedData: imagenetFacts('10pct'),
  build: (facts, hints) =>
    imagenetResult(facts, hints, {
      recipe: 'paws-imagenet',
      devices: 64, // W
      precision: 'fp16', // W
      seed: 0, // ours
      normalization: normalizationConfig(imagenetNormalization), // W
      evaluation: evaluationOf({ ...imagenetEval, ...imagenetNormalization }, 256), // W
      model: { arch: 'resnet50', width: 1, stem: 'imagenet', hidden: [2048], outputDim: 2048, ...noTransformer }, // W
      stages: [withEpochs(paws, hints.epochs)],
      notes: [
        `labels: a published list, given with --labels 1percent.txt or 10percent.txt; here ${facts.numLabeled} images are labeled`,
      ],
    }),
};
