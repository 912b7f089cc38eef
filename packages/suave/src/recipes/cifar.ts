/** @file The data sets of 32-pixel images and what their recipes share (specification 6.1, 8.3, 8.5). Sources as in cifar-stages.ts. */
import { cifar10Normalization, cifar100Normalization, type Normalization } from '../augment/normalization.js';
import { cifarEval } from '../augment/pipelines.js';
import { cifarBaselineOptimizer, cifarSuave } from './cifar-stages.js';
import { withEpochs } from './epochs.js';
import { baselineOf, commonConfig, commonData, normalizationConfig, transformerFor } from './parts.js';
import { withPreset } from './quirks.js';
import type { DataFacts, Recipe, RecipeGroup, RecipeHints, RecipeResult } from './recipe.js';
import type { Config, Stage } from './schema.js';
import { evaluationOf } from './views.js';

/** One of the two data sets. */
export interface CifarSet {
  readonly key: 'cifar10' | 'cifar100';
  readonly group: RecipeGroup;
  readonly statistics: Normalization;
  /** Backbone of SwAV, Suave and Daino. */
  readonly arch: Config['model']['arch'];
  readonly data: Partial<DataFacts>;
}

/** CIFAR-10 with 25 labels per class (ours); ResNet-18, the cheap backbone of 8.3. */
export const cifar10: CifarSet = {
  key: 'cifar10',
  group: 'CIFAR-10',
  statistics: cifar10Normalization, // L
  arch: 'resnet18', // I
  data: { numTrain: 50_000, numLabeled: 250, numClasses: 10, shorterSide: 32 },
};

/** CIFAR-100 with 25 labels per class, one of the usual numbers; the backbone is not in the supplement. */
export const cifar100: CifarSet = {
  key: 'cifar100',
  group: 'CIFAR-100',
  statistics: cifar100Normalization, // L
  arch: 'wrn-28-8', // I
  data: { numTrain: 50_000, numLabeled: 2500, numClasses: 100, shorterSide: 32 },
};

/** What a recipe of 32-pixel images says. */
export interface CifarParts {
  readonly method: string;
  readonly description: string;
  /** Stages; --epochs changes the last one. */
  readonly stages: readonly Stage[];
  /** Default that of the data set. */
  readonly arch?: Config['model']['arch'];
  readonly statistics?: Normalization;
  readonly seed?: number;
  readonly outputDim?: number;
  readonly notes?: readonly string[];
}

/** A recipe `METHOD-cifar10` or `METHOD-cifar100`: one device, full precision, images as they are in evaluation. */
export function cifarRecipe(set: CifarSet, parts: CifarParts): Recipe {
  const name = `${parts.method}-${set.key}`;
  return {
    name,
    description: parts.description,
    group: set.group,
    publishedData: set.data,
    build: (facts, hints) => build(set, { ...parts, name }, facts, hints),
  };
}

function build(
  set: CifarSet,
  parts: CifarParts & { name: string },
  facts: DataFacts,
  hints: RecipeHints,
): RecipeResult {
  const arch = hints.arch ?? parts.arch ?? set.arch;
  const stages = parts.stages.map((stage, index) =>
    withEpochs(stage, index === parts.stages.length - 1 ? hints.epochs : undefined),
  );
  const { epochs } = withEpochs(cifarSuave, hints.epochs);
  const baselineEpochs = Math.max(1, Math.round(epochs / 4));
  const optimizer = structuredClone(cifarBaselineOptimizer);
  optimizer.warmupEpochs = Math.min(optimizer.warmupEpochs, baselineEpochs / 4);
  const stepsPerEpoch = Math.max(1, Math.floor(facts.numTrain / cifarSuave.batch.unlabeled));
  return {
    config: withPreset({
      ...structuredClone(commonConfig),
      recipe: parts.name,
      seed: parts.seed ?? commonConfig.seed,
      preset: hints.preset ?? 'paper',
      device: facts.device,
      threads: facts.threads,
      data: { ...commonData, cacheSide: 32 },
      normalization: normalizationConfig(parts.statistics ?? set.statistics),
      model: {
        arch,
        width: 1,
        stem: 'cifar', // L
        hidden: [2048], // P
        outputDim: parts.outputDim ?? 128, // P
        ...transformerFor(arch, 32),
      },
      evaluation: evaluationOf(cifarEval, 250), // L: no crop
      stages,
      baseline: baselineOf(cifarSuave, baselineEpochs, stepsPerEpoch, optimizer),
    }),
    notes: [...(parts.notes ?? [])],
  };
}
