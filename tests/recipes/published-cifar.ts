/** @file Numbers of the recipes for 32-pixel images, transcribed from the method specification (4.6, 6.1, 8.3 to 8.5). */
import {
  clusters,
  dinoJitter,
  distillation,
  extendMixing,
  labeledJitter,
  pawsShared,
  soloLars,
  stageTable,
  swavJitter,
  type Table,
  view,
} from './published-parts.js';

/** 8.3 with 6.1: views, SwAV before, Suave and Daino after. */
const cifarRun = (arch: string, mean: number[], std: number[]): Table => ({
  seed: 31,
  devices: 1,
  'model.arch': arch,
  'model.stem': 'cifar',
  'model.hidden': [2048],
  'model.outputDim': 128,
  'normalization.mean': mean,
  'normalization.std': std,
  'evaluation.resize': 32,
  'evaluation.crop': 32,
  'data.cacheSide': 32,
});
const cifarSwav: Table = stageTable('swav', {
  epochs: 500,
  'batch.unlabeled': 256,
  prototypes: [3000],
  ...clusters,
  epsilon: 0.05,
  'queue.size': 3840,
  'queue.startEpoch': 50,
  freezePrototypesEpochs: 2,
  ...soloLars,
  'optimizer.lr': 0.6,
  'optimizer.finalLr': 0.0006,
  ...view('unlabeled.0', {
    size: 32,
    scale: [0.2, 1],
    interpolation: 'bicubic',
    jitter: [0.6, 0.6, 0.6, 0.2, 0.8],
    gray: 0.2,
    blur: null,
  }),
  ...view('unlabeled.1', {
    size: 32,
    scale: [0.2, 1],
    interpolation: 'bicubic',
    jitter: [0.6, 0.6, 0.6, 0.2, 0.8],
    gray: 0.2,
    blur: null,
    solarize: 0.2,
  }),
  ...view('unlabeled.2', {
    count: 6,
    size: 18,
    scale: [0.08, 0.5],
    interpolation: 'bicubic',
    jitter: swavJitter,
    gray: 0.2,
    blur: 0.1,
    solarize: 0.1,
  }),
});
const cifarViews: Table = {
  ...view('unlabeled.0', { count: 2, size: 32, scale: [0.6, 1], jitter: swavJitter, gray: 0.2, blur: 0.5 }),
  ...view('unlabeled.1', { count: 4, size: 18, scale: [0.1, 0.6], jitter: swavJitter, gray: 0.2, blur: 0.5 }),
  ...view('labeled', { size: 32, scale: [0.08, 1], jitter: labeledJitter, gray: 0.2, blur: null }),
};
const cifarShared: Table = {
  epochs: 200,
  init: 'backbone',
  'batch.unlabeled': 128,
  'batch.labeled': 100,
  labelSmoothing: 0.01,
  ...extendMixing,
  ...cifarViews,
  'optimizer.kind': 'lars',
  'optimizer.momentum': 0.9,
  'optimizer.trust': 0.001,
  'optimizer.clip': false,
  'optimizer.startLr': 0,
  'optimizer.lr': 2.8,
  'optimizer.finalLr': 0.001,
  'optimizer.warmupEpochs': 5,
  'optimizer.weightDecay': 3e-6,
  'optimizer.finalWeightDecay': null,
};
const cifarSuave: Table = stageTable('suave', {
  ...cifarShared,
  ...clusters,
  epsilon: 0.086,
  'queue.size': 3840,
  'queue.startEpoch': 0,
  'momentumEncoder.momentum': 0.99,
  'momentumEncoder.schedule': 'cosine',
  'mixing.unlabeled': 'all',
  'optimizer.form': 'suave',
});
const cifarDaino: Table = stageTable('daino', {
  ...cifarShared,
  ...distillation,
  'head.normLastLayer': false,
  'teacher.momentum': 0.99,
  freezeLastLayerEpochs: 0,
  'optimizer.form': 'daino',
});
const cifar100Run = cifarRun('wrn-28-8', [0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]);
const cifar10Run = cifarRun('resnet18', [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]);

/** 8.4. */
const cifarDino: Table = stageTable('dino', {
  epochs: 1000,
  'batch.unlabeled': 256,
  outDim: 4096,
  ...distillation,
  'head.normLastLayer': true,
  'teacherTemperature.warmup': 0.07,
  'teacherTemperature.final': 0.07,
  'teacherTemperature.warmupEpochs': 0,
  'teacher.momentum': 0.9995,
  freezeLastLayerEpochs: 1,
  ...soloLars,
  'optimizer.lr': 0.3,
  'optimizer.finalLr': 0,
  ...view('unlabeled.0', {
    size: 32,
    scale: [0.08, 1],
    interpolation: 'bicubic',
    jitter: dinoJitter,
    gray: 0.2,
    blur: null,
  }),
  ...view('unlabeled.1', {
    size: 32,
    scale: [0.08, 1],
    interpolation: 'bicubic',
    jitter: dinoJitter,
    gray: 0.2,
    blur: null,
    solarize: 0.2,
  }),
});

/** 4.6. */
const cifarPaws: Table = {
  ...cifarRun('wrn-28-2', [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]),
  seed: 0,
  ...stageTable('paws', {
    ...pawsShared,
    epochs: 600,
    'batch.unlabeled': 256,
    'batch.classes': 10,
    'batch.imagesPerClass': 64,
    'batch.supportViews': 2,
    'head.outputDim': 128,
    'head.prediction': false,
    'optimizer.startLr': 0.8,
    'optimizer.lr': 3.2,
    'optimizer.finalLr': 0.032,
    ...view('unlabeled.0', {
      count: 2,
      size: 32,
      scale: [0.75, 1],
      jitter: labeledJitter,
      gray: 0.2,
      blur: null,
      solarize: 0.2,
    }),
    ...view('unlabeled.1', {
      count: 6,
      size: 18,
      scale: [0.3, 0.75],
      jitter: labeledJitter,
      gray: 0.2,
      blur: null,
      solarize: 0.2,
    }),
    ...view('support', { size: 32, scale: [0.75, 1], jitter: labeledJitter, gray: 0.2, blur: null, solarize: 0.2 }),
  }),
};

/** By recipe. */
export const publishedCifar: Record<string, Table> = {
  'swav-cifar100': { ...cifar100Run, ...cifarSwav },
  'suave-cifar100': { ...cifar100Run, ...cifarSwav, ...cifarSuave },
  'daino-cifar100': { ...cifar100Run, ...cifarSwav, ...cifarDaino },
  'swav-cifar10': { ...cifar10Run, ...cifarSwav },
  'suave-cifar10': { ...cifar10Run, ...cifarSwav, ...cifarSuave },
  'daino-cifar10': { ...cifar10Run, ...cifarSwav, ...cifarDaino },
  'dino-cifar10': { ...cifar10Run, ...cifarDino },
  'paws-cifar10': cifarPaws,
};
