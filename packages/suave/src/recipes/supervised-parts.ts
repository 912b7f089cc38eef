/** @file What linear probes and supervised fine-tuning share: plain labels, plain views, and steps of the rate that keep their place. */
import type { Normalization } from '../augment/normalization.js';
import { baselineLabeled } from '../augment/pipelines.js';
import { withEpochs } from './epochs.js';
import type { RecipeResult } from './recipe.js';
import type { SupervisedStage } from './schema.js';
import { viewOf } from './views.js';

/** Hard labels, crops of (.08, 1) with flips, nothing mixed, one pass over the labeled images an epoch: SwAV and DINO alike. */
export function plainLabels(run: Normalization) {
  return {
    method: 'supervised',
    stepsPerEpoch: null,
    views: { labeled: viewOf({ ...baselineLabeled, ...run }, run, { name: 'labeled' }) },
    mixing: { labeled: 'none', cutmixProb: 0, beta: 1, prob: 0 },
    temperature: 1,
    labelSmoothing: 0,
  } satisfies Partial<SupervisedStage>;
}

/** A copy of a stage with another number of epochs; steps of the learning rate stay at the same share of the stage. */
export function withSteps(stage: SupervisedStage, epochs: number | undefined): SupervisedStage {
  const copy = withEpochs(stage, epochs);
  const { decay } = copy.optimizer;
  if (decay !== null) {
    const share = copy.epochs / stage.epochs;
    decay.epochs = decay.epochs.map((at) => Math.max(1, Math.round(at * share)));
  }
  return copy;
}

/** The same result without stochastic depth, which a frozen backbone does not have. */
export function withFrozenModel({ config, notes }: RecipeResult): RecipeResult {
  return { config: { ...config, model: { ...config.model, dropPath: 0 } }, notes };
}
