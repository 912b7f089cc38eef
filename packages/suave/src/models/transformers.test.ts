import { describe, expect, test as testOnCpu } from 'vitest';
import { placeModule, itOnDevice as test } from '../../../../tests/fixtures/devices.js';
import {
  autocast,
  fromTypedArray,
  liveTensors,
  manualSeed,
  type nn,
  noGrad,
  rand,
  scope,
} from '../../../../tests/fixtures/torch-on-device.js';
import { DinoHead } from './dino-head.js';
import { DinoModel } from './dino-model.js';
import { createBackbone } from './registry.js';
import { SwavModel } from './swav-model.js';
import { dropPathRates, VisionTransformer } from './vision-transformer.js';

const SMALL = { imageSize: 16, patchSize: 4, embedDim: 12, depth: 2, heads: 3 } as const;

function parameterCount(module: nn.Module): number {
  return module.parameters().reduce((sum, parameter) => sum + parameter.numel, 0);
}

/** Dotted names of the parameters that the last backward reached. */
function reached(module: nn.Module): string[] {
  return [...module.namedParameters()].filter(([, parameter]) => parameter.grad !== null).map(([name]) => name);
}

describe('VisionTransformer', () => {
  testOnCpu.each([
    ['vit_tiny', 5_524_416],
    ['vit_small', 21_665_664],
    ['vit_base', 85_798_656],
  ])('%s has the published size', (arch, count) => {
    const backbone = createBackbone(arch);
    expect(parameterCount(backbone)).toBe(count);
    backbone.dispose();
  });

  test('patches of other sizes change the first layer and the positions only', () => {
    const backbone = createBackbone('vit_tiny', { patchSize: 4, imageSize: 32, width: 1 / 3 });
    const state = backbone.stateDict();
    expect(state.get('pos_embed')!.shape).toEqual([1, 65, 64]);
    expect(state.get('patch_embed.proj.weight')!.shape).toEqual([64, 3, 4, 4]);
    expect(state.get('blocks.11.attn.qkv.bias')!.shape).toEqual([192]);
    backbone.dispose();
  });

  test('starts from the published distributions', () => {
    manualSeed(1);
    const backbone = createBackbone('vit_tiny');
    const state = backbone.stateDict();
    const spread = (name: string) => scope(() => state.get(name)!.std().item());
    for (const name of ['cls_token', 'pos_embed', 'blocks.3.attn.qkv.weight', 'blocks.3.mlp.fc2.weight'])
      expect(Math.abs(spread(name) / 0.02 - 1)).toBeLessThan(name === 'cls_token' ? 0.2 : 0.02);
    const bound = 1 / Math.sqrt(768);
    for (const name of ['patch_embed.proj.weight', 'patch_embed.proj.bias']) {
      const largest = scope(() => state.get(name)!.abs().max().item());
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.97 * bound);
    }
    expect(scope(() => state.get('blocks.0.attn.qkv.bias')!.abs().max().item())).toBe(0);
    backbone.dispose();
  });

  test('features, maps, attention and intermediate layers belong together', () => {
    const network = placeModule(new VisionTransformer({ ...SMALL, dtype: 'float64' })).eval();
    scope(() =>
      noGrad(() => {
        const images = rand([2, 3, 8, 20], { dtype: 'float64' });
        const features = network.forward(images);
        expect(features.shape).toEqual([2, 12]);
        const [first, last] = network.intermediateLayers(images, 2);
        expect(first.shape).toEqual([2, 11, 12]);
        expect(last.select(1, 0).sub(features).abs().max().item()).toBeLessThan(1e-14);
        const map = network.featureMap(images);
        expect(map.shape).toEqual([2, 12, 2, 5]);
        // row 1, column 2 of the grid is patch 1 · 5 + 2
        expect(map.select(2, 1).select(2, 2).sub(last.select(1, 8)).abs().max().item()).toBe(0);
        const attention = network.lastSelfAttention(images);
        expect(attention.shape).toEqual([2, 3, 11, 11]);
        expect(attention.sum([-1]).sub(1).abs().max().item()).toBeLessThan(1e-12);
      }),
    );
    network.dispose();
  });

  test('sends a gradient to every parameter at another image size', () => {
    const network = placeModule(new VisionTransformer({ ...SMALL, qkvBias: true }));
    scope(() =>
      network
        .forward(rand([2, 3, 8, 8]))
        .square()
        .sum()
        .backward(),
    );
    expect(reached(network)).toEqual([...network.namedParameters().keys()]);
    expect(scope(() => network.pos_embed.grad!.abs().sum().item())).toBeGreaterThan(0);
    network.dispose();
  });

  test('stochastic depth acts in training only', () => {
    const network = placeModule(new VisionTransformer({ ...SMALL, depth: 3, dropPathRate: 0.5 }));
    scope(() =>
      noGrad(() => {
        const images = rand([1, 3, 16, 16]).expand([64, 3, 16, 16]);
        const distinct = () =>
          new Set((network.forward(images).select(1, 0).toArray() as number[]).map((value) => value.toFixed(4))).size;
        expect(distinct()).toBeGreaterThan(3);
        network.eval();
        expect(distinct()).toBe(1);
      }),
    );
    network.dispose();
    expect(dropPathRates(0.1, 12)[11]).toBeCloseTo(0.1, 12);
    expect(dropPathRates(0.1, 1)).toEqual([0]);
  });

  testOnCpu('runs under autocast with float32 positions', () => {
    const network = placeModule(new VisionTransformer(SMALL)).eval();
    scope(() =>
      noGrad(() => {
        const images = rand([2, 3, 8, 8]);
        const half = autocast('cpu', 'bfloat16', () => network.forward(images));
        expect(half.to('float32').sub(network.forward(images)).abs().max().item()).toBeLessThan(0.05);
      }),
    );
    network.dispose();
  });

  test('refuses numbers that make no transformer', () => {
    expect(() => new VisionTransformer({ ...SMALL, heads: 5 })).toThrow(/divisor of embedDim 12, got 5/);
    expect(() => new VisionTransformer({ ...SMALL, patchSize: 32 })).toThrow(/one patch of 32 pixels, got 16/);
    expect(() => new VisionTransformer({ ...SMALL, dropPathRate: 1 })).toThrow(/rate from 0 to below 1/);
    const network = placeModule(new VisionTransformer(SMALL));
    expect(() => network.forward(rand([1, 3, 3, 8]))).toThrow(/at least one patch of 4 pixels, got 3 × 8/);
    expect(() => network.intermediateLayers(rand([1, 3, 8, 8]), 3)).toThrow(/expected 1 to 2 blocks, got 3/);
    network.dispose();
    expect(() => createBackbone('vit_small', { stem: 'cifar' })).toThrow(/stem, which belongs to a resnet/);
    expect(() => createBackbone('vit_tiny', { width: 0.5 })).toThrow(/whole number of heads, got 0.5/);
    expect(() => createBackbone('vit_smal')).toThrow(/Did you mean "vit_small"/);
  });

  test('carries a SwAV head without a prefix, in one piece when it moves', () => {
    const model = placeModule(
      new SwavModel({ backbone: new VisionTransformer(SMALL), hiddenMlp: [], outputDim: 5, prototypes: 3 }),
    );
    expect([...model.stateDict().keys()].slice(0, 3)).toEqual(['cls_token', 'pos_embed', 'patch_embed.proj.weight']);
    model.to({ dtype: 'float64' });
    scope(() =>
      model
        .forward([rand([2, 3, 8, 8], { dtype: 'float64' })])
        .logits[0].sum()
        .backward(),
    );
    const position = model.namedParameters().get('pos_embed')!;
    expect(position.dtype).toBe('float64');
    expect(position.grad).not.toBeNull();
    model.dispose();
  });
});

describe('DinoHead', () => {
  test('has the published size', () => {
    const head = new DinoHead({ inFeatures: 384, outDim: 1000 });
    expect(parameterCount(head)).toBe(5_766_376);
    head.dispose();
  });

  test('frozen lengths make cosines', () => {
    const head = placeModule(
      new DinoHead({ inFeatures: 6, outDim: 4, hiddenDim: 8, bottleneckDim: 5, dtype: 'float64' }),
    );
    scope(() => {
      const largest = head
        .forward(rand([50, 6], { dtype: 'float64' }))
        .abs()
        .max();
      expect(largest.item()).toBeLessThanOrEqual(1 + 1e-12);
      largest.backward();
      expect(head.last_layer.weight_g.grad).toBeNull();
      expect(head.last_layer.weight_v.grad).not.toBeNull();
    });
    head.dispose();
  });

  test('scales with trainable lengths', () => {
    const head = placeModule(
      new DinoHead({ inFeatures: 3, outDim: 2, layers: 1, bottleneckDim: 2, normLastLayer: false }),
    );
    scope(() => {
      const x = rand([4, 3]);
      const before = head.forward(x);
      noGrad(() => head.last_layer.weight_g.copy_(fromTypedArray(new Float32Array([1, 3]), [2, 1])));
      const ratio = head.forward(x).div(before).mean([0]);
      expect((ratio.toArray() as number[]).map((value) => value.toFixed(4))).toEqual(['1.0000', '3.0000']);
      head.forward(x).sum().backward();
      expect(reached(head)).toEqual(['mlp.weight', 'mlp.bias', 'last_layer.weight_g', 'last_layer.weight_v']);
    });
    head.dispose();
  });

  test('online classifiers watch and do not teach', () => {
    const options = { inFeatures: 6, outDim: 4, hiddenDim: 8, bottleneckDim: 5 } as const;
    const head = placeModule(new DinoHead({ ...options, batchNorm: true, multiheadEval: true }));
    scope(() => {
      const { logits, online } = head.score(rand([7, 6]), 3);
      expect(logits.shape).toEqual([7, 4]);
      expect(online.map((scores) => scores.shape)).toEqual(new Array(4).fill([3, 4]));
      for (const scores of online) scores.sum().backward();
    });
    expect(reached(head).every((name) => name.startsWith('cls_heads'))).toBe(true);
    expect(reached(head).length).toBe(8);
    head.dispose();
  });

  test('refuses a head without layers', () => {
    expect(() => new DinoHead({ inFeatures: 6, outDim: 4, layers: 0 })).toThrow(/at least 1 linear layer, got 0/);
  });
});

describe('DinoModel', () => {
  const create = () =>
    placeModule(new DinoModel({ backbone: new VisionTransformer(SMALL), outDim: 4, hiddenDim: 8, bottleneckDim: 5 }));

  test('one row of logits per image, labeled rows first', () => {
    const model = create();
    scope(() => {
      const [labeled, view, local] = [rand([3, 3, 16, 16]), rand([2, 3, 16, 16]), rand([2, 3, 8, 8])];
      const { features, logits, online, layout } = model.forward([labeled, view, local], 3);
      expect([features.shape, logits.shape, online]).toEqual([[7, 12], [7, 4], []]);
      expect(layout).toEqual({ numLabeled: 3, viewRows: [2, 2] });
      expect(
        model
          .classify(local)
          .sub(logits.narrow(0, 5, 2))
          .abs()
          .max()
          .item(),
      ).toBeLessThan(1e-5);
    });
    expect(model.outDim).toBe(4);
    model.dispose();
  });

  testOnCpu('learns under autocast: cosines, gradients in float32 everywhere but at the frozen lengths', () => {
    const model = create();
    scope(() => {
      const { logits } = autocast('cpu', 'bfloat16', () => model.forward([rand([2, 3, 16, 16]), rand([2, 3, 8, 8])]));
      expect(logits.to('float32').abs().max().item()).toBeLessThanOrEqual(1.01);
      logits.to('float32').square().sum().backward();
    });
    const without = [...model.namedParameters()].filter(([, parameter]) => parameter.grad?.dtype !== 'float32');
    expect(without.map(([name]) => name)).toEqual(['head.last_layer.weight_g']);
    model.dispose();
  });

  test('refuses a backbone that classifies', () => {
    expect(() => new DinoModel({ backbone: createBackbone('resnet8', { numClasses: 3 }), outDim: 2 })).toThrow(
      /DinoModel: expected a backbone without a classifier/,
    );
  });

  test('keeps no tensor from a step, and frees its own', () => {
    const before = liveTensors().count;
    const model = create();
    const own = liveTensors().count;
    for (let step = 0; step < 3; step++) {
      scope(() => {
        model
          .forward([rand([2, 3, 16, 16]), rand([2, 3, 8, 8])])
          .logits.sum()
          .backward();
      });
      model.zeroGrad();
      expect(liveTensors().count).toBe(own);
    }
    model.dispose();
    expect(liveTensors().count).toBe(before);
  });
});
