import { describe, expect } from 'vitest';
import { deviceType, placeModule, itOnDevice as test, testDevice } from '../../../../../tests/fixtures/devices.js';
import {
  autocast,
  liveTensors,
  manualSeed,
  noGrad,
  optim,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../../../../../tests/fixtures/torch-on-device.js';
import { createBackbone } from '../../models/index.js';
import type { Batch, LabeledImages } from '../method.js';
import { pawsLoss, sharpen, suncetLoss, supportLabels } from './losses.js';
import { Paws } from './paws.js';
import { PawsClassifier } from './paws-classifier.js';
import { pawsNearestNeighbourScores } from './soft-neighbours.js';

const progress = { step: 0, epoch: 0, stepsPerEpoch: 4, epochs: 5, totalSteps: 20 };

function classifier(): PawsClassifier {
  manualSeed(3);
  const backbone = createBackbone('resnet8', { width: 0.25 });
  return placeModule(new PawsClassifier({ backbone, hiddenDim: 8, outputDim: 8, numClasses: 4 }));
}

/** Three classes of two images in two views; four unlabeled images in two global views and a small one. */
function batch(seed: number): Batch {
  manualSeed(seed);
  const targets = supportLabels({ numClasses: 3, imagesPerClass: 2, smoothing: 0.1 }, { device: testDevice() }).repeat([
    2, 1,
  ]);
  const views = [rand([4, 3, 12, 12]), rand([4, 3, 12, 12]), rand([4, 3, 8, 8])];
  return {
    labeled: { images: rand([12, 3, 12, 12]), targets, numOriginal: 12 },
    unlabeled: { views, mixedPositions: [], mixedLambdas: [], hiddenLabels: null },
  };
}

function* labeledImages(): Generator<LabeledImages> {
  for (const labels of [[0, 2, 2], [1]]) {
    manualSeed(labels.length);
    using images = rand([labels.length, 3, 12, 12]);
    using classes = tensor(labels, { dtype: 'int64' });
    yield { images, labels: classes };
  }
}

const values = (t: Tensor) => t.toArray() as number[][];

describe('sharpening', () => {
  test('does not depend on the scale, nor underflow as a whole', () => {
    scope(() => {
      const p = tensor([[0.002, 0.001, 0.001]]);
      const [[first, second]] = values(sharpen(p, 0.02));
      expect(first).toBeCloseTo(1, 6);
      expect(second).toBeCloseTo(2 ** -50, 20);
    });
  });
});

describe('nearest neighbours', () => {
  test('give probabilities whose logarithms are finite, also for a class without support', () => {
    scope(() => {
      const bank = tensor([
        [2, 0],
        [0, 1],
        [0, 3],
      ]);
      const scores = pawsNearestNeighbourScores(bank, tensor([0, 2, 2], { dtype: 'int64' }), tensor([[5, 0]]), 0.1, 3);
      const [[first, none, third]] = values(scores);
      const total = 1 + 2 * Math.exp(-10);
      expect([Math.exp(first), Math.exp(third)]).toEqual([
        expect.closeTo(1 / total, 6),
        expect.closeTo((2 * Math.exp(-10)) / total, 6),
      ]);
      expect(none).toBeLessThan(-80);
      expect(Number.isFinite(none)).toBe(true);
    });
  });
});

describe('SuNCEt', () => {
  test('is the logarithm of the share of the same class', () => {
    scope(() => {
      const z = tensor([
        [1, 0],
        [0, 1],
        [1, 0],
        [0, 2],
      ]);
      const loss = suncetLoss(z, tensor([0, 1, 0, 1], { dtype: 'int64' }), 0.5).item();
      expect(loss).toBeCloseTo(-Math.log(Math.exp(2) / (Math.exp(2) + 2)), 6);
    });
  });
});

describe('a PAWS step', () => {
  test('names its losses, detached; their sum is the loss', () => {
    const method = new Paws({ model: classifier() });
    scope(() => {
      const { loss, terms } = method.step(batch(1), progress);
      expect(Object.keys(terms)).toEqual(['loss_unlabeled', 'loss_me_max']);
      expect(Object.values(terms).map((term) => term.requiresGrad)).toEqual([false, false]);
      expect(loss.item()).toBeCloseTo(terms.loss_unlabeled.item() + terms.loss_me_max.item(), 6);
      loss.backward();
      expect(method.model.parameters().every((parameter) => parameter.grad !== null)).toBe(true);
    });
    method.dispose();
  });

  test('computes its loss in float32 under autocast', () => {
    const method = new Paws({ model: classifier() });
    scope(() => {
      const exact = method.step(batch(1), progress).terms.loss_unlabeled.item();
      const { loss, terms } = autocast(deviceType(), 'bfloat16', () => method.step(batch(1), progress));
      expect(loss.dtype).toBe('float32');
      expect(Math.abs(terms.loss_unlabeled.item() - exact)).toBeLessThan(0.1);
      const rows = randn([6, 8], { dtype: 'float32' });
      const embeddings = {
        anchorViews: rows,
        anchorSupports: rows,
        targetViews: rows,
        targetSupports: rows,
        supportLabels: supportLabels({ numClasses: 3, imagesPerClass: 2 }, { device: testDevice() }),
      };
      const alone = pawsLoss(embeddings).crossEntropy.item();
      expect(
        Math.abs(autocast(deviceType(), 'bfloat16', () => pawsLoss(embeddings).crossEntropy.item()) - alone),
      ).toBeLessThan(1e-6);
    });
    method.dispose();
  });

  test('leaves the number of live tensors flat', async () => {
    const method = new Paws({ model: classifier() });
    const groups = method.parameterGroups().map(({ parameters, excluded }) => ({
      params: parameters,
      ...(excluded === undefined ? {} : { excluded }),
    }));
    const optimizer = new optim.LARS(groups, { lr: 0.1, form: 'paws' });
    const counts: number[] = [];
    for (const step of [0, 1, 2, 3]) {
      scope(() => {
        method.step(batch(step), progress).loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
      await method.refreshClassifier(labeledImages());
      counts.push(liveTensors().count);
    }
    expect(new Set(counts.slice(1)).size).toBe(1);
    optimizer.dispose();
    method.dispose();
  });

  test('refuses views that do not belong together', () => {
    const method = new Paws({ model: classifier() });
    scope(() => {
      const { labeled, unlabeled } = batch(1);
      expect(() => method.step({ labeled: null, unlabeled }, progress)).toThrow(/got no labeled ones/);
      const single = { ...unlabeled!, views: unlabeled!.views.slice(0, 1) };
      expect(() => method.step({ labeled, unlabeled: single }, progress)).toThrow(/at least 2 unmixed views/);
    });
    method.dispose();
  });
});

describe('parameter groups', () => {
  test('follow names: batch norms of shortcuts are decayed', () => {
    const method = new Paws({ model: classifier() });
    const names = new Map([...method.model.namedParameters()].map(([name, parameter]) => [parameter, name]));
    const [regularized, unregularized] = method.parameterGroups();
    const of = (group: typeof regularized) => group.parameters.map((parameter) => names.get(parameter)!);
    expect(of(regularized)).toContain('layer2.0.downsample.1.weight');
    expect(of(unregularized)).toEqual(
      expect.arrayContaining(['layer2.0.downsample.1.bias', 'fc.bn1.weight', 'fc.fc1.bias']),
    );
    expect([regularized.decays, unregularized.decays, unregularized.excluded]).toEqual([true, false, true]);
    expect(of(regularized).length + of(unregularized).length).toBe(names.size);
    method.dispose();
  });
});

describe('the classifier', () => {
  test('says that it has nothing to compare with', async () => {
    const method = new Paws({ model: classifier() });
    expect(() => scope(() => method.classify(rand([1, 3, 12, 12])))).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT_WITHOUT_SUPPORT' }),
    );
    await expect(method.refreshClassifier([])).rejects.toThrow(/expected labeled images, got none/);
    method.dispose();
  });

  test('travels in the state, whatever its size; without one, the state is the plain network', async () => {
    const method = new Paws({ model: classifier() });
    const plain = [...method.state().keys()];
    method.train();
    await method.refreshClassifier(labeledImages());
    expect(method.model.training).toBe(true);
    expect([...method.state().keys()].slice(plain.length)).toEqual([
      'model.support.embeddings',
      'model.support.labels',
    ]);
    expect(method.model.support!.embeddings.shape).toEqual([4, 8]);
    const other = new Paws({ model: classifier() });
    scope(() => {
      other.loadState(method.state());
      const images = rand([5, 3, 12, 12]);
      const scores = method.classify(images);
      expect(other.classify(images).toArray()).toEqual(scores.toArray());
      for (const row of values(noGrad(() => scores.exp()))) {
        expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
        expect(row[3]).toBeLessThan(1e-30);
      }
      other.loadState(new Map([...method.state()].filter(([name]) => plain.includes(name))));
      expect(other.model.support).toBeNull();
    });
    method.dispose();
    other.dispose();
  });
});
