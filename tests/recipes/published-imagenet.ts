/** @file Numbers of the ImageNet recipes, transcribed from the method specification (3.1, 3.2, 4, 6.1, 8.1, 8.2). */
import {
  clusters,
  dinoJitter,
  distillation,
  extendMixing,
  labeledJitter,
  pawsShared,
  stageTable,
  suaveLars,
  swavJitter,
  type Table,
  view,
} from './published-parts.js';

const imagenetMean = { 'normalization.mean': [0.485, 0.456, 0.406] };
const std228 = { ...imagenetMean, 'normalization.std': [0.228, 0.224, 0.225] };
const std229 = { ...imagenetMean, 'normalization.std': [0.229, 0.224, 0.225] };
const evaluation = (interpolation: string): Table => ({
  'evaluation.resize': 256,
  'evaluation.crop': 224,
  'evaluation.interpolation': interpolation,
});
const resnet50 = {
  'model.arch': 'resnet50',
  'model.width': 1,
  'model.stem': 'imagenet',
  'model.hidden': [2048],
  'model.outputDim': 128,
};
const vits16 = { 'model.arch': 'vit_small', 'model.patchSize': 16, 'model.imageSize': 224, 'model.dropPath': 0.1 };

const imagenetGlobal = { size: 224, scale: [0.14, 1] as [number, number], jitter: swavJitter, gray: 0.2, blur: 0.5 };
const imagenetLabeled = {
  size: 224,
  scale: [0.08, 1] as [number, number],
  jitter: labeledJitter,
  gray: 0.2,
  blur: null,
};

/** 8.1, rows that the three columns share. */
const suaveShared: Table = {
  'batch.unlabeled': 256,
  'batch.labeled': 128,
  ...clusters,
  epsilon: 0.05,
  'queue.size': 3840,
  'queue.startEpoch': 0,
  ...extendMixing,
  'mixing.unlabeled': 'globals',
  'mixing.positions': 'true',
  mixedWeight: 'views',
  freezePrototypesEpochs: 0,
  warmupProjectionEpochs: 0,
  momentumEncoder: null,
  onlineHeads: true,
  ...suaveLars,
  'optimizer.weightDecay': 1e-6,
};
const suaveRun: Table = {
  devices: 8,
  precision: 'fp16',
  seed: 31,
  'data.cacheSide': 'none',
  ...std228,
  ...evaluation('bilinear'),
  ...resnet50,
};
const suaveImagenet: Table = {
  ...suaveRun,
  ...stageTable('suave', {
    ...suaveShared,
    epochs: 100,
    init: 'backbone',
    'optimizer.startLr': 0,
    'optimizer.lr': 0.4,
    'optimizer.finalLr': 0.001,
    'optimizer.warmupEpochs': 5,
    labelSmoothing: 0.01,
    ...view('unlabeled.0', { ...imagenetGlobal, count: 2 }),
    ...view('unlabeled.1', { ...imagenetGlobal, count: 8, size: 96, scale: [0.08, 0.14] }),
    ...view('labeled', imagenetLabeled),
  }),
};
const finetune = (epochs: number, lr: number, finalLr: number, labelSmoothing: number): Table => ({
  ...suaveRun,
  ...stageTable('suave', {
    ...suaveShared,
    epochs,
    init: 'all-but-prototypes',
    'optimizer.lr': lr,
    'optimizer.finalLr': finalLr,
    'optimizer.warmupEpochs': 0,
    labelSmoothing,
    ...view('unlabeled.0', { ...imagenetGlobal, count: 2, scale: [0.08, 1], jitter: null, gray: 0, blur: null }),
    ...view('labeled', { ...imagenetLabeled, jitter: [0.1, 0.1, 0.1, 0.1, 0.8], gray: 0 }),
  }),
});

/** 6.1: Daino's views, deviations .229. */
const distillationViews = (std?: number[]): Table => {
  const shared = { interpolation: 'bicubic', jitter: dinoJitter, gray: 0.2, ...(std ? { std } : {}) };
  return {
    ...view('unlabeled.0', { ...shared, size: 224, scale: [0.25, 1], blur: 1 }),
    ...view('unlabeled.1', { ...shared, size: 224, scale: [0.25, 1], blur: 0.1, solarize: 0.2 }),
    ...view('unlabeled.2', { ...shared, count: 8, size: 96, scale: [0.05, 0.25], blur: 0.5 }),
  };
};
const adamw = {
  'optimizer.kind': 'adamw',
  'optimizer.beta1': 0.9,
  'optimizer.beta2': 0.999,
  'optimizer.epsilon': 1e-8,
  'optimizer.startLr': 0,
  'optimizer.finalLr': 1e-5,
  'optimizer.weightDecay': 0.04,
  'optimizer.finalWeightDecay': 0.4,
};

/** 8.2. */
const dainoImagenet: Table = {
  devices: 16,
  precision: 'fp32',
  seed: 0,
  'data.cacheSide': 'none',
  ...std228,
  ...evaluation('bilinear'),
  ...vits16,
  ...stageTable('daino', {
    epochs: 60,
    init: 'backbone',
    'batch.unlabeled': 1024,
    'batch.labeled': 512,
    ...distillation,
    'head.normLastLayer': false,
    'teacher.momentum': 0.99,
    freezeLastLayerEpochs: 0,
    studentEvalQuirk: false,
    labelSmoothing: 0.01,
    ...extendMixing,
    ...adamw,
    'optimizer.lr': 9.6e-4,
    'optimizer.warmupEpochs': 4,
    ...distillationViews([0.229, 0.224, 0.225]),
    ...view('labeled', imagenetLabeled),
  }),
};

/** 3.1. */
const swavImagenet: Table = {
  devices: 64,
  precision: 'fp16',
  seed: 31,
  'data.cacheSide': 'none',
  ...std228,
  ...evaluation('bilinear'),
  ...resnet50,
  ...stageTable('swav', {
    epochs: 800,
    'batch.unlabeled': 4096,
    prototypes: [3000],
    ...clusters,
    epsilon: 0.05,
    'queue.size': 0,
    ...suaveLars,
    'optimizer.weightDecay': 1e-6,
    'optimizer.startLr': 0.3,
    'optimizer.lr': 4.8,
    'optimizer.finalLr': 0.0048,
    'optimizer.warmupEpochs': 10,
    ...view('unlabeled.0', { ...imagenetGlobal, count: 2 }),
    ...view('unlabeled.1', { ...imagenetGlobal, count: 6, size: 96, scale: [0.05, 0.14] }),
  }),
};

/** 3.2. */
const dinoImagenet: Table = {
  precision: 'fp32',
  'data.cacheSide': 'none',
  ...std229,
  ...evaluation('bicubic'),
  ...vits16,
  ...stageTable('dino', {
    epochs: 800,
    'batch.unlabeled': 1024,
    outDim: 65_536,
    ...distillation,
    'head.normLastLayer': true,
    'teacher.momentum': 0.996,
    freezeLastLayerEpochs: 1,
    ...adamw,
    'optimizer.lr': (5e-4 * 1024) / 256,
    'optimizer.warmupEpochs': 10,
    ...distillationViews(),
  }),
};

const pawsImagenet: Table = {
  devices: 64,
  precision: 'fp16',
  'data.cacheSide': 'none',
  ...std229,
  ...evaluation('bilinear'),
  'model.arch': 'resnet50',
  ...stageTable('paws', {
    ...pawsShared,
    epochs: 300,
    'batch.unlabeled': 4096,
    'batch.classes': 960,
    'batch.imagesPerClass': 7,
    'batch.supportViews': 1,
    'head.hiddenDim': 2048,
    'head.outputDim': 2048,
    'head.prediction': true,
    'optimizer.startLr': 0.3,
    'optimizer.lr': 6.4,
    'optimizer.finalLr': 0.064,
    ...view('unlabeled.0', { ...imagenetGlobal, count: 2 }),
    ...view('unlabeled.1', { ...imagenetGlobal, count: 6, size: 96, scale: [0.05, 0.14] }),
    ...view('support', imagenetGlobal),
  }),
};

/** By recipe. */
export const publishedImagenet: Record<string, Table> = {
  'suave-imagenet-1pct': suaveImagenet,
  'suave-imagenet-10pct': suaveImagenet,
  'suave-imagenet-finetune-1pct': finetune(3, 0.02, 0.0002, 0.01),
  'suave-imagenet-finetune-10pct': finetune(5, 0.02, 0.0002, 0.01),
  'daino-imagenet-1pct': dainoImagenet,
  'daino-imagenet-10pct': dainoImagenet,
  'swav-imagenet': swavImagenet,
  'dino-imagenet-vits16': dinoImagenet,
  'paws-imagenet': pawsImagenet,
};
