import { liveTensors, type nn, noGrad, ones, rand, scope, zeros } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { LinearClassifier } from './linear-classifier.js';
import { loadWeights, unwrapKeys } from './loading.js';
import { multiCropForward, runsOfEqualWidth } from './multi-crop.js';
import { backboneFamily, backboneNames, createBackbone } from './registry.js';
import { remapSwavProjection } from './swav-keys.js';
import { SwavModel } from './swav-model.js';

function parameterCount(module: nn.Module): number {
  return module.parameters().reduce((sum, parameter) => sum + parameter.numel, 0);
}

describe('createBackbone', () => {
  test('makes networks of the published sizes', () => {
    expect(parameterCount(createBackbone('resnet50'))).toBe(23_508_032);
    expect(parameterCount(createBackbone('resnet18', { stem: 'cifar' }))).toBe(11_168_832);
    expect(createBackbone('resnet50', { width: 2 }).outFeatures).toBe(4096);
    expect(parameterCount(createBackbone('wrn-28-2'))).toBe(1_468_352);
    expect(parameterCount(createBackbone('wrn-28-8'))).toBe(23_357_792);
    // 0.27 M, He et al. 2015, table 6; without the classifier
    expect(parameterCount(createBackbone('resnet20')) / 1e6).toBeCloseTo(0.27, 2);
  });

  test('gives one feature vector per image, whatever the size', () => {
    for (const arch of backboneNames) {
      const transformer = backboneFamily(arch) === 'vision-transformer';
      const small = transformer ? ({ patchSize: 4, imageSize: 16, width: 1 / 3 } as const) : { width: 0.25 };
      const stem = backboneFamily(arch) === 'resnet' ? ({ stem: 'cifar' } as const) : {};
      const backbone = createBackbone(arch, { inChannels: 1, ...small, ...stem }).eval();
      scope(() =>
        noGrad(() => {
          expect(backbone.forward(rand([2, 1, 18, 24])).shape).toEqual([2, backbone.outFeatures]);
        }),
      );
      backbone.dispose();
    }
  });

  test('map sizes of both stems', () => {
    scope(() =>
      noGrad(() => {
        const map = (options: object, side: number) =>
          createBackbone('resnet18', { width: 1 / 16, ...options })
            .eval()
            .featureMap(zeros([1, 3, side, side])).shape[2];
        expect([map({}, 224), map({}, 96), map({}, 32)]).toEqual([7, 3, 1]);
        expect([map({ stem: 'cifar' }, 32), map({ stem: 'cifar' }, 18)]).toEqual([4, 3]);
        expect([map({ stem: 'cifar', stemPadding: 2 }, 32), map({ stem: 'cifar', stemPadding: 2 }, 18)]).toEqual([
          5, 3,
        ]);
      }),
    );
  });

  test('starts from the published distributions', () => {
    const backbone = createBackbone('resnet18');
    const state = backbone.stateDict();
    const spread = (name: string) => scope(() => state.get(name)!.std().item());
    expect(spread('conv1.weight')).toBeCloseTo(Math.sqrt(2 / (64 * 49)), 2);
    expect(spread('layer4.1.conv2.weight')).toBeCloseTo(Math.sqrt(2 / (512 * 9)), 3);
    scope(() => {
      expect(state.get('bn1.weight')!.toArray()).toEqual(ones([64]).toArray());
      expect(state.get('bn1.bias')!.toArray()).toEqual(zeros([64]).toArray());
    });
  });

  test('refuses unknown names and impossible options', () => {
    expect(() => createBackbone('resnet81')).toThrow(/Did you mean "resnet8"/);
    expect(() => createBackbone('constructor')).toThrow(/expected a known architecture/);
    expect(() => createBackbone('resnet8', { width: 0.3 })).toThrow(/whole number of channels, got 0.3/);
    expect(() => createBackbone('resnet18', { stemPadding: 2 })).toThrow(/belongs to the cifar stem/);
  });

  test('is freed by dispose', () => {
    const before = liveTensors().count;
    createBackbone('resnet14').dispose();
    new LinearClassifier(createBackbone('resnet8'), 10).dispose();
    expect(liveTensors().count).toBe(before);
  });
});

describe('SwavModel', () => {
  test('has the published sizes', () => {
    const model = new SwavModel({ backbone: createBackbone('resnet50'), prototypes: 1000, onlineClasses: 1000 });
    expect(parameterCount(model)).toBe(32_325_752);
    model.dispose();
  });

  test('with several prototype layers scores every one', () => {
    const model = new SwavModel({
      backbone: createBackbone('resnet8'),
      hiddenMlp: [],
      outputDim: 6,
      prototypes: [3, 4],
    });
    model.normalizePrototypes_();
    scope(() => {
      const { logits, layout } = model.forward([rand([2, 3, 8, 8]), rand([2, 3, 8, 8])]);
      expect(logits.map((scores) => scores.shape)).toEqual([
        [4, 3],
        [4, 4],
      ]);
      expect(layout).toEqual({ numLabeled: 0, viewRows: [2, 2] });
    });
    expect(model.prototypeCounts).toEqual([3, 4]);
    model.dispose();
  });

  test('refuses a backbone that has a classifier of its own', () => {
    expect(() => new SwavModel({ backbone: createBackbone('resnet8', { numClasses: 3 }) })).toThrow(
      /without a classifier/,
    );
  });

  test('refuses an ensemble head without online heads', () => {
    expect(() => new SwavModel({ backbone: createBackbone('resnet8'), ensembleHead: true })).toThrow(
      /needs online heads/,
    );
  });
});

describe('multi-crop', () => {
  test('runs of equal width; one that comes back makes a new run', () => {
    expect(runsOfEqualWidth([32, 32, 32, 18, 18, 32])).toEqual([
      [0, 3],
      [3, 5],
      [5, 6],
    ]);
    expect(runsOfEqualWidth([])).toEqual([]);
  });

  test('calls the backbone once per run, in list order', () => {
    const calls: number[][] = [];
    scope(() => {
      const inputs = [8, 8, 4].map((side, i) => ones([2, 1, side, side]).mul(i));
      const features = multiCropForward(inputs, (images) => {
        calls.push(images.shape);
        return images.mean([2, 3]);
      });
      expect(features.toArray()).toEqual([[0], [0], [1], [1], [2], [2]]);
    });
    expect(calls).toEqual([
      [4, 1, 8, 8],
      [2, 1, 4, 4],
    ]);
  });
});

describe('loading weights', () => {
  const swav = (hidden: number) =>
    new SwavModel({
      backbone: createBackbone('resnet8', { width: 0.25 }),
      hiddenMlp: [hidden],
      outputDim: 5,
      prototypes: 7,
    });

  test('strips wrappers and renames SwAV projection heads of any depth', () => {
    const wrapped = new Map([
      ['state_dict.module.conv1.weight', 1],
      ['epoch', 2],
    ]);
    expect([...unwrapKeys(wrapped)]).toEqual([['conv1.weight', 1]]);
    const flat = ['0.weight', '1.running_mean', '3.bias', '4.weight', '6.weight'].map(
      (key, i) => [`projection_head.${key}`, i] as const,
    );
    expect([...remapSwavProjection(new Map(flat)).keys()]).toEqual([
      'projection_head.0.0.weight',
      'projection_head.0.1.running_mean',
      'projection_head.1.0.bias',
      'projection_head.1.1.weight',
      'projection_head.2.weight',
    ]);
    expect([...remapSwavProjection(new Map([['projection_head.weight', 0]])).keys()]).toEqual([
      'projection_head.0.weight',
    ]);
    const ours = new Map([
      ['projection_head.0.0.weight', 0],
      ['projection_head.1.weight', 1],
    ]);
    expect(remapSwavProjection(ours)).toEqual(ours);
  });

  test('loads a published SwAV layout into a model, prototypes excepted', () => {
    const [source, target] = [swav(6), swav(6)];
    const back: Record<string, string> = { '0.0': '0', '0.1': '1', '1': '3' };
    const published = new Map(
      [...source.stateDict()].map(([key, value]) => [
        `module.${key.replace(/^projection_head\.(0\.0|0\.1|1)/, (_, position: string) => `projection_head.${back[position]}`)}`,
        value,
      ]),
    );
    const report = loadWeights(target, published);
    expect(report.skipped).toEqual([{ key: 'prototypes.weight', reason: 'prototypes are drawn anew' }]);
    expect(report.missing).toEqual(['prototypes.weight']);
    for (const key of report.loaded)
      expect(target.stateDict().get(key)!.bytes()).toEqual(source.stateDict().get(key)!.bytes());
    expect(
      loadWeights(target, published, { projection: false }).loaded.some((key) => key.startsWith('projection')),
    ).toBe(false);
    expect(loadWeights(target, published, { prototypes: true }).missing).toEqual([]);
    source.dispose();
    target.dispose();
  });

  test('reports shapes that do not fit and names that are unknown', () => {
    const [source, target] = [swav(6), swav(4)];
    const report = loadWeights(target, new Map([...source.stateDict(), ['fc.weight', zeros([2, 2])]]));
    expect(report.skipped).toContainEqual({ key: 'fc.weight', reason: 'the model has no such entry' });
    expect(report.skipped).toContainEqual({
      key: 'projection_head.1.weight',
      reason: 'shape [5, 6] in the file, [5, 4] in the model',
    });
    expect(report.missing).toContain('projection_head.1.weight');
    source.dispose();
    target.dispose();
  });
});
