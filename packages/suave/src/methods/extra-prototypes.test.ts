import { afterEach, describe, expect } from 'vitest';
import { placeModule, itOnDevice as test } from '../../../../tests/fixtures/devices.js';
import {
  liveTensors,
  manualSeed,
  optim,
  rand,
  scope,
  softmax,
  type Tensor,
  tensor,
} from '../../../../tests/fixtures/torch-on-device.js';
import { createBackbone, SwavModel } from '../models/index.js';
import { classPrior } from './class-prior.js';
import { softCrossEntropy } from './losses.js';
import type { Batch, Progress } from './method.js';
import { Suave, type SuaveOptions } from './suave/suave.js';

const K = 3;
const disposables: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of disposables.splice(0)) each.dispose();
});

function model(prototypes: number, onlineClasses: number | null = K): SwavModel {
  const backbone = createBackbone('resnet8', { width: 0.25 });
  return placeModule(new SwavModel({ backbone, hiddenMlp: [8], outputDim: 6, prototypes, onlineClasses }));
}

function suave(extraPrototypes: number, options: Partial<SuaveOptions> = {}): Suave {
  manualSeed(7);
  const method = new Suave({ model: model(K + extraPrototypes), extraPrototypes, ...options });
  disposables.push(method);
  return method;
}

function batch(seed: number): Batch {
  manualSeed(1000 + seed);
  return {
    labeled: {
      images: rand([3, 3, 12, 12]),
      targets: tensor([[1, 0, 0], [0, 1, 0], [0.3, 0.7, 0]]), // biome-ignore format: one row each
      numOriginal: 2,
    },
    unlabeled: {
      views: [rand([4, 3, 12, 12]), rand([4, 3, 12, 12])],
      mixedPositions: [],
      mixedLambdas: [],
      hiddenLabels: tensor([0, 1, 2, 0], { dtype: 'int64' }),
    },
  };
}

const progress: Progress = { step: 0, epoch: 0, stepsPerEpoch: 4, epochs: 5, totalSteps: 20 };

describe('extra prototypes', () => {
  test('count in the softmax of labeled rows and nowhere else in their loss', () => {
    const method = suave(2);
    scope(() => {
      const { labeled, unlabeled } = batch(0);
      const { terms } = method.step({ labeled, unlabeled }, progress);
      const inputs = [labeled!.images, ...unlabeled!.views];
      const same = suave(2).model.train();
      same.normalizePrototypes_();
      const [logits] = same.forward(inputs, 3).logits;
      const rows = logits.narrow(0, 0, 3).div(0.1);
      const smoothed = labeled!.targets.mul(0.99).add(0.01 / K);
      const padded = tensor((smoothed.toArray() as number[][]).map((row) => [...row, 0, 0]));
      expect(terms.loss_labeled.item()).toBeCloseTo(softCrossEntropy(rows, padded).item(), 5);
      expect(softmax(rows, 1).narrow(1, K, 2).sum().item()).toBeGreaterThan(0.01);
    });
  });

  test('leave the classes to classify, the metrics and the online heads', () => {
    const method = suave(2);
    scope(() => {
      const images = rand([2, 3, 12, 12]);
      expect(method.classify(images).shape).toEqual([2, K]);
      const { terms } = method.step(batch(0), progress);
      expect(Object.keys(terms)).toContain('ensemble_top1');
      for (const term of Object.values(terms)) expect(Number.isFinite(term.item())).toBe(true);
      expect(method.clusters.take().wins).toHaveLength(K + 2);
      expect([method.clusters.numClasses, method.clusters.prototypes]).toEqual([K, [K + 2]]);
    });
  });

  test('learn with a prior, a queue, an automatic epsilon and a momentum encoder, without growing', () => {
    const method = suave(2, {
      prior: classPrior([4, 2, 1], { extraPrototypes: 2 }),
      epsilon: 'auto',
      queueLength: 8,
      momentumEncoder: { model: model(K + 2, null) },
    });
    const optimizer = new optim.SGD(method.parameterGroups()[0].parameters, { lr: 0.05, momentum: 0, weightDecay: 0 });
    disposables.push(optimizer);
    const train = (step: number) =>
      scope(() => {
        const { loss, terms } = method.step(batch(0), { ...progress, step });
        loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
        method.afterStep(progress);
        expect(Object.keys(terms)).toEqual(expect.arrayContaining(['epsilon', 'assignment_entropy']));
        return loss.item();
      });
    const first = train(0);
    const { count } = liveTensors();
    const losses = Array.from({ length: 14 }, (_, i) => train(i + 1));
    expect(liveTensors().count).toBe(count);
    expect(losses.at(-1)).toBeLessThan(first);
    expect([...method.state().keys()]).toContain('epsilon.log');
  });

  test('none changes no bit', () => {
    const bits = (method: Suave) =>
      scope(() => {
        const { loss, terms } = method.step(batch(0), progress);
        return [loss, ...Object.values(terms)].map((value: Tensor) => [...value.bytes()]);
      });
    expect(bits(suave(0, { prior: classPrior([5, 5, 5]) }))).toEqual(bits(suave(0)));
  });

  test('must leave a class', () => {
    const network = model(3);
    disposables.push(network);
    expect(() => new Suave({ model: network, extraPrototypes: 3 })).toThrow(/3 prototypes for a class, got 3 extra/);
  });
});
