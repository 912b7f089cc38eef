/** @file What the ImageNet recipes share. Sources: P the paper's supplement, C the published code, S SwAV, D DINO, W PAWS. */

import { swavNormalization } from '../augment/normalization.js';
import { imagenetLabeled } from '../augment/pipelines.js';
import { baselineOf, commonConfig, commonData, plainSchedule, transformerFor } from './parts.js';
import { withPreset } from './quirks.js';
import type { DataFacts, RecipeHints, RecipeResult } from './recipe.js';
import type { Config, OptimizerConfig, SupervisedStage } from './schema.js';
import { viewOf } from './views.js';

/** The published lists of labeled images: 1 % and 10 % of the training set (P; the lists of PAWS and SimCLR). */
export const labelLists = {
  '1pct': { file: '1percent.txt', numLabeled: 12_811, share: '1 %' },
  '10pct': { file: '10percent.txt', numLabeled: 128_116, share: '10 %' },
} as const;

/** Which of the two lists. */
export type LabelList = keyof typeof labelLists;

/** ImageNet-1k with the labels of a list. */
export function imagenetFacts(list: LabelList): Partial<DataFacts> {
  return { numTrain: 1_281_167, numLabeled: labelLists[list].numLabeled, numClasses: 1000, shorterSide: 375 };
}

/** The settings in which ImageNet recipes differ. */
export interface ImagenetParts
  extends Pick<
    Config,
    'recipe' | 'devices' | 'precision' | 'seed' | 'normalization' | 'evaluation' | 'model' | 'stages'
  > {
  /** Sentences for the user. */
  notes: string[];
}

/** A complete configuration from what a recipe says; images are decoded anew in every epoch, at full size, as in the paper. */
export function imagenetResult(facts: DataFacts, hints: RecipeHints, parts: ImagenetParts): RecipeResult {
  const { notes, ...own } = parts;
  const epochs = own.stages.at(-1)!.epochs;
  return {
    config: withPreset({
      ...structuredClone(commonConfig),
      preset: hints.preset ?? 'paper',
      device: facts.device,
      threads: facts.threads,
      data: { ...commonData, cacheSide: 'none' },
      baseline: imagenetBaseline(facts, epochs),
      ...own,
      model:
        hints.arch === undefined ? own.model : { ...own.model, arch: hints.arch, ...transformerFor(hints.arch, 224) },
    }),
    notes,
  };
}

/** Sentence on the labels, with how many there are now. */
export function labelsNote(list: LabelList, facts: DataFacts): string {
  const { file, numLabeled, share } = labelLists[list];
  return `labels: the published list of ${share} (${numLabeled} images), given with --labels ${file}; here ${facts.numLabeled} images are labeled`;
}

/** Sentence on what the weights start from; empty where a checkpoint is given. */
export function initNote(hints: RecipeHints, what: string): string[] {
  return hints.hasInit
    ? []
    : [`start: ${what}; without --init CKPT training starts from random weights, which is not the published recipe`];
}

/** Supervised-only: SGD .1 for a batch of 256, momentum .9, weight decay 1e-4, the usual choice for ResNet-50 (ours); labels as in pre-training. */
function imagenetBaseline(facts: DataFacts, epochs: number): SupervisedStage {
  const optimizer: OptimizerConfig = {
    ...plainSchedule,
    kind: 'sgd',
    lr: 0.05, // batch 128
    startLr: 0,
    finalLr: 0,
    warmupEpochs: Math.min(5, epochs / 4),
    weightDecay: 1e-4,
    momentum: 0.9,
    nesterov: true,
  };
  const labels = {
    batch: { labeled: 128, labeledRepeats: 1 }, // P: the labeled batch of Suave
    views: { labeled: viewOf(imagenetLabeled, swavNormalization) }, // P, C
    mixing: { labeled: 'extend', cutmixProb: 0.5, beta: 1, prob: 1 }, // C
    labelSmoothing: 0.01, // P
  } as const;
  return baselineOf(labels, epochs, Math.max(1, Math.floor(facts.numTrain / 256)), optimizer);
}
