/**
 * @file Suave on ImageNet, pre-training and fine-tuning (specification 8.1), for both lists of labels. Sources: P the paper's
 * supplement, C the published code; where they differ, the choice of 8.6 (D1 to D6).
 */
import { swavNormalization } from '../augment/normalization.js';
import {
  finetuneLabeled,
  finetuneUnlabeled,
  imagenetEval,
  imagenetGlobal,
  imagenetLabeled,
  imagenetLocal,
  imagenetLocalOfficial,
} from '../augment/pipelines.js';
import { withEpochs } from './epochs.js';
import { imagenetFacts, imagenetResult, initNote, type LabelList, labelLists, labelsNote } from './imagenet.js';
import { normalizationConfig, noTransformer, suaveDefaults, suaveLars } from './parts.js';
import type { DataFacts, Recipe, RecipeHints, RecipeResult } from './recipe.js';
import type { Config, SuaveStage, ViewConfig } from './schema.js';
import { evaluationOf, viewOf } from './views.js';

const view = (pipeline: Parameters<typeof viewOf>[0], count = 1): ViewConfig =>
  viewOf(pipeline, swavNormalization, { count });

/** What pre-training and fine-tuning share. */
const shared = {
  ...suaveDefaults, // T .1, 3 Sinkhorn iterations, smoothing .01, extend with probability 1, globals mixed: P, C
  batch: { unlabeled: 256, labeled: 128, labeledRepeats: 1 }, // P: 8 x 32 and 8 x 16
  epsilon: 0.05, // P
  queue: { size: 3840, startEpoch: 0 }, // P, C: in total, from the first epoch
  onlineHeads: true, // C: in all scripts
} satisfies Partial<SuaveStage>;

/** Pre-training: 100 epochs, 2 x 224 + 8 x 96 crops. */
function pretraining(preset: Config['preset']): SuaveStage {
  const local = preset === 'paper' ? imagenetLocal : imagenetLocalOfficial; // D1: (.08, .14) P, (.05, .14) C
  return {
    ...structuredClone(shared),
    name: 'suave',
    epochs: 100, // P, C
    init: 'backbone', // P, C: the head starts anew
    views: {
      unlabeled: [view(imagenetGlobal, 2), view(local, 8)], // P
      labeled: view(imagenetLabeled), // P, C
    },
    optimizer: {
      ...suaveLars,
      lr: 0.4, // P, C
      startLr: 0, // C
      finalLr: 0.001, // P, C
      warmupEpochs: 5, // P, C
      weightDecay: 1e-6, // P, C
    },
  };
}

/** Fine-tuning: 3 or 5 epochs, two crops without colors, everything but the prototypes taken over. */
function fineTuning(list: LabelList, preset: Config['preset']): SuaveStage {
  const isOfficial10 = preset === 'official-code' && list === '10pct';
  return {
    ...structuredClone(shared),
    name: 'suave',
    epochs: list === '1pct' ? 3 : 5, // P
    init: 'all-but-prototypes', // P, C
    views: {
      unlabeled: [view(finetuneUnlabeled, 2)], // P, C
      labeled: view(finetuneLabeled), // P, C
    },
    labelSmoothing: isOfficial10 ? 0.001 : 0.01, // D3: .01 P, .001 C
    optimizer: {
      ...suaveLars,
      lr: isOfficial10 ? 0.03 : 0.02, // D2: .02 P, .03 C
      startLr: 0,
      finalLr: isOfficial10 ? 0.0003 : 0.0002, // D2: .0002 P, .0003 C
      warmupEpochs: 0, // P, C
      weightDecay: 1e-6, // P, C
    },
  };
}

function result(
  recipe: string,
  stage: SuaveStage,
  notes: string[],
  facts: DataFacts,
  hints: RecipeHints,
): RecipeResult {
  return imagenetResult(facts, hints, {
    recipe,
    devices: 8, // P, C
    precision: 'fp16', // C
    seed: 31, // C
    normalization: normalizationConfig(swavNormalization), // S, C
    evaluation: evaluationOf(imagenetEval, 256), // S, C
    model: { arch: 'resnet50', width: 1, stem: 'imagenet', hidden: [2048], outputDim: 128, ...noTransformer }, // P
    stages: [withEpochs(stage, hints.epochs)],
    notes,
  });
}

/** Suave with the labels of a list, from a SwAV checkpoint. */
export function suaveImagenet(list: LabelList): Recipe {
  const name = `suave-imagenet-${list}`;
  return {
    name,
    description: `Suave on ImageNet with ${labelLists[list].share} of the labels, 100 epochs from a SwAV checkpoint (--init)`,
    group: 'ImageNet',
    publishedData: imagenetFacts(list),
    build(facts, hints) {
      const notes = [
        labelsNote(list, facts),
        ...initNote(hints, 'a SwAV checkpoint of 100, 200 or 800 epochs, of which the backbone is taken'),
      ];
      return result(name, pretraining(hints.preset ?? 'paper'), notes, facts, hints);
    },
  };
}

/** Fine-tuning of a Suave checkpoint with the labels of a list. */
export function suaveImagenetFinetune(list: LabelList): Recipe {
  const name = `suave-imagenet-finetune-${list}`;
  return {
    name,
    description: `fine-tuning of a Suave checkpoint (--init) on ImageNet with ${labelLists[list].share} of the labels`,
    group: 'ImageNet',
    publishedData: imagenetFacts(list),
    build(facts, hints) {
      const notes = [
        labelsNote(list, facts),
        ...initNote(hints, `the checkpoint of suave-imagenet-${list}, all of it but the prototypes`),
      ];
      return result(name, fineTuning(list, hints.preset ?? 'paper'), notes, facts, hints);
    },
  };
}
