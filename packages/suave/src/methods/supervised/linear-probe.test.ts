import { fromTypedArray, manualSeed, optim, rand, randn, scope, type Tensor, tensor } from '@suave/torch';
import { afterEach, describe, expect, it } from 'vitest';
import { createBackbone, LinearClassifier, VisionTransformer } from '../../models/index.js';
import type { Batch, Progress } from '../method.js';
import { Supervised } from './supervised.js';

const progress: Progress = { step: 0, epoch: 0, stepsPerEpoch: 1, epochs: 1, totalSteps: 1 };
const owned: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of owned.splice(0)) thing.dispose();
});

function probe(frozenBackbone: boolean): Supervised {
  manualSeed(3);
  const model = new LinearClassifier(createBackbone('resnet8', { width: 0.25 }), 3, { frozenBackbone });
  const method = new Supervised({ model, labelSmoothing: 0 });
  owned.push(method);
  return method;
}

function batch(): Batch {
  manualSeed(4);
  const targets = tensor([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [0, 1, 0],
  ]);
  return { labeled: { images: rand([4, 3, 8, 8]), targets, numOriginal: 4 }, unlabeled: null };
}

const bytes = (state: Map<string, Tensor>, kind: 'fc' | 'backbone'): string[] =>
  [...state]
    .filter(([name]) => name.startsWith('model.fc') === (kind === 'fc'))
    .map(([name, value]) => `${name} ${value.data().join()}`);

function trainSteps(method: Supervised, count: number): void {
  const groups = method.parameterGroups().map(({ parameters }) => ({ params: parameters }));
  const optimizer = new optim.SGD(groups, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
  owned.push(optimizer);
  method.train();
  for (let step = 0; step < count; step++) {
    scope(() => {
      method.step(batch(), progress).loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      method.classify(batch().labeled!.images);
    });
  }
}

describe('a linear probe', () => {
  it('trains the classifier and leaves every bit of the backbone, running statistics too', () => {
    const method = probe(true);
    const before = method.state();
    const [backbone, classifier] = [bytes(before, 'backbone'), bytes(before, 'fc')];
    trainSteps(method, 3);
    expect(bytes(method.state(), 'backbone')).toEqual(backbone);
    expect(bytes(method.state(), 'fc')).not.toEqual(classifier);
    scope(() => {
      const { loss } = method.step(batch(), progress);
      loss.backward();
      const model = method.model as LinearClassifier;
      expect(model.backbone.parameters().every((parameter) => parameter.grad === null)).toBe(true);
      expect(model.fc.weight.grad).not.toBeNull();
      method.model.zeroGrad();
    });
  });

  it('sees in training what it sees in evaluation', () => {
    const method = probe(true);
    method.train();
    scope(() => {
      const { images, targets } = batch().labeled!;
      const model = method.model as LinearClassifier;
      const trained = model.classify(images).data();
      expect(model.training).toBe(true);
      expect(method.classify(images).data()).toEqual(trained);
      expect(targets.shape).toEqual([4, 3]);
    });
  });

  it('has one group of parameters, and fine-tuning two with rates of their own', () => {
    expect(probe(true).parameterGroups()).toMatchObject([{ name: 'head', rate: 'headLr' }]);
    const method = probe(false);
    const [trunk, head] = method.parameterGroups();
    expect(trunk).toMatchObject({ name: 'trunk' });
    expect(trunk.rate).toBeUndefined();
    expect(head).toMatchObject({ name: 'head', rate: 'headLr' });
    const all = method.model.parameters();
    expect(new Set([...trunk.parameters, ...head.parameters])).toEqual(new Set(all));
    const before = bytes(method.state(), 'backbone');
    trainSteps(method, 1);
    expect(bytes(method.state(), 'backbone')).not.toEqual(before);
  });

  it('starts from the classifier that is asked for', () => {
    const method = probe(true);
    const { fc } = method.model as LinearClassifier;
    (method.model as LinearClassifier).initializeClassifier_('zeros');
    expect(new Set(fc.weight.data() as Float32Array)).toEqual(new Set([0]));
    manualSeed(5);
    (method.model as LinearClassifier).initializeClassifier_('normal-0.01');
    const weights = Array.from(fc.weight.data() as Float32Array);
    const deviation = Math.sqrt(weights.reduce((sum, value) => sum + value * value, 0) / weights.length);
    expect(deviation).toBeGreaterThan(0.006);
    expect(deviation).toBeLessThan(0.014);
    expect(new Set(fc.bias!.data() as Float32Array)).toEqual(new Set([0]));
  });
});

describe('features of a transformer', () => {
  const transformer = (): VisionTransformer =>
    new VisionTransformer({ imageSize: 8, patchSize: 4, embedDim: 6, depth: 3, heads: 2, dtype: 'float64' });

  it('are the class tokens of the last blocks, each entry followed by the mean over the patches', () => {
    manualSeed(6);
    const backbone = transformer();
    const classes = new LinearClassifier(backbone, 2, {
      features: { lastBlocks: 2, averagePatches: false },
      dtype: 'float64',
    });
    owned.push(classes);
    scope(() => {
      const images = randn([2, 3, 8, 8], { dtype: 'float64' });
      const [before, last] = backbone.intermediateLayers(images, 2).map((tokens) => tokens.toArray() as number[][][]);
      const got = classes.feature(images).toArray() as number[][];
      expect(got).toEqual([0, 1].map((image) => [...before[image][0], ...last[image][0]]));
      expect(classes.fc.weight.shape).toEqual([2, 12]);
    });
    manualSeed(6);
    const own = transformer();
    const both = new LinearClassifier(own, 2, {
      features: { lastBlocks: 1, averagePatches: true },
      dtype: 'float64',
    });
    owned.push(both);
    scope(() => {
      const images = randn([2, 3, 8, 8], { dtype: 'float64' });
      const [last] = own.intermediateLayers(images, 1).map((tokens) => tokens.toArray() as number[][][]);
      const got = both.feature(images).toArray() as number[][];
      for (const image of [0, 1]) {
        for (let c = 0; c < 6; c++) {
          const patches = last[image].slice(1).map((token) => token[c]);
          expect(got[image][2 * c]).toBe(last[image][0][c]);
          expect(got[image][2 * c + 1]).toBeCloseTo(patches.reduce((sum, x) => sum + x) / patches.length, 12);
        }
      }
      expect(both.forward(images).shape).toEqual([2, 2]);
    });
  });

  it('are refused for other backbones and for more blocks than there are', () => {
    const features = { lastBlocks: 4, averagePatches: false };
    const refused = (make: () => LinearClassifier) => {
      expect(make).toThrow(expect.objectContaining({ code: 'CONFIG', exitCode: 2 }));
    };
    refused(() => new LinearClassifier(createBackbone('resnet8', { width: 0.25 }), 2, { features }));
    refused(() => new LinearClassifier(transformer(), 2, { features }));
  });

  it('are the class token alone unless asked for', () => {
    const model = new LinearClassifier(transformer(), 2, { dtype: 'float64' });
    owned.push(model);
    scope(() => {
      const images = fromTypedArray(new Float64Array(3 * 64).fill(0.3), [1, 3, 8, 8]);
      expect(model.feature(images).data()).toEqual(model.backbone.forward(images).data());
    });
  });
});
