/**
 * @file `dino-imagenet-vits16`: DINO's ViT-S/16 of 800 epochs (specification 3.2). Sources: D DINO's command line and published runs,
 * C the Daino scripts, which follow that run in what its command line leaves open.
 */
import { imagenetNormalization } from '../augment/normalization.js';
import { dinoEval } from '../augment/pipelines.js';
import { distillationAdamW, distillationDefaults, distillationViews, vitSmall } from './distillation.js';
import { withEpochs } from './epochs.js';
import { imagenetFacts, imagenetResult } from './imagenet.js';
import { normalizationConfig } from './parts.js';
import type { Recipe } from './recipe.js';
import type { DinoStage } from './schema.js';
import { evaluationOf } from './views.js';

function dino(): DinoStage {
  return {
    ...structuredClone(distillationDefaults), // clip 0, .04 to .07 in 10 epochs: C
    name: 'dino',
    method: 'dino',
    epochs: 800, // D
    init: 'nothing',
    batch: { unlabeled: 1024 }, // D: 64 on each of 16 devices
    views: { unlabeled: distillationViews(imagenetNormalization) }, // C
    outDim: 65_536, // D
    head: { ...distillationDefaults.head, normLastLayer: true }, // D
    teacher: { momentum: 0.996, schedule: 'cosine' }, // D
    freezeLastLayerEpochs: 1, // D
    optimizer: {
      ...distillationAdamW,
      lr: 0.002, // D: 5e-4 x 1024 / 256
      warmupEpochs: 10, // D
    },
  };
}

export const dinoImagenetVits16: Recipe = {
  name: 'dino-imagenet-vits16',
  description: 'DINO on ImageNet without labels, ViT-S/16, 800 epochs',
  group: 'ImageNet',
  publishedData: imagenetFacts('1pct'),
  build: (facts, hints) =>
    imagenetResult(facts, hints, {
      recipe: 'dino-imagenet-vits16',
      devices: 16, // D: 1024 images, 64 on each
      precision: 'fp32', // C
      seed: 0, // C
      normalization: normalizationConfig(imagenetNormalization), // D
      evaluation: evaluationOf(dinoEval, 256), // D
      model: structuredClone(vitSmall), // D
      stages: [withEpochs(dino(), hints.epochs)],
      notes: ['classes: DINO names none; train Daino or a linear classifier from its checkpoint with --init'],
    }),
};
