import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors, manualSeed, noGrad, rand, scope, type Tensor, writeSafetensors, zeros } from '@suave/torch';
import { afterAll, describe, expect, test } from 'vitest';
import { legacyCheckpoint } from '../../../../tests/fixtures/legacy-checkpoint.js';
import type { Backbone } from './backbone.js';
import { backboneForm } from './backbone-keys.js';
import { DinoModel } from './dino-model.js';
import { importWeights } from './import-checkpoint.js';
import { LinearClassifier } from './linear-classifier.js';
import { loadSummary, loadWeights } from './loading.js';
import { backboneFamily, backboneNames, createBackbone } from './registry.js';
import { VisionTransformer } from './vision-transformer.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-import-'));
afterAll(() => rmSync(folder, { recursive: true }));

const vit = (imageSize: number) => {
  manualSeed(imageSize);
  return new VisionTransformer({ imageSize, patchSize: 4, embedDim: 8, depth: 2, heads: 2, qkvBias: true });
};

/** The weights of a network in a file of its own, under other keys. */
function saved(network: { stateDict(): Map<string, Tensor> }, name: string, rename: (key: string) => string): string {
  const path = join(folder, name);
  const state = new Map([...network.stateDict()].map(([key, tensor]) => [rename(key), tensor]));
  if (name.endsWith('.safetensors')) writeSafetensors(path, state);
  else writeFileSync(path, legacyCheckpoint(state));
  return path;
}

function expectSameFeatures(a: Backbone, b: Backbone, side: number): void {
  scope(() => {
    noGrad(() => {
      const images = rand([2, 3, side, side]);
      expect(b.forward(images).toArray()).toEqual(a.forward(images).toArray());
    });
  });
}

function load(network: Parameters<typeof loadWeights>[0], weights: Map<string, Tensor>) {
  const report = loadWeights(network, weights);
  for (const tensor of weights.values()) tensor.dispose();
  return report;
}

const torchvision: readonly [RegExp, string][] = [
  [/^cls_token$/, 'class_token'],
  [/^pos_embed$/, 'encoder.pos_embedding'],
  [/^patch_embed\.proj\./, 'conv_proj.'],
  [/^norm\./, 'encoder.ln.'],
  [/^blocks\.(\d+)\./, 'encoder.layers.encoder_layer_$1.'],
  [/\.norm([12])\./, '.ln_$1.'],
  [/\.attn\.qkv\./, '.self_attention.in_proj_'],
  [/\.attn\.proj\./, '.self_attention.out_proj.'],
  [/\.mlp\.fc1\./, '.mlp.0.'],
  [/\.mlp\.fc2\./, '.mlp.3.'],
];

describe('weights out of a file', () => {
  test('give a ResNet its features, from PyTorch and from safetensors', () => {
    const before = liveTensors().count;
    const source = createBackbone('resnet8', { width: 0.25 }).eval();
    for (const name of ['swav.pth.tar', 'resnet.safetensors']) {
      const target = createBackbone('resnet8', { width: 0.25 }).eval();
      const { plan, tensors } = importWeights(saved(source, name, (key) => `module.${key}`));
      expect(plan).toMatchObject({ backbone: 'resnet8', missing: [], share: { share: 1 } });
      const report = load(target, tensors);
      expect(report).toMatchObject({ missing: [], skipped: [], backbone: { share: 1 } });
      expectSameFeatures(source, target, 16);
      target.dispose();
    }
    source.dispose();
    expect(liveTensors().count).toBe(before);
  });

  test("give a transformer its features under torchvision's names and under DINO's", () => {
    const source = vit(16).eval();
    const rename = (key: string) => torchvision.reduce((name, [from, to]) => name.replace(from, to), key);
    const dino = (key: string) => `module.backbone.${key}`;
    for (const [name, names] of [
      ['vit.safetensors', rename],
      ['dino.pth', dino],
    ] as const) {
      const { tensors } = importWeights(saved(source, name, names));
      const model = new DinoModel({ backbone: vit(16), outDim: 4, hiddenDim: 6, bottleneckDim: 5 }).eval();
      const report = load(model, tensors);
      expect(report.backbone.share).toBe(1);
      expect(report.missing.every((key) => key.startsWith('head.'))).toBe(true);
      expectSameFeatures(source, model.backbone, 16);
      model.dispose();
    }
    source.dispose();
  });

  test('resample a position encoding of another grid as the transformer itself does', () => {
    const [source, target] = [vit(16), new LinearClassifier(vit(24), 3)];
    const report = loadWeights(target, source.stateDict());
    expect(report.adapted).toEqual([{ key: 'pos_embed', how: 'resampled from [1, 17, 8] to [1, 37, 8]' }]);
    expect(loadSummary(report)).toMatch(/entries loaded \(\d+ of the backbone's \d+, 100 %\); pos_embed resampled/);
    scope(() => {
      const positions = target.stateDict().get('pos_embed')!;
      expect(positions.toArray()).toEqual(source.positionEncoding(24, 24).toArray());
    });
    source.dispose();
    target.dispose();
  });

  test('of less than 90 % of the backbone are refused unless that is allowed', () => {
    const source = createBackbone('resnet8', { width: 0.25 });
    const path = saved(source, 'partial.safetensors', (key) => (key.startsWith('layer2') ? `else.${key}` : key));
    expect(() => importWeights(path)).toThrow(/at least 90 % of the backbone.*missing: layer2\.0\.conv1\.weight/);
    const { plan, tensors } = importWeights(path, { allowPartial: true });
    expect(plan.share.share).toBeLessThan(0.9);
    for (const tensor of tensors.values()) tensor.dispose();
    source.dispose();
  });

  test('of another architecture than the one named are refused', () => {
    const source = createBackbone('resnet8', { width: 0.25 });
    const path = saved(source, 'narrow.safetensors', (key) => key);
    expect(() => importWeights(path, { arch: 'resnet8' })).toThrow(/of the backbone resnet8, got 0 of/);
    expect(() => importWeights(path, { arch: 'resnet9' })).toThrow(/Did you mean "resnet8"/);
    source.dispose();
  });
});

test('the form of every small named backbone lists exactly its keys', () => {
  for (const arch of backboneNames.filter((name) => /^(?:resnet|wrn-28-2|vit_tiny)/.test(name))) {
    const width = backboneFamily(arch) === 'vision-transformer' ? 1 / 3 : 1 / 8;
    const backbone = createBackbone(arch, { width });
    const shapes = new Map([...backbone.stateDict()].map(([key, tensor]) => [key, tensor.shape]));
    expect([...backboneForm(shapes)!.keys].sort(), arch).toEqual([...shapes.keys()].sort());
    backbone.dispose();
  }
});

test('entries that do not fit do not count as loaded', () => {
  const model = createBackbone('resnet8', { width: 0.25 });
  const state = new Map<string, Tensor>([...model.stateDict(), ['conv1.weight', zeros([1, 1, 1, 1])]]);
  const report = loadWeights(model, state);
  expect(report.missing).toEqual(['conv1.weight']);
  expect(report.backbone.loaded).toBe(report.backbone.total - 1);
  model.dispose();
});
