/** @file What DINO and Daino share on ImageNet (specification 2, 3.2, 8.2). Sources: P the paper's supplement, C the published code, D DINO. */
import { imagenetNormalization, type Normalization } from '../augment/normalization.js';
import { dainoGlobal0, dainoGlobal1, dainoLocal } from '../augment/pipelines.js';
import { plainSchedule } from './parts.js';
import type { Config, DainoStage, DinoStage, OptimizerConfig, ViewConfig } from './schema.js';
import { viewOf } from './views.js';

/** Head and temperatures. */
export const distillationDefaults = {
  head: {
    hiddenDim: 2048, // P, D
    bottleneckDim: 256, // P, D
    layers: 3, // D
    batchNorm: false, // P, D
    normLastLayer: false, // P: the gain learns
  },
  studentTemperature: 0.1, // P, D
  teacherTemperature: { warmup: 0.04, final: 0.07, warmupEpochs: 10 }, // P, C
  centerMomentum: 0.9, // D
  clipGradNorm: null, // C: 0
} satisfies Partial<DainoStage> & Partial<DinoStage>;

/** AdamW with the weight decay of DINO, .04 to .4; the rate scales with the unlabeled batch, its last value does not. */
export const distillationAdamW = {
  ...plainSchedule,
  kind: 'adamw',
  startLr: 0, // D, C
  finalLr: 1e-5, // C
  weightDecay: 0.04, // P, D
  finalWeightDecay: 0.4, // P, D
  beta1: 0.9, // PyTorch's default
  beta2: 0.999,
  epsilon: 1e-8,
} satisfies Partial<OptimizerConfig>;

/** Two global crops of (.25, 1) and eight local ones of (.05, .25) with DINO's colors; .229 as red deviation whatever the run has (D10). */
export function distillationViews(run: Normalization): ViewConfig[] {
  return [
    viewOf({ ...dainoGlobal0, ...imagenetNormalization }, run, { name: 'global-0' }),
    viewOf({ ...dainoGlobal1, ...imagenetNormalization }, run, { name: 'global-1' }),
    viewOf({ ...dainoLocal, ...imagenetNormalization }, run, { count: 8 }), // D20: 8
  ];
}

/** ViT-S/16 with stochastic depth .1 (P, D); projection head and embeddings are those of the stage. */
export const vitSmall: Config['model'] = {
  arch: 'vit_small',
  width: 1,
  stem: 'imagenet',
  hidden: [2048],
  outputDim: 256,
  patchSize: 16,
  imageSize: 224,
  dropPath: 0.1,
};
