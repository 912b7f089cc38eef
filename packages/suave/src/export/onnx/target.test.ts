import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors, nn } from '@suave/torch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeBackbone, writeNetworkCheckpoint } from '../../../../../tests/fixtures/network-checkpoint.js';
import { trainedLike } from '../../../../../tests/fixtures/trained-like.js';
import { createNetwork } from '../../evaluation/network.js';
import type { CheckpointModel } from '../../runs/index.js';
import { buildOnnxModel, exportTargetOf, type OnnxTarget } from './index.js';

const swav: CheckpointModel = {
  ...describeBackbone('resnet8', { stem: 'cifar' }),
  kind: 'prototypes',
  hidden: [32],
  outputDim: 16,
  outputs: [12, 20],
  onlineClasses: null,
  ensembleHead: false,
};
const classes = ['a', 'b', 'c'];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'suave-target-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, model: CheckpointModel, names: string[] | null): string {
  const file = join(folder, `${name}.safetensors`);
  writeNetworkCheckpoint(file, model, { classes: names, probabilityTemperature: 0.2, input: { crop: 24 } }).dispose();
  return file;
}

describe('exportTargetOf', () => {
  test('a checkpoint tells classes, temperature and size of the images; nothing of it stays behind', () => {
    const before = liveTensors();
    const file = written('classifier', { ...swav, outputs: [5] }, classes);
    {
      using target = exportTargetOf(file);
      expect(target).toMatchObject({ numClasses: 3, imageSize: 24, probabilityTemperature: 0.2, classes, file });
      expect(target.network.training).toBe(false);
      const { graph } = buildOnnxModel(target, { output: 'logits' });
      expect(graph.initializer.find(({ name }) => name === 'prototypes.weight')?.dims).toEqual([3, 16]);
      expect(graph.output[0].type.tensorType.shape.dim[1]).toEqual({ dimValue: 3 });
    }
    expect(liveTensors()).toEqual(before);
  });

  test('clusters without names are outputs, all of the first layer', () => {
    using target = exportTargetOf(written('clusters', swav, null));
    expect(target.numClasses).toBeNull();
    const { graph } = buildOnnxModel(target, { output: 'logits' });
    expect(graph.output[0].type.tensorType.shape.dim[1]).toEqual({ dimValue: 12 });
  });

  test('what is no checkpoint is refused in a sentence', () => {
    expect(() => exportTargetOf(join(folder, 'nowhere.safetensors'))).toThrow(/no such run folder or checkpoint/);
    expect(() => exportTargetOf(folder)).toThrow(/expected a run folder with checkpoints/);
  });
});

describe('buildOnnxModel refuses', () => {
  const target = (network: nn.Module, model: CheckpointModel, imageSize: number): OnnxTarget => ({
    network,
    model,
    numClasses: 3,
    imageSize,
    probabilityTemperature: 1,
  });

  test('images below one patch', () => {
    const model: CheckpointModel = {
      ...describeBackbone('vit_tiny', { patchSize: 8, imageSize: 16, width: 1 / 3 }),
      kind: 'linear',
      outputs: [3],
      features: null,
    };
    using network = disposable(trainedLike(model));
    expect(() => buildOnnxModel(target(network.value, model, 7), { output: 'logits' })).toThrow(
      /at least one patch of 8 pixels, got 7/,
    );
    expect(() => buildOnnxModel(target(network.value, model, 0), { output: 'logits' })).toThrow(
      /whole number of pixels/,
    );
  });

  test('PAWS before it has labeled images to compare with, but not its features', () => {
    const model: CheckpointModel = {
      ...describeBackbone('resnet8', { stem: 'cifar' }),
      kind: 'paws',
      head: { hiddenDim: 16, outputDim: 8, prediction: true },
      temperature: 0.1,
      outputs: [3],
    };
    using network = disposable(createNetwork(model, 'cpu'));
    expect(() => buildOnnxModel(target(network.value, model, 32), { output: 'logits' })).toThrow(
      /labeled images to compare with, got none/,
    );
    const { graph } = buildOnnxModel(target(network.value, model, 32), { output: 'features' });
    expect(graph.output[0].type.tensorType.shape.dim[1]).toEqual({ dimValue: 64 });
  });

  test('networks that are not ours', () => {
    using network = disposable(new nn.Linear(2, 2));
    for (const output of ['logits', 'features'] as const)
      expect(() => buildOnnxModel(target(network.value, swav, 32), { output })).toThrow(/got Linear/);
  });
});

function disposable<T extends nn.Module>(value: T): { value: T } & Disposable {
  return { value, [Symbol.dispose]: () => value.dispose() };
}
