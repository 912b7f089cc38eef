/**
 * @file From the configuration of a finished run to that of its fine-tuning, for data of any size: the changes of the paper between
 * pre-training and fine-tuning (specification 8.1) applied to other numbers. The published recipes are files of their own.
 */
import { finetuneLabeled, finetuneUnlabeled } from '../augment/pipelines.js';
import { ConfigError } from '../errors.js';
import type { Config, DainoStage, OptimizerConfig, Stage, SuaveStage, SupervisedStage, ViewConfig } from './schema.js';

/** Epochs of fine-tuning over those of pre-training: 3 to 5 of 100 (P). */
const epochShare = 0.05;
/** Learning rate of fine-tuning over that of pre-training: .02 and .4 (P). */
const rateShare = 0.02 / 0.4;
/** Last learning rate over the first: .0002 and .02 (P). */
const finalShare = 0.01;

type FineTunable = SuaveStage | DainoStage | SupervisedStage;

/**
 * The configuration of a run that fine-tunes the last stage of another one: all but the prototypes is taken over, two global crops
 * without colors, light jitter on labeled images, a twentieth of the epochs and of the learning rate, no warm-up.
 * @param config  of the earlier run; kept
 * @throws ConfigError (`recipe`) where its last stage names no classes
 */
export function fineTuned(config: Config): Config {
  const copy = structuredClone(config);
  const last = copy.stages.at(-1)!;
  if (!isFineTunable(last)) {
    throw new ConfigError(
      'recipe',
      `finetune: expected a run whose last stage learns from labels, got ${last.method}. Choose how with --recipe: swav-finetune-1pct, swav-finetune-10pct, swav-linear, dino-linear; or use suave train --init.`,
      { code: 'CONFIG_NOT_FINE_TUNABLE' },
    );
  }
  const recipe = config.recipe.endsWith('-finetune') ? config.recipe : `${config.recipe}-finetune`;
  return { ...copy, recipe, init: null, stages: [fineTuningOf(last)] };
}

function isFineTunable(stage: Stage): stage is FineTunable {
  return stage.method === 'suave' || stage.method === 'daino' || stage.method === 'supervised';
}

/** P on ImageNet with ResNet-50 for Suave; the same changes for the other methods are ours. */
function fineTuningOf(stage: FineTunable): FineTunable {
  const shared = {
    name: 'finetune',
    epochs: Math.max(1, Math.round(stage.epochs * epochShare)),
    init: 'all-but-prototypes',
    optimizer: fineTuningOptimizer(stage.optimizer),
  } as const;
  const labeled = withColorsOf(stage.views.labeled, finetuneLabeled);
  switch (stage.method) {
    case 'supervised':
      return { ...stage, ...shared, views: { labeled } };
    case 'suave':
      return {
        ...stage,
        ...shared,
        views: { unlabeled: [globalCrops(stage.views.unlabeled)], labeled },
        mixing: { ...stage.mixing, unlabeled: stage.mixing.unlabeled === 'none' ? 'none' : 'globals' },
        queue: { ...stage.queue, startEpoch: 0 },
        freezePrototypesEpochs: 0,
        warmupProjectionEpochs: 0,
      };
    case 'daino': {
      const { final } = stage.teacherTemperature;
      return {
        ...stage,
        ...shared,
        views: { unlabeled: [globalCrops(stage.views.unlabeled)], labeled },
        teacherTemperature: { warmup: final, final, warmupEpochs: 0 },
        freezeLastLayerEpochs: 0,
      };
    }
  }
}

/** Two crops of the global size, (.08, 1), with flips alone (P). */
function globalCrops(views: readonly ViewConfig[]): ViewConfig {
  const plain = withColorsOf(views[0], finetuneUnlabeled);
  return { ...plain, name: 'global', count: 2, scale: [...finetuneUnlabeled.scale] };
}

/** A view with the colors of a published pipeline; its size, shape and normalization stay. */
function withColorsOf(view: ViewConfig, { jitter, grayProb }: Pick<ViewConfig, 'jitter' | 'grayProb'>): ViewConfig {
  return { ...view, jitter: structuredClone(jitter), grayProb, blur: null, solarize: null, threeAugment: null };
}

function fineTuningOptimizer(optimizer: OptimizerConfig): OptimizerConfig {
  const lr = Number((optimizer.lr * rateShare).toPrecision(6));
  return {
    ...optimizer,
    lr,
    headLr: optimizer.headLr === null ? null : Number((optimizer.headLr * rateShare).toPrecision(6)),
    startLr: 0,
    finalLr: Number((lr * finalShare).toPrecision(6)),
    warmupEpochs: 0,
    schedule: 'cosine',
    decay: null,
  };
}
