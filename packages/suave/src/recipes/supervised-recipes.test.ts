import { describe, expect, it } from 'vitest';
import { type Config, exampleFacts, fineTuned, resolveRecipe, type SuaveStage, validateConfig } from './index.js';

const resolve = (recipe: string, sets: Record<string, unknown> = {}): Config =>
  resolveRecipe(
    { recipe, overrides: Object.entries(sets).map(([path, value]) => ({ path, value, isText: false })) },
    exampleFacts,
  ).config;

/** Numbers of the published evaluation protocols (specification 3.3, 3.4 and 3.6). */
const published = {
  'swav-linear': {
    normalization: { std: [0.228, 0.224, 0.225] },
    evaluation: { resize: 256, crop: 224, interpolation: 'bilinear' },
    model: { arch: 'resnet50', width: 1 },
    stage: {
      epochs: 100,
      batch: { labeled: 256 },
      frozenBackbone: true,
      classifierInit: 'normal-0.01',
      features: null,
      optimizer: {
        kind: 'sgd',
        lr: 0.3,
        headLr: null,
        finalLr: 0,
        schedule: 'cosine-per-epoch',
        weightDecay: 1e-6,
        momentum: 0.9,
        nesterov: false,
      },
    },
  },
  'swav-finetune-1pct': {
    normalization: { std: [0.228, 0.224, 0.225] },
    evaluation: { resize: 256, crop: 224, interpolation: 'bilinear' },
    model: { arch: 'resnet50' },
    stage: {
      epochs: 20,
      batch: { labeled: 256 },
      frozenBackbone: false,
      optimizer: {
        kind: 'sgd',
        lr: 0.02,
        headLr: 5,
        schedule: 'steps',
        decay: { epochs: [12, 16], factor: 0.2 },
        weightDecay: 0,
      },
    },
  },
  'swav-finetune-10pct': {
    normalization: { std: [0.228, 0.224, 0.225] },
    evaluation: { resize: 256 },
    model: { arch: 'resnet50' },
    stage: { epochs: 20, optimizer: { lr: 0.01, headLr: 0.2, momentum: 0.9, weightDecay: 0 } },
  },
  'dino-linear': {
    normalization: { std: [0.229, 0.224, 0.225] },
    evaluation: { resize: 256, crop: 224, interpolation: 'bicubic' },
    model: { arch: 'vit_small', patchSize: 16, imageSize: 224, dropPath: 0 },
    stage: {
      epochs: 100,
      batch: { labeled: 1024 },
      frozenBackbone: true,
      features: { lastBlocks: 4, averagePatches: false },
      classifierInit: 'normal-0.01',
      optimizer: { lr: 0.004, finalLr: 0, schedule: 'cosine-per-epoch', weightDecay: 0, momentum: 0.9 },
    },
  },
} as const;

describe('recipes of supervised protocols', () => {
  it.each(Object.entries(published))('%s has the published numbers', (name, { stage, ...rest }) => {
    const config = resolve(name);
    expect(config).toMatchObject(rest);
    expect(config.stages).toHaveLength(1);
    expect(config.stages[0]).toMatchObject({
      ...stage,
      method: 'supervised',
      init: 'backbone',
      labelSmoothing: 0,
      temperature: 1,
      mixing: { labeled: 'none' },
      views: { labeled: { size: 224, scale: [0.08, 1], flipProb: 0.5, jitter: null, grayProb: 0, blur: null } },
    });
  });

  it('read of a ViT-B the last class token and the mean of its patches, of a ResNet its feature', () => {
    expect(resolve('dino-linear', { 'model.arch': 'vit_base' }).stages[0]).toMatchObject({
      features: { lastBlocks: 1, averagePatches: true },
    });
    expect(resolve('dino-linear', { 'model.arch': 'resnet50' }).stages[0]).toMatchObject({ features: null });
  });

  it('keep the steps of the rate at their share of fewer epochs', () => {
    expect(resolve('swav-finetune-1pct', { epochs: 5 }).stages[0]).toMatchObject({
      epochs: 5,
      optimizer: { decay: { epochs: [3, 4], factor: 0.2 } },
    });
  });

  it('refuse features that the backbone does not have', () => {
    const features = { lastBlocks: 4, averagePatches: false };
    expect(() => resolve('swav-linear', { features })).toThrow(/features: resnet50 has no blocks/);
  });
});

describe('fineTuned', () => {
  const suaveStage = (config: Config): SuaveStage => config.stages.at(-1) as SuaveStage;

  it('makes of pre-training on ImageNet the published fine-tuning', () => {
    const config = fineTuned(resolve('suave-imagenet-10pct'));
    const paper = suaveStage(resolve('suave-imagenet-finetune-10pct'));
    const { name, views, ...stage } = suaveStage(config);
    const { name: _name, views: paperViews, ...expected } = paper;
    expect(stage).toEqual(expected);
    expect(name).toBe('finetune');
    expect(views).toEqual({
      unlabeled: [{ ...paperViews.unlabeled[0], name: 'global' }],
      labeled: { ...paperViews.labeled, name: views.labeled.name },
    });
    expect(config.recipe).toBe('suave-imagenet-10pct-finetune');
    expect(config.init).toBeNull();
  });

  it('is valid for every recipe whose last stage learns from labels, and names itself once', () => {
    for (const recipe of ['suave-small', 'suave-cifar10', 'suave-demo', 'daino-imagenet-1pct', 'swav-linear']) {
      const config = fineTuned(resolve(recipe));
      expect(validateConfig(config)).toEqual(config);
      expect(config.stages).toHaveLength(1);
      expect(fineTuned(config).recipe).toBe(`${recipe}-finetune`);
    }
  });

  it('refuses a run that names no classes, and says what to do', () => {
    expect(() => fineTuned(resolve('swav-imagenet'))).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FINE_TUNABLE', message: expect.stringMatching(/--recipe/) }),
    );
  });
});
