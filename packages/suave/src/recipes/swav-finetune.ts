/**
 * @file `swav-finetune-1pct`, `-10pct`: a SwAV backbone with a new linear classifier, everything trained on the labels of a list
 * (specification 3.4). Source of all numbers: the published code of SwAV.
 */
import { swavNormalization } from '../augment/normalization.js';
import { imagenetEval } from '../augment/pipelines.js';
import { imagenetFacts, imagenetResult, initNote, type LabelList, labelLists, labelsNote } from './imagenet.js';
import { normalizationConfig, noTransformer, plainSchedule } from './parts.js';
import type { Recipe } from './recipe.js';
import type { SupervisedStage } from './schema.js';
import { plainLabels, withSteps } from './supervised-parts.js';
import { evaluationOf } from './views.js';

/** Learning rates of the backbone and of the classifier. */
const rates = {
  '1pct': { lr: 0.02, headLr: 5 },
  '10pct': { lr: 0.01, headLr: 0.2 },
} as const satisfies Record<LabelList, { lr: number; headLr: number }>;

function fineTuning(list: LabelList): SupervisedStage {
  return {
    ...plainLabels(swavNormalization),
    name: 'finetune',
    epochs: 20,
    init: 'backbone',
    batch: { labeled: 256, labeledRepeats: 1 },
    frozenBackbone: false,
    features: null,
    classifierInit: 'uniform',
    optimizer: {
      ...plainSchedule,
      kind: 'sgd',
      ...rates[list],
      startLr: 0,
      finalLr: 0,
      warmupEpochs: 0,
      schedule: 'steps',
      decay: { epochs: [12, 16], factor: 0.2 },
      weightDecay: 0,
      momentum: 0.9,
      nesterov: false,
    },
  };
}

function swavFinetune(list: LabelList): Recipe {
  const name = `swav-finetune-${list}`;
  return {
    name,
    description: `supervised fine-tuning of a SwAV checkpoint (--init) on ImageNet with ${labelLists[list].share} of the labels`,
    group: 'ImageNet',
    publishedData: imagenetFacts(list),
    build: (facts, hints) =>
      imagenetResult(facts, hints, {
        recipe: name,
        devices: 4,
        precision: 'fp32',
        seed: 31,
        normalization: normalizationConfig(swavNormalization),
        evaluation: evaluationOf(imagenetEval, 256),
        model: { arch: 'resnet50', width: 1, stem: 'imagenet', hidden: [2048], outputDim: 128, ...noTransformer },
        stages: [withSteps(fineTuning(list), hints.epochs)],
        notes: [labelsNote(list, facts), ...initNote(hints, 'a SwAV checkpoint, of which the backbone is taken')],
      }),
  };
}

export const swavFinetune1pct = swavFinetune('1pct');
export const swavFinetune10pct = swavFinetune('10pct');
