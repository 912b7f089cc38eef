/** @file Six training steps of PAWS against PyTorch: losses and the norm of every state entry (fixtures/make-trajectory.py). */
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { placeModule, itOnDevice as test, testDevice, within } from '../../../../../tests/fixtures/devices.js';
import {
  cat,
  fromTypedArray,
  liveTensors,
  noGrad,
  optim,
  scope,
  type Tensor,
} from '../../../../../tests/fixtures/torch-on-device.js';
import { createBackbone } from '../../models/index.js';
import type { Batch } from '../method.js';
import { supportLabels } from './losses.js';
import { Paws } from './paws.js';
import { PawsClassifier } from './paws-classifier.js';

type Float = 'float32' | 'float64';

interface Fixture {
  readonly settings: Readonly<
    Record<'batch' | 'classes' | 'imagesPerClass' | 'supportViews' | 'globalSize' | 'localSize' | 'numLocal', number> &
      Record<'hiddenDim' | 'outputDim' | 'totalSteps' | 'warmupSteps' | 'start' | 'base' | 'final', number> &
      Record<'temperature' | 'sharpening' | 'targetThreshold' | 'smoothing', number> &
      Record<'momentum' | 'trust' | 'epsilon' | 'weightDecay', number>
  >;
  readonly steps: readonly {
    readonly crossEntropy: number;
    readonly meMax: number;
    readonly norms: Readonly<Record<string, number>>;
    /** How far PyTorch's own float32 run is from these float64 numbers. */
    readonly float32Error: number;
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/trajectory.json', import.meta.url), 'utf8')) as Fixture;
const { settings } = fixture;

/** The fixture's numbers in [−1, 1): a hash of name and position. */
function wave(name: string, shape: readonly number[], dtype: Float): Tensor {
  let seed = 0;
  for (const byte of Buffer.from(name)) seed = (Math.imul(seed, 31) + byte) >>> 0;
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float64Array.from({ length: count }, (_, j) => {
    let x = (Math.imul(j + 1, 2654435761) + Math.imul(seed, 2246822519)) >>> 0;
    x ^= x >>> 15;
    x = Math.imul(x, 2246822519) >>> 0;
    x ^= x >>> 13;
    return (x >>> 0) / 2147483648 - 1;
  });
  return fromTypedArray(values, shape).to(dtype);
}

/** The fixture's weights: matrices scaled by their fan-in, norms near 1, biases near 0. */
function fill(model: PawsClassifier, dtype: Float): void {
  noGrad(() =>
    scope(() => {
      for (const [name, parameter] of model.namedParameters()) {
        const { shape } = parameter;
        const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
        const values = wave(name, shape, 'float64');
        const scaled =
          shape.length > 1 ? values.mul(Math.sqrt(3 / fanIn)) : values.mul(0.1).add(name.endsWith('weight') ? 1 : 0);
        parameter.copy_(scaled.to(dtype));
      }
    }),
  );
}

function batchAt(step: number, dtype: Float): Batch {
  const { batch, classes, imagesPerClass, supportViews, globalSize, localSize, numLocal, smoothing } = settings;
  const support = Array.from({ length: supportViews }, (_, view) =>
    wave(`support${step}.${view}`, [classes * imagesPerClass, 3, globalSize, globalSize], dtype),
  );
  const views = Array.from({ length: 2 + numLocal }, (_, view) => {
    const side = view < 2 ? globalSize : localSize;
    return wave(`view${step}.${view}`, [batch, 3, side, side], dtype);
  });
  const labels = supportLabels({ numClasses: classes, imagesPerClass, smoothing }, { dtype, device: testDevice() });
  const targets = labels.repeat([supportViews, 1]);
  return {
    labeled: { images: cat(support), targets, numOriginal: targets.shape[0] },
    unlabeled: { views, mixedPositions: [], mixedLambdas: [], hiddenLabels: null },
  };
}

function makeMethod(dtype: Float): { method: Paws; optimizer: optim.LARS } {
  const { hiddenDim, outputDim, temperature, sharpening, targetThreshold, momentum, trust, epsilon } = settings;
  const backbone = createBackbone('resnet8', { width: 0.25, dtype });
  const model = placeModule(new PawsClassifier({ backbone, hiddenDim, outputDim, numClasses: 3, temperature, dtype }));
  fill(model, dtype);
  const method = new Paws({ model, sharpening, targetThreshold });
  const groups = method.parameterGroups().map(({ parameters, decays, excluded }) => ({
    params: parameters,
    weightDecay: decays ? settings.weightDecay : 0,
    ...(excluded === undefined ? {} : { excluded }),
  }));
  const optimizer = new optim.LARS(groups, { lr: 1, form: 'paws', momentum, trustCoefficient: trust, eps: epsilon });
  return { method, optimizer };
}

/** Largest relative error of all numbers of a step; a number near 0 counts by its absolute error. */
function worstError(method: Paws, terms: Record<string, Tensor>, expected: Fixture['steps'][number]): number {
  const error = (got: number, wanted: number) => Math.abs(got - wanted) / Math.max(Math.abs(wanted), 1);
  const norms = Object.entries(expected.norms).map(([name, norm]) =>
    error(method.model.stateDict().get(name)!.norm().item(), norm),
  );
  return Math.max(
    error(terms.loss_unlabeled.item(), expected.crossEntropy),
    error(terms.loss_me_max.item(), expected.meMax),
    ...norms,
  );
}

describe('six steps of PAWS', () => {
  const float32Errors = fixture.steps.map(({ float32Error }) => float32Error);
  test('are those of PyTorch in float64', () => checkSteps('float64', () => within(1e-9, 'float64')));
  test('are those of PyTorch in float32', () =>
    checkSteps('float32', (step) => within(10 * Math.max(...float32Errors.slice(0, step + 1)))));

  function checkSteps(dtype: Float, toleranceOf: (step: number) => number): void {
    const before = liveTensors().count;
    const { method, optimizer } = makeMethod(dtype);
    const { base, final, start, warmupSteps, totalSteps } = settings;
    method.train();
    for (const [step, expected] of fixture.steps.entries()) {
      const lr = optim.pawsWarmupCosine({ base, final, start, warmupSteps, totalSteps }, step);
      for (const group of optimizer.paramGroups) group.lr = lr;
      const error = scope(() => {
        const progress = { step, epoch: 0, stepsPerEpoch: totalSteps, epochs: 1, totalSteps };
        const { loss, terms } = method.step(batchAt(step, dtype), progress);
        loss.backward();
        method.afterBackward(progress);
        optimizer.step();
        optimizer.zeroGrad();
        method.afterStep(progress);
        return noGrad(() => worstError(method, terms, expected));
      });
      expect(error, `step ${step}`).toBeLessThan(toleranceOf(step));
    }
    const floating = [...method.model.stateDict().values()].filter((value) => value.dtype === dtype);
    expect(floating.length).toBe(Object.keys(fixture.steps[0].norms).length);
    optimizer.dispose();
    method.dispose();
    expect(liveTensors().count).toBe(before);
  }
});
