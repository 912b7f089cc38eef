import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { empty, manualSeed, OutOfMemoryError, optim, rand, scope, type Tensor, tensor } from '@suave/torch';
import { afterEach, describe, expect, it } from 'vitest';
import { writeNetworkCheckpoint } from '../../../../tests/fixtures/network-checkpoint.js';
import { type Batch, Supervised } from '../methods/index.js';
import { createBackbone, LinearClassifier } from '../models/index.js';
import type { CheckpointModel } from '../runs/index.js';
import { readCheckpoint, writeCheckpoint } from './checkpoints.js';
import { outOfMemoryFailure } from './failures.js';
import { Meter } from './meter.js';
import { type Learner, learn } from './train-step.js';

const model: CheckpointModel = {
  ...{ kind: 'linear', arch: 'resnet8', width: 0.25, stem: 'cifar', patchSize: null, imageSize: null },
  ...{ outputs: [2], features: null },
};

const owned: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of owned.splice(0)) thing.dispose();
});

function learner(scaler: optim.GradScaler | null, temperature = 1): Learner {
  manualSeed(3);
  const model = new LinearClassifier(createBackbone('resnet8', { width: 0.25 }), 3);
  const method = new Supervised({ model, temperature });
  const optimizer = new optim.SGD(method.model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
  owned.push(method, optimizer, ...(scaler === null ? [] : [scaler]));
  method.train();
  return { method, optimizer, scaler, precision: 'fp32', device: 'cpu' };
}

function batch(step: number, factor = 1): Batch {
  manualSeed(100 + step);
  const targets = tensor([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [0, 1, 0],
  ]);
  return { labeled: { images: rand([4, 3, 8, 8]).mul(factor), targets, numOriginal: 4 }, unlabeled: null };
}

function steps(parts: Learner, factors: readonly number[]): Meter {
  const meter = new Meter('cpu');
  owned.push(meter);
  for (const [step, factor] of factors.entries()) {
    const progress = { step, epoch: 0, stepsPerEpoch: 9, epochs: 1, totalSteps: 9 };
    scope(() => meter.count(learn(parts, meter, batch(step, factor), progress)));
  }
  return meter;
}

const digest = (value: Tensor) => createHash('sha256').update(value.bytes()).digest('hex');
const bytes = ({ method }: Learner) => [...method.state()].map(([name, value]) => `${name} ${digest(value)}`);

describe('a step with a scaled loss', () => {
  it('changes no bit where nothing overflows, since the scale is a power of two', () => {
    const [plain, scaled] = [learner(null), learner(new optim.GradScaler())];
    steps(plain, [1, 1, 1, 1]);
    steps(scaled, [1, 1, 1, 1]);
    expect(bytes(scaled)).toEqual(bytes(plain));
    expect(scaled.scaler?.getScale()).toBe(65_536);
  });

  it('leaves the weights where a gradient overflows, and lowers the scale', () => {
    const scaled = learner(new optim.GradScaler({ initScale: 3.4e38 }), 0.001); // gradients a thousand times as large
    const weights = () => scaled.method.model.parameters().map((parameter) => digest(parameter));
    const before = weights();
    steps(scaled, [1]);
    expect(weights()).toEqual(before);
    expect(scaled.scaler?.getScale()).toBeCloseTo(1.7e38, -33);
  });

  it('keeps the scale in a checkpoint', () => {
    const folder = mkdtempSync(join(tmpdir(), 'suave-scaler-'));
    try {
      const scaled = learner(new optim.GradScaler({ initScale: 3.4e38 }), 0.001); // gradients a thousand times as large
      steps(scaled, [1]);
      const path = join(folder, 'scaler.safetensors');
      owned.push(writeNetworkCheckpoint(path, model, { classes: ['a', 'b'] }));
      const { metadata, dispose } = readCheckpoint(path);
      dispose();
      const [method, optimizer, meter] = [new Map(), new Map(), new Map()];
      writeCheckpoint(path, { method, optimizer, scaler: scaled.scaler?.state() ?? new Map(), meter }, metadata);
      const loaded = readCheckpoint(path);
      const other = new optim.GradScaler();
      owned.push(other, loaded);
      other.loadState(loaded.scaler);
      expect(other.getScale()).toBe(scaled.scaler?.getScale());
      expect([...loaded.method.keys(), ...loaded.optimizer.keys(), ...loaded.meter.keys()]).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it('an error of missing memory says what to change', () => {
  let failure: unknown = null;
  try {
    empty([2 ** 45]);
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(OutOfMemoryError);
  const place = { stage: 'suave', step: 4, lastCheckpoint: '/nowhere/last.safetensors' };
  const error = outOfMemoryFailure(place, failure as OutOfMemoryError);
  expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', exitCode: 1, cause: failure });
  expect(error.message).toMatch(
    /^stage suave, step 5: out of memory\. .*140737488355328.* stages\.suave\.batch\.unlabeled/,
  );
});
