import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linalgVectorNorm, liveTensors, manualSeed, noGrad, ones, rand, scope } from '@suave/torch';
import { afterAll, describe, expect, it } from 'vitest';
import { describeBackbone, writeNetworkCheckpoint } from '../../../../tests/fixtures/network-checkpoint.js';
import type { CheckpointModel } from '../runs/index.js';
import { FeatureExtractor } from './features.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-features-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const resnet = describeBackbone('resnet8', { stem: 'cifar', width: 0.5 });
const transformer = describeBackbone('vit_tiny', { patchSize: 8, imageSize: 32 });

/** A network of each kind: how many numbers its bottleneck has, how many prototypes, and whether their products are its scores. */
const kinds: readonly [string, CheckpointModel, { dim: number; prototypes: number | null; givesScores: boolean }][] = [
  [
    'prototypes',
    {
      ...resnet,
      ...{ kind: 'prototypes', hidden: [16], outputDim: 6, outputs: [3], onlineClasses: null, ensembleHead: false },
    },
    { dim: 6, prototypes: 3, givesScores: true },
  ],
  [
    'dino',
    {
      ...transformer,
      kind: 'dino',
      head: { hiddenDim: 16, bottleneckDim: 8, layers: 2, batchNorm: false, normLastLayer: true },
      outputs: [5],
    },
    { dim: 8, prototypes: 5, givesScores: true },
  ],
  [
    'linear',
    { ...resnet, kind: 'linear', outputs: [3], features: null },
    { dim: 32, prototypes: 3, givesScores: false },
  ],
  [
    'linear on several blocks',
    { ...transformer, kind: 'linear', outputs: [3], features: { lastBlocks: 2, averagePatches: false } },
    { dim: 192, prototypes: null, givesScores: false },
  ],
];

describe('features of a checkpoint', () => {
  it.each(kinds)('%s: bottleneck and prototypes are unit rows of one space', (name, model, expected) => {
    const file = join(folder, `${name}.safetensors`);
    const classes = model.kind === 'dino' ? null : ['a', 'b', 'c'];
    const network = writeNetworkCheckpoint(file, model, { classes });
    const extractor = FeatureExtractor.load(file);
    const { count } = liveTensors();
    noGrad(() =>
      scope(() => {
        manualSeed(7);
        const images = rand([2, 3, 32, 32]);
        const bottleneck = extractor.bottleneck(images);
        expect(bottleneck.shape).toEqual([2, expected.dim]);
        const prototypes = extractor.prototypes();
        expect(prototypes?.shape ?? null).toEqual(
          expected.prototypes === null ? null : [expected.prototypes, expected.dim],
        );
        for (const rows of [bottleneck, prototypes])
          for (const length of (rows?.square().sum([1]).toArray() ?? []) as number[]) expect(length).toBeCloseTo(1, 5);
        if (prototypes === null || !expected.givesScores) return;
        const weights = network.stateDict().get('prototypes.weight');
        const lengths = weights === undefined ? ones([1]) : linalgVectorNorm(weights, { dim: [1] });
        const cosines = bottleneck.matmul(prototypes.transpose(0, 1));
        expect(network.classify(images).div(lengths).sub(cosines).abs().max().item()).toBeLessThan(1e-5);
      }),
    );
    expect(liveTensors().count).toBe(count);
    extractor.dispose();
    network.dispose();
  });
});
