/** @file Daino on ImageNet with a ViT-S/16 (specification 8.2), for both lists of labels. Sources: P the paper's supplement, C the published code. */
import { swavNormalization } from '../augment/normalization.js';
import { imagenetEval, imagenetLabeled } from '../augment/pipelines.js';
import { distillationAdamW, distillationDefaults, distillationViews, vitSmall } from './distillation.js';
import { withEpochs } from './epochs.js';
import { imagenetFacts, imagenetResult, initNote, type LabelList, labelLists, labelsNote } from './imagenet.js';
import { normalizationConfig } from './parts.js';
import type { Recipe } from './recipe.js';
import type { DainoStage } from './schema.js';
import { evaluationOf, viewOf } from './views.js';

function daino(): DainoStage {
  return {
    ...structuredClone(distillationDefaults),
    name: 'daino',
    method: 'daino',
    epochs: 60, // P, C
    init: 'backbone', // P, C: the whole head starts anew
    batch: { unlabeled: 1024, labeled: 512, labeledRepeats: 1 }, // P: 16 x 64 and 16 x 32
    views: {
      unlabeled: distillationViews(swavNormalization), // D, C
      labeled: viewOf(imagenetLabeled, swavNormalization), // C: as Suave's
    },
    mixing: { labeled: 'extend', cutmixProb: 0.5, beta: 1, prob: 1 }, // P, C; unlabeled images are not mixed (D18)
    labelSmoothing: 0.01, // C (D11)
    teacher: { momentum: 0.99, schedule: 'cosine' }, // P, C
    freezeLastLayerEpochs: 0, // C
    studentEvalQuirk: false, // D12
    optimizer: {
      ...distillationAdamW,
      lr: 0.00096, // P, C: 2.4e-4 x 1024 / 256 (D9)
      warmupEpochs: 4, // P, C
    },
  };
}

/** Daino with the labels of a list, from a DINO checkpoint. */
export function dainoImagenet(list: LabelList): Recipe {
  const name = `daino-imagenet-${list}`;
  return {
    name,
    description: `Daino on ImageNet with ${labelLists[list].share} of the labels, ViT-S/16, 60 epochs from a DINO checkpoint (--init)`,
    group: 'ImageNet',
    publishedData: imagenetFacts(list),
    build: (facts, hints) =>
      imagenetResult(facts, hints, {
        recipe: name,
        devices: 16, // P, C
        precision: 'fp32', // C
        seed: 0, // C
        normalization: normalizationConfig(swavNormalization), // C (D10): labeled and validation images
        evaluation: evaluationOf(imagenetEval, 256), // C
        model: structuredClone(vitSmall), // P
        stages: [withEpochs(daino(), hints.epochs)],
        notes: [
          labelsNote(list, facts),
          ...initNote(hints, 'the student of a DINO checkpoint of 800 epochs, of which the backbone is taken'),
        ],
      }),
  };
}
