/** @file The pieces that recipes share. Numbers are those of the paper's supplement (P), the published code (C), SwAV (S), solo-learn (L). */
import type { Normalization } from '../augment/normalization.js';
import {
  type Config,
  defaultGpu,
  type OptimizerConfig,
  type SuaveStage,
  type SupervisedStage,
  type ViewConfig,
} from './schema.js';

/** Crop ratio of every pipeline: torchvision's RandomResizedCrop default. */
const ratio: [number, number] = [3 / 4, 4 / 3];

/** What views have unless they say otherwise. */
const plainView = {
  ratio,
  flipProb: 0.5,
  threeAugment: null,
  cropMode: 'resized',
  normalization: null,
} satisfies Partial<ViewConfig>;

/** SwAV's color distortion at strength 1: jitter (.8, .8, .8, .2) p .8, gray .2, blur p .5 with sigma from [.1, 2] (S, P). */
export const swavColors = {
  ...plainView,
  interpolation: 'bilinear',
  jitter: { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, prob: 0.8 },
  grayProb: 0.2,
  blur: { prob: 0.5, sigma: [0.1, 2] },
  solarize: null,
} satisfies Partial<ViewConfig>;

/** Colors of labeled images: jitter (.4, .4, .4, .1) p .8, gray .2, no blur (P, C). */
export const labeledColors = {
  ...plainView,
  interpolation: 'bilinear',
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, prob: 0.8 },
  grayProb: 0.2,
  blur: null,
  solarize: null,
} satisfies Partial<ViewConfig>;

/** A normalization as a configuration holds it. */
export function normalizationConfig({ mean, std }: Normalization): Config['normalization'] {
  return { mean: [...mean], std: [...std] };
}

/** Schedule of every optimizer unless a recipe says otherwise: one rate for all parameters, warm-up and cosine, constant weight decay. */
export const plainSchedule = {
  headLr: null,
  schedule: 'cosine',
  decay: null,
  finalWeightDecay: null,
  scaling: 'linear',
} satisfies Partial<OptimizerConfig>;

/** LARS of Suave: momentum .9, trust .001, epsilon 1e-8, nothing excluded, no clipping (C; equal to SwAV's LARC). */
export const suaveLars = {
  ...plainSchedule,
  kind: 'lars',
  form: 'suave',
  momentum: 0.9,
  trust: 0.001,
  epsilon: 1e-8,
  nesterov: false,
  clip: false,
  excludeOneDimensional: false,
} satisfies Partial<Extract<OptimizerConfig, { kind: 'lars' }>>;

/** Temperature .1 and three Sinkhorn iterations (P, C, S). */
export const clustering = { temperature: 0.1, sinkhornIterations: 3 } as const;

/** What every Suave stage has unless a recipe says otherwise: labeled batch extended by MixUp/CutMix 50/50 with lambda uniform (C). */
export const suaveDefaults = {
  method: 'suave',
  mixing: { labeled: 'extend', unlabeled: 'globals', cutmixProb: 0.5, beta: 1, prob: 1, positions: 'true' },
  ...clustering,
  prior: 'uniform', // P
  extraPrototypes: 0, // P
  labelSmoothing: 0.01, // P
  mixedWeight: 'views', // C: counts mixed views, the published numbers were made so
  freezePrototypesEpochs: 0, // C
  warmupProjectionEpochs: 0, // C, scripts
  momentumEncoder: null, // C: off on ImageNet
  onlineHeads: false, // monitoring only
  ensembleHead: false, // C: in no recipe
} satisfies Partial<SuaveStage>;

/** How a stage learns from labels: what its supervised-only baseline shares with it. */
export interface LabeledPart {
  readonly batch: SupervisedStage['batch'];
  readonly views: SupervisedStage['views'];
  readonly mixing: SupervisedStage['mixing'];
  readonly labelSmoothing: number;
}

/**
 * The supervised-only baseline of a Suave or Daino stage: same labeled view, MixUp, smoothing and labeled batch, a linear
 * classifier on the same backbone, its own optimizer and length.
 * @param stage          the stage to compare with
 * @param epochs         its own number of epochs
 * @param stepsPerEpoch  steps of one epoch, so that it is validated as often as the stage
 * @param optimizer      its own optimizer
 */
export function baselineOf(
  stage: LabeledPart,
  epochs: number,
  stepsPerEpoch: number,
  optimizer: OptimizerConfig,
): SupervisedStage {
  const { labeled, cutmixProb, beta, prob } = stage.mixing;
  return {
    name: 'baseline',
    method: 'supervised',
    epochs,
    stepsPerEpoch,
    init: 'nothing',
    batch: { labeled: stage.batch.labeled, labeledRepeats: stage.batch.labeledRepeats },
    views: { labeled: structuredClone(stage.views.labeled) },
    mixing: { labeled, cutmixProb, beta, prob },
    temperature: 1, // a linear classifier, as usual
    labelSmoothing: stage.labelSmoothing,
    frozenBackbone: false,
    features: null,
    classifierInit: 'uniform',
    optimizer,
  };
}

/** Settings around the learning itself, the same in all recipes. */
export const commonConfig = {
  seed: 31, // C
  devices: 1,
  precision: 'fp32',
  gpu: defaultGpu,
  init: null,
  allowPartialInit: false,
  logging: { every: 10, checkpointMinutes: 10, collapse: 'warn', outputs: ['tensorboard'] },
} satisfies Partial<Config>;

/** What a convolutional backbone leaves empty. */
export const noTransformer = { patchSize: null, imageSize: null, dropPath: 0 } satisfies Partial<Config['model']>;

/**
 * Patches of a vision transformer for images of a size: of 16 pixels on large ones, fewer where that would leave less than 8 x 8
 * patches; stochastic depth .1 (D). Nothing for other backbones.
 */
export function transformerFor(
  arch: Config['model']['arch'],
  size: number,
): Pick<Config['model'], 'patchSize' | 'imageSize' | 'dropPath'> {
  if (!arch.startsWith('vit')) return noTransformer;
  const patchSize = [16, 8, 4].find((side) => size % side === 0 && size / side >= 8) ?? 4;
  return { patchSize, imageSize: size, dropPath: 0.1 };
}

/** Where the images come from; the paths are filled in by the command. */
export const commonData: Config['data'] = {
  path: '.',
  labels: null,
  labelsPerClass: null,
  labelFraction: null,
  holdout: 0.2,
  cacheSide: 256,
  exifOrientation: 'apply',
  cache: null,
  workers: 2,
};

/** The cached images' shorter side: the largest crop x 256/224, the margin of the usual center-crop evaluation. */
export function cacheSideFor(size: number): number {
  return Math.round((size * 256) / 224);
}
