/**
 * @file Stages for 32-pixel images: SwAV, Suave, Daino (specification 8.3 to 8.5), DINO (8.4). Sources: P the paper's CIFAR-100
 * settings, C the published code, L solo-learn's settings for CIFAR, S SwAV, I inferred where the paper is silent. The views have no
 * statistics of their own: those of the run's data set are used.
 */
import { cifar100Normalization } from '../augment/normalization.js';
import { cifarGlobal, cifarLabeled, cifarLocal, dinoJitter } from '../augment/pipelines.js';
import { distillationDefaults } from './distillation.js';
import { clustering, plainSchedule, suaveDefaults, suaveLars, swavColors } from './parts.js';
import type { DainoStage, DinoStage, OptimizerConfig, SuaveStage, SwavStage, ViewConfig } from './schema.js';
import { viewOf } from './views.js';

/** LARS of solo-learn: trust .02, clipped, one-dimensional parameters excluded; 10 epochs of warm-up from 3e-5 (L). */
const soloLars = {
  ...suaveLars,
  trust: 0.02, // L
  clip: true, // L
  excludeOneDimensional: true, // L
  startLr: 3e-5, // L
  warmupEpochs: 10, // L
  weightDecay: 1e-6, // L
} satisfies Partial<OptimizerConfig>;

/** What both global views of SwAV share; the second one is solarized now and then. */
const swavGlobal = {
  ...swavColors,
  count: 1,
  size: 32,
  scale: [0.2, 1], // L
  interpolation: 'bicubic', // L
  jitter: { brightness: 0.6, contrast: 0.6, saturation: 0.6, hue: 0.2, prob: 0.8 }, // L
  blur: null, // L
} satisfies Partial<ViewConfig>;

/** SwAV on 32 pixels: 2 x 32 + 6 x 18 crops, 3000 prototypes, queue from epoch 50 (L), 500 epochs (P). */
export const cifarSwav: SwavStage = {
  name: 'swav',
  method: 'swav',
  epochs: 500, // P: SwAV trained 500 epochs
  init: 'nothing',
  batch: { unlabeled: 256 }, // L
  views: {
    unlabeled: [
      { ...swavGlobal, name: 'global-0' },
      { ...swavGlobal, name: 'global-1', solarize: { prob: 0.2, threshold: 128 } }, // L
      {
        ...swavColors,
        name: 'local',
        count: 6, // L
        size: 18, // L
        scale: [0.08, 0.5], // L
        interpolation: 'bicubic', // L
        blur: { prob: 0.1, sigma: [0.1, 2] }, // L
        solarize: { prob: 0.1, threshold: 128 }, // L
      },
    ],
  },
  prototypes: [3000], // L, S
  ...clustering, // L, S
  epsilon: 0.05, // L, S
  queue: { size: 3840, startEpoch: 50 }, // L, scaled to 500 epochs
  freezePrototypesEpochs: 2, // L
  optimizer: {
    ...soloLars,
    lr: 0.6, // L, batch 256
    finalLr: 0.0006, // L, multi-crop
  },
};

/** Views of Suave and Daino: 2 x 32 of (.6, 1) and 4 x 18 of (.1, .6) (P; 18 pixels: I). */
const cifarViews = {
  unlabeled: [
    viewOf(cifarGlobal, cifar100Normalization, { count: 2 }),
    viewOf(cifarLocal, cifar100Normalization, { count: 4 }),
  ],
  labeled: viewOf(cifarLabeled, cifar100Normalization), // P: as on ImageNet
} satisfies SuaveStage['views'];

const cifarBatch: SuaveStage['batch'] = { unlabeled: 128, labeled: 100, labeledRepeats: 1 }; // P

/** Rate and length of both methods: LARS 2.8, weight decay 3e-6 (P); 2.8 is taken as absolute (I). */
const cifarLars = {
  ...suaveLars,
  lr: 2.8, // P
  startLr: 0, // C
  finalLr: 0.001, // C
  warmupEpochs: 5, // C
  weightDecay: 3e-6, // P
} satisfies Partial<OptimizerConfig>;

/** Suave on 32 pixels, 200 epochs. */
export const cifarSuave: SuaveStage = {
  ...suaveDefaults, // T .1, 3 iterations, smoothing .01
  name: 'suave',
  epochs: 200, // P
  init: 'backbone', // C: the projection head starts anew
  batch: cifarBatch,
  views: cifarViews,
  mixing: { labeled: 'extend', unlabeled: 'all', cutmixProb: 0.5, beta: 1, prob: 1, positions: 'true' }, // P: local crops are mixed too
  epsilon: 0.086, // P
  queue: { size: 3840, startEpoch: 0 }, // P, C
  momentumEncoder: { momentum: 0.99, schedule: 'cosine' }, // P; cosine: C
  optimizer: cifarLars,
};

/** Daino on 32 pixels, 200 epochs: the teacher's temperature is .07, its warm-up kept (I); the code's LARS with constant decay (I). */
export const cifarDaino: DainoStage = {
  ...distillationDefaults, // temperature .04 to .07 in 10 epochs, head 2048/256 (I)
  name: 'daino',
  method: 'daino',
  epochs: 200, // P
  init: 'backbone',
  batch: cifarBatch,
  views: cifarViews,
  mixing: { labeled: 'extend', cutmixProb: 0.5, beta: 1, prob: 1 }, // P, C
  labelSmoothing: 0.01, // C
  teacher: { momentum: 0.99, schedule: 'cosine' }, // P; cosine: C
  freezeLastLayerEpochs: 0, // C
  studentEvalQuirk: false,
  optimizer: { ...cifarLars, form: 'daino', epsilon: 0 }, // I
};

const dinoGlobal = {
  ...swavGlobal,
  name: 'global-0',
  scale: [0.08, 1], // L
  jitter: { ...dinoJitter }, // L
} satisfies ViewConfig;

/** DINO on 32 pixels: two crops, 4096 outputs, 1000 epochs (L). */
export const cifarDino: DinoStage = {
  ...distillationDefaults, // head 2048/256, no batch norm: L
  name: 'dino',
  method: 'dino',
  epochs: 1000, // L
  init: 'nothing',
  batch: { unlabeled: 256 }, // L
  views: {
    unlabeled: [dinoGlobal, { ...dinoGlobal, name: 'global-1', solarize: { prob: 0.2, threshold: 128 } }], // L
  },
  outDim: 4096, // L
  head: { ...distillationDefaults.head, normLastLayer: true }, // D: as on ImageNet
  teacherTemperature: { warmup: 0.07, final: 0.07, warmupEpochs: 0 }, // L
  teacher: { momentum: 0.9995, schedule: 'cosine' }, // L
  freezeLastLayerEpochs: 1, // L
  optimizer: {
    ...soloLars,
    lr: 0.3, // L
    finalLr: 0, // L
  },
};

/** Supervised-only: SGD .05 with momentum .9 and weight decay 5e-4, the usual choice for ResNets on CIFAR (ours). */
export const cifarBaselineOptimizer: OptimizerConfig = {
  ...plainSchedule,
  kind: 'sgd',
  lr: 0.05,
  startLr: 0,
  finalLr: 0,
  warmupEpochs: 1,
  weightDecay: 5e-4,
  momentum: 0.9,
  nesterov: true,
};

/** What the views of SwAV lack here. */
export const equalizeNote =
  'colors: a published script of 2022 also equalizes global views with probability .2 (equalizeProb), which is left out here';
