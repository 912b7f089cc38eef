import { afterEach, describe, expect } from 'vitest';
import { placeModule, itOnDevice as test, testDevice } from '../../../../../tests/fixtures/devices.js';
import { progressAt, smallBatch, stateBytes, stateCopy, trainOnce } from '../../../../../tests/fixtures/method-runs.js';
import {
  chunk,
  liveTensors,
  manualSeed,
  optim,
  rand,
  scope,
  softmax,
  type Tensor,
  tensor,
} from '../../../../../tests/fixtures/torch-on-device.js';
import { createBackbone, DinoModel, type DinoModelOptions, VisionTransformer } from '../../models/index.js';
import { Daino, type DainoOptions } from '../daino/daino.js';
import { logProbabilities, swappedLoss } from '../losses.js';
import type { Batch, Method } from '../method.js';
import { Dino, type DinoOptions } from './dino.js';
import type { DistillationMethod } from './distillation-method.js';
import { regularizedGroups } from './parameter-groups.js';
import { TeacherTargets } from './teacher-targets.js';

const K = 3;
const disposables: { dispose(): void }[] = [];

afterEach(() => {
  for (const each of disposables.splice(0)) each.dispose();
});

function owned<T extends { dispose(): void }>(object: T): T {
  disposables.push(object);
  return object;
}

type Head = Partial<Omit<DinoModelOptions, 'backbone'>>;

/** Two blocks of 12 channels for patches of 4 pixels. */
function transformer(head: Head = {}, dropPathRate = 0): DinoModel {
  const backbone = new VisionTransformer({
    imageSize: 12,
    patchSize: 4,
    embedDim: 12,
    depth: 2,
    heads: 2,
    mlpRatio: 2,
    dropPathRate,
  });
  return placeModule(
    new DinoModel({ backbone, outDim: K, hiddenDim: 10, bottleneckDim: 6, normLastLayer: false, ...head }),
  );
}

function convolutional(arch: string): DinoModel {
  const backbone = createBackbone(arch, arch.startsWith('wrn') ? {} : { width: 0.25 });
  return placeModule(new DinoModel({ backbone, outDim: K, hiddenDim: 10, bottleneckDim: 6, normLastLayer: false }));
}

function daino(options: Partial<DainoOptions> = {}, make: () => DinoModel = transformer): Daino {
  manualSeed(7);
  const model = make();
  return owned(new Daino({ model, momentumEncoder: { model: make() }, ...options }));
}

function dino(options: Partial<DinoOptions> = {}): Dino {
  manualSeed(7);
  return owned(new Dino({ model: transformer(), momentumEncoder: { model: transformer() }, ...options }));
}

/** Targets that do not move, so that the loss must fall. */
const still = (model: DinoModel) => ({
  momentumEncoder: { model, baseMomentum: 1 },
  centerMomentum: 1,
  teacherTemperature: { warmup: 0.04, final: 0.04, warmupEpochs: 0 },
});

const views = (seed: number) => smallBatch(seed, { mixed: false });

function adamw(method: Method, lr = 0.003): optim.Optimizer {
  const groups = method.parameterGroups().map(({ parameters, decays }) => ({
    params: parameters,
    weightDecay: decays ? 0.04 : 0,
  }));
  return owned(new optim.AdamW(groups, { lr }));
}

function train(method: Method, optimizer: optim.Optimizer, step: number, batch = views): number {
  return trainOnce(method, optimizer, () => batch(step), progressAt(step));
}

function values(tensor_: Tensor): number[] {
  return scope(() => [...(tensor_.detach().to('float64').reshape([-1]).data() as Float64Array)]);
}

describe('targets of a teacher', () => {
  const targets = (outDim = K) =>
    owned(
      new TeacherTargets({
        outDim,
        temperature: { warmup: 0.04, final: 0.04, warmupEpochs: 0 },
        centerMomentum: 0.9,
        dtype: 'float64',
        device: testDevice(),
        collective: null,
      }),
    );

  test('give the published values of specification A.6', () => {
    const made = targets();
    made.center.copy_(tensor([[0.01, -0.02, 0.03]], { dtype: 'float64' }));
    scope(() => {
      const rows = (numbers: number[][]) => tensor(numbers, { dtype: 'float64' });
      const student = rows([
        [0.1, 0.2, -0.1],
        [0.3, -0.2, 0],
        [0.05, 0.1, 0.2],
        [0.2, 0.1, -0.3],
        [-0.1, 0.4, 0.2],
        [0, 0, 0.1],
      ]);
      const teacher = rows([
        [0.2, 0.1, 0],
        [0.1, -0.1, 0.3],
        [0, 0.3, 0.1],
        [-0.2, 0.2, 0.1],
      ]);
      const loss = swappedLoss(chunk(logProbabilities(student, 0.1), 3), made.make(teacher, 0), [0, 1]);
      expect(loss.item()).toBeCloseTo(2.390728, 6);
      for (const [i, value] of [0.0115, -0.0055, 0.0395].entries())
        expect(values(made.center)[i]).toBeCloseTo(value, 12);
    });
  });

  test('the center moves a tenth of the way after the targets are made, and is subtracted from the next scores', () => {
    const made = targets();
    scope(() => {
      manualSeed(1);
      const first = rand([4, K], { dtype: 'float64' });
      const second = rand([4, K], { dtype: 'float64' });
      const mean = values(first.mean([0]));
      const [q] = made.make(first, 0);
      expect(values(q)).toEqual(values(softmax(first.div(0.04), 1).narrow(0, 0, 2)));
      const center = values(made.center);
      for (const i of mean.keys()) expect(center[i]).toBeCloseTo(0.1 * mean[i], 12);
      const [, next] = made.make(second, 0);
      const expected = values(softmax(second.sub(tensor([center], { dtype: 'float64' })).div(0.04), 1).narrow(0, 2, 2));
      for (const [i, value] of values(next).entries()) expect(value).toBeCloseTo(expected[i], 12);
    });
  });

  test('a state without a center, or with one of other outputs, is refused', () => {
    const made = targets();
    expect(() => made.loadState(new Map())).toThrow(/expected a center \[1, 3\] in the state, got none/);
    scope(() => expect(() => made.loadState(new Map([['center', rand([1, 5])]]))).toThrow(/got \[1, 5\]/));
  });
});

describe('a Daino step', () => {
  test('names its losses and metrics, detached', () => {
    const method = daino();
    scope(() => {
      const { loss, terms } = method.step(views(0), progressAt(0));
      const assigned = ['prototypes_used', 'assignment_entropy', 'pseudo_label_top1', 'pseudo_label_top5'];
      const metrics = [...assigned, 'labeled_top1', 'labeled_top5'];
      expect(Object.keys(terms)).toEqual(['loss_unlabeled', 'loss_labeled', ...metrics]);
      for (const term of Object.values(terms)) expect([term.requiresGrad, term.rank]).toEqual([false, 0]);
      const expected = (16 * terms.loss_unlabeled.item() + 4 * terms.loss_labeled.item()) / 20;
      expect(loss.item()).toBeCloseTo(expected, 5);
      const unwatched = method.step(views(0), { ...progressAt(0), monitored: false });
      expect(Object.keys(unwatched.terms)).toEqual(['loss_unlabeled', 'loss_labeled']);
    });
    expect([method.predictsClasses, method.clipGradNorm, method.temperature]).toEqual([true, null, 0.1]);
  });

  test('sends no gradient into the teacher, and none into the trunk from online heads', () => {
    const method = daino({}, () => transformer({ multiheadEval: true }));
    scope(() => {
      const { terms, loss } = method.step(views(0), progressAt(0));
      expect(Object.keys(terms)).toContain('loss_online');
      expect(Object.keys(terms)).toContain('ensemble_top1');
      loss.backward();
      const present = (network: DinoModel) =>
        [...network.namedParameters()].filter(([, parameter]) => parameter.grad !== null).map(([name]) => name);
      expect(present(method.teacher as DinoModel)).toEqual([]);
      expect(present(method.model as DinoModel)).toEqual([...method.model.namedParameters().keys()]);
    });
  });

  test('lowers its loss where the targets stay, with a transformer, a ResNet by LARS and a wide ResNet', () => {
    const cases: [() => DinoModel, (method: Method) => optim.Optimizer, number][] = [
      [transformer, (method) => adamw(method, 0.01), 15],
      [() => convolutional('resnet8'), lars, 15],
      [() => convolutional('wrn-28-2'), lars, 6],
    ];
    for (const [make, optimizerOf, steps] of cases) {
      const method = daino(still(make()), make);
      const optimizer = optimizerOf(method);
      const losses = Array.from({ length: steps }, (_, step) => train(method, optimizer, step, () => views(0)));
      // the first step takes the student away from its copy: so small a head lives by its biases
      expect(losses.at(-1)).toBeLessThan(losses[1] - 0.3);
    }
  });

  function lars(method: Method): optim.Optimizer {
    const groups = method.parameterGroups().map(({ parameters }) => ({ params: parameters }));
    return owned(new optim.LARS(groups, { lr: 2.8, weightDecay: 3e-6, form: 'daino' }));
  }

  test('refuses batches that do not fit', () => {
    const method = daino();
    scope(() => {
      const { labeled, unlabeled } = views(0);
      expect(() => method.step({ labeled: null, unlabeled }, progressAt(0))).toThrow(/Daino.step: .*no labeled ones/);
      const wide = { ...labeled!, targets: rand([4, 5]) };
      expect(() => method.step({ labeled: wide, unlabeled }, progressAt(0))).toThrow(/expected targets \[L', 3\]/);
      expect(() => method.step(smallBatch(0), progressAt(0))).toThrow(/Daino.step: .*no mixed ones/);
    });
  });
});

describe('a DINO step', () => {
  test('learns from views alone and clips', () => {
    const method = dino({ ...still(transformer()), freezeLastLayerEpochs: 0 });
    expect([method.predictsClasses, method.clipGradNorm]).toEqual([false, 3]);
    scope(() => {
      const { terms } = method.step(views(0), progressAt(0));
      expect(Object.keys(terms)).toEqual(['loss_unlabeled', 'prototypes_used', 'assignment_entropy']);
      const unwatched = method.step(views(0), { ...progressAt(0), monitored: false });
      expect(Object.keys(unwatched.terms)).toEqual(['loss_unlabeled']);
      const unlabeled: Batch = { labeled: null, unlabeled: views(0).unlabeled };
      expect(method.step(unlabeled, progressAt(0)).loss.requiresGrad).toBe(true);
      expect(() => method.step({ labeled: null, unlabeled: null }, progressAt(0))).toThrow(/expected unlabeled views/);
    });
    const optimizer = adamw(method, 0.01);
    const losses = Array.from({ length: 10 }, (_, step) => train(method, optimizer, step, () => views(0)));
    expect(losses.at(-1)).toBeLessThan(losses[1] - 0.3);
  });

  test('keeps the last layer as it is for its first epoch, weight decay included', () => {
    const method = dino();
    const optimizer = adamw(method);
    const layer = () => values(method.model.stateDict().get('head.last_layer.weight_v')!);
    const before = layer();
    for (let step = 0; step < 4; step++) train(method, optimizer, step);
    expect(layer()).toEqual(before);
    train(method, optimizer, 4);
    expect(layer()).not.toEqual(before);
  });
});

describe('the teacher', () => {
  test('starts as a copy and follows by its momentum, which rises or stays', () => {
    const token = (method: DistillationMethod, who: 'model' | 'teacher') =>
      values(method[who].stateDict().get('backbone.cls_token')!);
    for (const schedule of ['cosine', 'constant'] as const) {
      const method = daino({
        momentumEncoder: { model: transformer(), baseMomentum: 0.9, schedule },
      });
      expect(token(method, 'teacher')).toEqual(token(method, 'model'));
      const optimizer = adamw(method);
      const start = token(method, 'teacher');
      train(method, optimizer, 0);
      const [moved, student] = [token(method, 'teacher'), token(method, 'model')];
      for (const i of start.keys()) expect(moved[i]).toBeCloseTo(0.9 * start[i] + 0.1 * student[i], 6);
      const { momentum_encoder: last } = method.schedules(progressAt(19));
      if (schedule === 'constant') expect(last).toBe(0.9);
      else expect(last).toBeGreaterThan(0.999);
    }
  });

  test('has a temperature per epoch, in the log beside the momentum', () => {
    const of = (method: Method, step: number) => method.schedules(progressAt(step));
    expect(of(daino(), 0)).toEqual({ momentum_encoder: 0.99, teacher_temperature: 0.04 });
    expect(of(daino(), 9).teacher_temperature).toBeCloseTo(0.04 + (2 * 0.03) / 9, 12);
    expect(of(dino(), 9).teacher_temperature).toBe(0.04);
  });

  test('classifies by default; its scores move no buffer and leave its mode', () => {
    const method = daino({}, () => convolutional('resnet8'));
    const optimizer = adamw(method);
    for (let step = 0; step < 3; step++) train(method, optimizer, step);
    const student = daino({ classifier: 'student' }, () => convolutional('resnet8'));
    scope(() => student.loadState(stateCopy(method.state())));
    const before = stateBytes(method);
    scope(() => {
      const images = rand([2, 3, 12, 12]);
      const scores = method.classify(images);
      expect([scores.shape, scores.requiresGrad, method.teacher.training]).toEqual([[2, K], false, true]);
      method.teacher.eval();
      method.model.eval();
      expect(values(scores)).toEqual(values(method.teacher.classify(images)));
      expect(values(student.classify(images))).toEqual(values(method.model.classify(images)));
      expect(values(scores)).not.toEqual(values(method.model.classify(images)));
    });
    expect(stateBytes(method)).toEqual(before);
  });
});

describe('the official evaluation mode', () => {
  test('switches stochastic depth off, in training too', () => {
    const loss = (studentEvalQuirk: boolean, dropPathRate: number) => {
      const method = daino({ studentEvalQuirk }, () => transformer({}, dropPathRate));
      method.teacher.train(false);
      method.train();
      return scope(() => method.step(views(0), progressAt(0)).loss.item());
    };
    expect(loss(true, 0.9)).toBe(loss(false, 0));
    expect(loss(false, 0.9)).not.toBe(loss(false, 0));
  });

  test('leaves the running statistics of both networks as they were', () => {
    const moved = (studentEvalQuirk: boolean) => {
      const method = daino({ studentEvalQuirk }, () => convolutional('resnet8'));
      const means = () =>
        [method.model, method.teacher].map((network) => values(network.stateDict().get('backbone.bn1.running_mean')!));
      const before = means();
      method.train();
      scope(() => method.step(views(0), progressAt(0)));
      return means().map((mean, i) => mean.some((value, j) => value !== before[i][j]));
    };
    expect(moved(true)).toEqual([false, false]);
    expect(moved(false)).toEqual([true, true]);
  });
});

describe('parameter groups', () => {
  test('cover what is trained, each once; a frozen gain is in none', () => {
    const model = owned(transformer({ normLastLayer: true }));
    const [regularized, unregularized] = regularizedGroups(model);
    const all = [...regularized.parameters, ...unregularized.parameters];
    const trained = [...model.namedParameters()].filter(([name]) => !name.endsWith('weight_g'));
    expect(new Set(all)).toEqual(new Set(trained.map(([, parameter]) => parameter)));
    expect(all.length).toBe(trained.length);
    expect([regularized.decays, unregularized.decays]).toEqual([true, false]);
    for (const parameter of regularized.parameters) expect(parameter.rank).toBeGreaterThan(1);
  });
});

describe('state', () => {
  test('k steps, save, restore, k steps equal 2k steps, bit for bit: center, teacher and student', () => {
    const straight = daino();
    const straightOptimizer = adamw(straight);
    for (let step = 0; step < 6; step++) train(straight, straightOptimizer, step);

    const first = daino();
    const firstOptimizer = adamw(first);
    for (let step = 0; step < 3; step++) train(first, firstOptimizer, step);
    const second = daino();
    const secondOptimizer = adamw(second);
    scope(() => {
      second.loadState(stateCopy(first.state()));
      secondOptimizer.loadState(stateCopy(firstOptimizer.state()));
    });
    expect(stateBytes(second)).toEqual(stateBytes(first));
    for (let step = 3; step < 6; step++) train(second, secondOptimizer, step);
    expect(stateBytes(second)).toEqual(stateBytes(straight));
    const prefixes = new Set([...straight.state().keys()].map((name) => name.split('.')[0]));
    expect(prefixes).toEqual(new Set(['model', 'momentum_encoder', 'center']));
  });

  test('the number of live tensors is constant over 50 steps, and everything is freed at the end', () => {
    const before = liveTensors().count;
    manualSeed(7);
    const method = new Daino({
      model: transformer({}, 0.1),
      momentumEncoder: { model: transformer() },
      clipGradNorm: 1,
      freezeLastLayerEpochs: 1,
    });
    const optimizer = new optim.AdamW(method.parameterGroups().map(({ parameters }) => ({ params: parameters })));
    for (let step = 0; step < 5; step++) train(method, optimizer, step);
    const { count, bytes } = liveTensors();
    for (let step = 5; step < 55; step++) train(method, optimizer, step % 20);
    expect(liveTensors()).toEqual({ count, bytes });
    method.dispose();
    optimizer.dispose();
    expect(liveTensors().count).toBe(before);
  });
});
