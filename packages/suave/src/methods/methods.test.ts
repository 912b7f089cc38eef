import { afterEach, describe, expect } from 'vitest';
import { deviceType, placeModule, itOnDevice as test } from '../../../../tests/fixtures/devices.js';
import { progressAt, smallBatch, stateBytes, stateCopy, trainOnce } from '../../../../tests/fixtures/method-runs.js';
import {
  autocast,
  fromTypedArray,
  liveTensors,
  manualSeed,
  noGrad,
  optim,
  rand,
  scope,
} from '../../../../tests/fixtures/torch-on-device.js';
import { createBackbone, LinearClassifier, SwavModel, type SwavModelOptions } from '../models/index.js';
import type { Method } from './method.js';
import { Suave, type SuaveOptions } from './suave/suave.js';
import { Supervised } from './supervised/supervised.js';
import { Swav } from './swav/swav.js';

const K = 3;
const disposables: { dispose(): void }[] = [];

afterEach(() => {
  for (const each of disposables.splice(0)) each.dispose();
});

function owned<T extends { dispose(): void }>(object: T): T {
  disposables.push(object);
  return object;
}

function model(options: Partial<SwavModelOptions> = {}): SwavModel {
  const backbone = createBackbone('resnet8', { width: 0.25 });
  return placeModule(
    new SwavModel({ backbone, hiddenMlp: [8], outputDim: 6, prototypes: K, onlineClasses: K, ...options }),
  );
}

function suave(options: Partial<SuaveOptions> = {}): Suave {
  manualSeed(7);
  return owned(new Suave({ model: model(), ...options }));
}

const progress = progressAt;
const batch = (seed: number) => smallBatch(seed);
const withoutMixing = (seed: number) => smallBatch(seed, { mixed: false });
const bits = stateBytes;

function train(method: Method, optimizer: optim.Optimizer, step: number, make = batch): number {
  return trainOnce(method, optimizer, () => make(step), progress(step));
}

function lars(method: Method): optim.Optimizer {
  return owned(new optim.LARS(method.model.parameters(), { lr: 0.1 }));
}

describe('a Suave step', () => {
  test('names its losses and metrics, detached', () => {
    const method = suave();
    scope(() => {
      const { loss, terms } = method.step(batch(0), progress(0));
      expect(Object.keys(terms)).toEqual([
        'loss_unlabeled',
        'loss_labeled',
        'loss_mixed',
        'loss_online',
        'prototypes_used',
        'assignment_entropy',
        'pseudo_label_top1',
        'pseudo_label_top5',
        'labeled_top1',
        'labeled_top5',
        'online_top1_0',
        'online_top1_1',
        'online_top1_2',
        'ensemble_top1',
      ]);
      expect(loss.requiresGrad).toBe(true);
      for (const term of Object.values(terms)) expect([term.requiresGrad, term.rank]).toEqual([false, 0]);
      const unwatched = method.step(batch(0), { ...progress(0), monitored: false });
      expect(Object.keys(unwatched.terms)).toEqual(['loss_unlabeled', 'loss_labeled', 'loss_mixed', 'loss_online']);
    });
  });

  test('online heads learn from all rows of a labeled batch in which every row is mixed', () => {
    scope(() => {
      const { labeled, unlabeled } = batch(0);
      const of = (numOriginal: number) =>
        suave().step({ labeled: { ...labeled!, numOriginal }, unlabeled }, progress(0));
      const [replaced, all] = [of(0), of(labeled!.targets.shape[0])];
      for (const [name, term] of Object.entries(all.terms)) expect(replaced.terms[name].item(), name).toBe(term.item());
      expect(replaced.loss.item()).toBe(all.loss.item());
      expect(Number.isFinite(all.loss.item())).toBe(true);
    });
  });

  test('leaves the number of live tensors constant, and frees everything at the end', () => {
    const before = liveTensors().count;
    const method = new Suave({
      model: model(),
      momentumEncoder: { model: model({ onlineClasses: null }), baseMomentum: 0.9 },
      queueLength: 8,
    });
    const optimizer = new optim.LARS(method.model.parameters(), { lr: 0.1 });
    train(method, optimizer, 0);
    const { count, bytes } = liveTensors();
    for (let step = 1; step < 12; step++) train(method, optimizer, step);
    expect(liveTensors()).toEqual({ count, bytes });
    method.dispose();
    optimizer.dispose();
    expect(liveTensors().count).toBe(before);
  });

  test('lowers its loss on one batch', () => {
    const method = suave();
    const optimizer = owned(new optim.SGD(method.model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0 }));
    const losses = Array.from({ length: 15 }, (_, step) => train(method, optimizer, step, () => batch(0)));
    expect(losses.at(-1)).toBeLessThan(losses[0] - 0.5);
  });

  test('runs under automatic casting with losses and queue in float32', () => {
    const method = suave({ queueLength: 8 });
    scope(() => {
      const { loss } = autocast(deviceType(), 'bfloat16', () => method.step(batch(0), progress(0)));
      expect([loss.dtype, method.queue!.values.dtype]).toEqual(['float32', 'float32']);
      expect(Number.isFinite(loss.item())).toBe(true);
      loss.backward();
    });
  });

  test('refuses batches that do not fit', () => {
    const method = suave();
    scope(() => {
      const { labeled, unlabeled } = batch(0);
      expect(() => method.step({ labeled: null, unlabeled }, progress(0))).toThrow(/got no labeled ones/);
      expect(() => method.step({ labeled, unlabeled: null }, progress(0))).toThrow(/got no unlabeled ones/);
      const wide = { ...labeled!, targets: rand([4, 5]) };
      expect(() => method.step({ labeled: wide, unlabeled }, progress(0))).toThrow(/expected targets \[L', 3\]/);
      const uneven = { ...unlabeled!, views: [...unlabeled!.views.slice(0, 4), rand([3, 3, 8, 8])] };
      expect(() => method.step({ labeled, unlabeled: uneven }, progress(0))).toThrow(/the same images in every view/);
      const single = { ...unlabeled!, views: [unlabeled!.views[0]], mixedPositions: [] };
      expect(() => method.step({ labeled, unlabeled: single }, progress(0))).toThrow(/at least 2 unmixed views/);
    });
    expect(() => new Suave({ model: owned(model({ prototypes: [3, 3] })) })).toThrow(/one prototype layer/);
  });
});

describe('frozen parts', () => {
  const gradients = (method: Method) =>
    scope(
      () => new Map([...method.model.namedParameters()].map(([name, parameter]) => [name, parameter.grad !== null])),
    );

  test('prototypes get no gradient at first, and keep their values although there is weight decay', () => {
    const method = suave({ freezePrototypesSteps: 2 });
    const optimizer = lars(method);
    const prototypes = method.model.stateDict().get('prototypes.weight')!;
    scope(() => {
      method.step(batch(0), progress(1)).loss.backward();
      method.afterBackward(progress(1));
    });
    expect(gradients(method).get('prototypes.weight')).toBe(false);
    expect(gradients(method).get('conv1.weight')).toBe(true);
    const before = prototypes.bytes();
    optimizer.step();
    expect(prototypes.bytes()).toEqual(before);
    scope(() => {
      method.step(batch(0), progress(2)).loss.backward();
      method.afterBackward(progress(2));
    });
    expect(gradients(method).get('prototypes.weight')).toBe(true);
  });

  test('in the projection warm-up backbone and online heads get none', () => {
    const method = suave({ warmupProjectionEpochs: 1 });
    scope(() => {
      method.step(batch(0), progress(3)).loss.backward();
      method.afterBackward(progress(3));
    });
    const learning = [...gradients(method)].filter(([, present]) => present).map(([name]) => name.split('.')[0]);
    expect(new Set(learning)).toEqual(new Set(['projection_head', 'prototypes']));
  });
});

describe('momentum encoder', () => {
  test('starts as a copy, moves by its schedule, and keeps its own running statistics', () => {
    const method = suave({ momentumEncoder: { model: model({ onlineClasses: null }), baseMomentum: 0.9 } });
    const optimizer = lars(method);
    const value = (network: 'model' | 'teacher', name: string) => {
      const source = network === 'model' ? method.model : method.teacher!;
      return scope(() => source.stateDict().get(name)!.to('float64').data() as Float64Array);
    };
    expect(value('teacher', 'conv1.weight')).toEqual(value('model', 'conv1.weight'));
    const start = value('teacher', 'conv1.weight');
    train(method, optimizer, 0);
    const [moved, student] = [value('teacher', 'conv1.weight'), value('model', 'conv1.weight')];
    for (const i of start.keys()) expect(moved[i]).toBeCloseTo(0.9 * start[i] + 0.1 * student[i], 6);
    expect(method.schedules(progress(0))).toEqual({ momentum_encoder: 0.9 });
    expect(method.schedules(progress(19)).momentum_encoder).toBeGreaterThan(0.999);
    // the teacher saw the two global views only, the student labeled rows and small views too
    expect(value('teacher', 'bn1.running_mean')).not.toEqual(value('model', 'bn1.running_mean'));
    expect(value('teacher', 'bn1.num_batches_tracked')).toEqual(Float64Array.of(1));
    method.eval();
    expect([method.model.training, method.teacher!.training]).toEqual([false, true]);
  });

  test('must have the architecture of the student', () => {
    const student = owned(model());
    const wide = owned(model({ hiddenMlp: [8, 8], onlineClasses: null }));
    expect(() => new Suave({ model: student, momentumEncoder: { model: wide } })).toThrow(/it lacks projection_head/);
  });
});

describe('state', () => {
  test('k steps, save, restore, k steps equal 2k steps, bit for bit', () => {
    const make = () =>
      suave({ momentumEncoder: { model: model({ onlineClasses: null }), baseMomentum: 0.9 }, queueLength: 8 });
    const straight = make();
    const straightOptimizer = lars(straight);
    for (let step = 0; step < 6; step++) train(straight, straightOptimizer, step);

    const first = make();
    const firstOptimizer = lars(first);
    for (let step = 0; step < 3; step++) train(first, firstOptimizer, step);
    const second = make();
    const secondOptimizer = lars(second);
    scope(() => {
      second.loadState(stateCopy(first.state()));
      secondOptimizer.loadState(stateCopy(firstOptimizer.state()));
    });
    for (let step = 3; step < 6; step++) train(second, secondOptimizer, step);
    expect(bits(second)).toEqual(bits(straight));
  });

  test('refuses a state with another momentum encoder', () => {
    const method = suave({ momentumEncoder: { model: model({ onlineClasses: null }) } });
    scope(() => expect(() => method.loadState(suave().state())).toThrow(/with a momentum encoder/));
  });
});

describe('classify', () => {
  test('runs in eval mode without gradient, restores the mode and moves no buffer', () => {
    const method = suave();
    const before = bits(method);
    scope(() => {
      const images = rand([2, 3, 12, 12]);
      const scores = method.classify(images);
      expect([scores.shape, scores.requiresGrad, method.model.training]).toEqual([[2, K], false, true]);
      method.eval();
      const direct = noGrad(() => (method.model as SwavModel).classify(images));
      expect(scores.toArray()).toEqual(direct.toArray());
    });
    expect(bits(method)).toEqual(before);
  });
});

describe('Swav', () => {
  test('learns from views alone, with one or several prototype layers', () => {
    manualSeed(7);
    const method = owned(new Swav({ model: model({ prototypes: [5, 7], onlineClasses: null }), queueLength: 8 }));
    const optimizer = owned(new optim.SGD(method.model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0 }));
    expect(method.predictsClasses).toBe(false);
    const losses = Array.from({ length: 10 }, (_, step) => train(method, optimizer, step, () => withoutMixing(0)));
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    scope(() => {
      expect(() => method.step(batch(0), progress(0))).toThrow(/no mixed ones/);
      const { terms } = method.step(withoutMixing(0), progress(0));
      expect(Object.keys(terms)).toEqual(['loss_unlabeled', 'prototypes_used', 'assignment_entropy']);
    });
  });
});

describe('Supervised', () => {
  test('learns its labeled rows, with a linear classifier or with prototypes', () => {
    manualSeed(7);
    const linear = new Supervised({
      model: placeModule(new LinearClassifier(createBackbone('resnet8', { width: 0.25 }), K)),
    });
    const prototypes = new Supervised({ model: model({ onlineClasses: null }), temperature: 0.1 });
    for (const method of [linear, prototypes].map(owned)) {
      const optimizer = owned(new optim.SGD(method.model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0 }));
      const losses = Array.from({ length: 20 }, (_, step) =>
        train(method, optimizer, step, () => ({ ...batch(0), unlabeled: null })),
      );
      expect(losses.at(-1)).toBeLessThan(losses[0] - 0.2);
      scope(() => {
        expect(Object.keys(method.step(batch(0), progress(0)).terms)).toEqual([
          'loss_labeled',
          'labeled_top1',
          'labeled_top5',
        ]);
        expect(method.classify(fromTypedArray(new Float32Array(2 * 3 * 64), [2, 3, 8, 8])).shape).toEqual([2, K]);
        expect(() => method.step({ labeled: null, unlabeled: null }, progress(0))).toThrow(/expected labeled images/);
      });
      const copy = bits(method);
      scope(() => method.loadState(stateCopy(method.state())));
      expect(bits(method)).toEqual(copy);
    }
  });
});
