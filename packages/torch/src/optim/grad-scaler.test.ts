/** @file Loss scaling against PyTorch's GradScaler with planted infinities, decided on the device and without waiting for it. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import '../index.js';
import { noGrad } from '../autograd/index.js';
import { tensor } from '../creation.js';
import { add, copy_, mul, sum } from '../generated/operators.js';
import { native } from '../native.js';
import { keep, liveTensors, scope } from '../scope.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';
import { Adagrad } from './adagrad.js';
import { Adam, AdamW } from './adam.js';
import { clipGradNorm_ } from './clip.js';
import { GradScaler } from './grad-scaler.js';
import type { Optimizer } from './optimizer.js';
import { RMSprop } from './rmsprop.js';
import { SGD } from './sgd.js';

interface Fixture {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: number;
  readonly stepsShown: readonly number[];
  readonly bad: Readonly<Record<string, 'inf' | '-inf' | 'nan'>>;
  readonly scaler: Record<string, number>;
  readonly cases: readonly {
    readonly optimizer: keyof typeof makers;
    readonly options: Record<string, unknown>;
    readonly clip: number;
    readonly accumulate: number;
    readonly scales: readonly number[];
    readonly after: readonly (readonly number[])[];
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/grad-scaler.json', import.meta.url), 'utf8')) as Fixture;

const makers = {
  SGD: (params: readonly Tensor[], options: Record<string, unknown>): Optimizer => new SGD(params, options),
  Adam: (params: readonly Tensor[], options: Record<string, unknown>): Optimizer => new Adam(params, options),
  AdamW: (params: readonly Tensor[], options: Record<string, unknown>): Optimizer => new AdamW(params, options),
  RMSprop: (params: readonly Tensor[], options: Record<string, unknown>): Optimizer => new RMSprop(params, options),
  Adagrad: (params: readonly Tensor[], options: Record<string, unknown>): Optimizer => new Adagrad(params, options),
};

function filled(shape: readonly number[], value: (j: number) => number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: count }, (_, j) => value(j)),
    shape,
  );
}

function parameters(): Tensor[] {
  return fixture.shapes.map((shape, i) => {
    const param = keep(filled(shape, (j) => 0.5 * Math.cos(0.9 * j + i)));
    param.requiresGrad = true;
    return param;
  });
}

function lossOf(params: readonly Tensor[], t: number): Tensor {
  const terms = params.map((param, i) =>
    sum(
      mul(
        mul(param, param),
        filled(fixture.shapes[i]!, (j) => Math.sin(0.7 * t + 1.3 * i + 0.37 * j)),
      ),
    ),
  );
  return terms.reduce((a, b) => add(a, b));
}

const notFinite = { inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY, nan: Number.NaN };

/** Puts a number that is not finite into the second parameter's gradient. */
function plant(params: readonly Tensor[], value: number): void {
  scope(() => {
    noGrad(() => copy_(params[1]!.grad!.narrow(0, 2, 1), tensor([value], { dtype: 'float64' })));
  });
}

const bytes = (tensors: readonly Tensor[]) => tensors.map((value) => Buffer.from(value.bytes()).toString('hex'));

const before = liveTensors().count;
afterEach(() => vi.restoreAllMocks());
afterAll(() => expect(liveTensors().count).toBe(before));

const cases = fixture.cases.map((entry) => ({
  ...entry,
  name: `${entry.optimizer} ${JSON.stringify(entry.options)}${entry.clip ? ', clipped' : ''}, ${entry.accumulate} backward`,
}));

describe.each([{ undo: false }, { undo: true }])('decided on the device, undone $undo', ({ undo }) => {
  test.each(cases)('$name: scales and parameters are PyTorch’s', (entry) => {
    const params = parameters();
    const optimizer = makers[entry.optimizer](params, entry.options);
    const scaler = new GradScaler(fixture.scaler);
    const scales: number[] = [];
    for (let t = 0; t < fixture.steps; t++) {
      optimizer.zeroGrad();
      for (let part = 0; part < entry.accumulate; part++)
        scope(() => scaler.scale(lossOf(params, t + 0.3 * part)).backward());
      const bad = fixture.bad[t];
      if (bad !== undefined) plant(params, notFinite[bad]);
      const untouched = bytes(params);
      if (entry.clip > 0) {
        scaler.unscale_(optimizer);
        clipGradNorm_(params, entry.clip).dispose();
      }
      scaler.step(optimizer, { undo });
      scaler.update();
      if (bad === undefined) expect(bytes(params)).not.toEqual(untouched);
      else expect(bytes(params)).toEqual(untouched);
      scales.push(scaler.getScale());
      const shown = fixture.stepsShown.indexOf(t);
      if (shown < 0) continue;
      const got = params.flatMap((param) => Array.from(param.data() as Float64Array));
      const errors = got.map((value, j) => Math.abs(value - entry.after[shown]![j]!));
      expect(Math.max(...errors), `step ${t}`).toBeLessThan(1e-11);
    }
    expect(scales).toEqual(entry.scales);
    const clean = fixture.steps - Object.keys(fixture.bad).length;
    scope(() => {
      const steps = optimizer.state().get('steps');
      if (steps !== undefined) expect(steps.toArray()).toEqual([clean, clean]);
    });
    for (const owner of [scaler, optimizer, ...params]) owner.dispose();
  });
});

test.each(Object.entries(makers))('%s: no step reads anything back to the host', (_, make) => {
  const params = parameters();
  const optimizer = make(params, { lr: 0.01 });
  const scaler = new GradScaler();
  const spies = [vi.spyOn(native, 'item'), vi.spyOn(native, 'readBytes'), vi.spyOn(native, 'flagOnCpu')];
  for (let t = 0; t < 4; t++) {
    optimizer.zeroGrad();
    scope(() => scaler.scale(lossOf(params, t)).backward());
    if (t === 2) plant(params, Number.NaN);
    scaler.unscale_(optimizer);
    clipGradNorm_(params, 1).dispose();
    scaler.step(optimizer, { undo: true });
    scaler.update();
  }
  // `undo` is the way of accelerators: there not even the flag in the CPU's memory is looked at.
  expect(spies.map((spy) => spy.mock.calls.length)).toEqual([0, 0, 0]);
  expect(scaler.getScale()).toBe(32_768);
  expect(spies[0]!.mock.calls).toHaveLength(1);
  for (const owner of [scaler, optimizer, ...params]) owner.dispose();
});

test('two optimizers: one overflows and is skipped, the other steps, the scale falls once', () => {
  const [a, b] = [parameters(), parameters()];
  const [first, second] = [new SGD(a, { lr: 0.1 }), new Adam(b)];
  const scaler = new GradScaler();
  scope(() => {
    for (const loss of scaler.scale([lossOf(a, 0), lossOf(b, 1)])) loss.backward();
  });
  plant(a, Number.POSITIVE_INFINITY);
  const untouched = [bytes(a), bytes(b)];
  scaler.step(first);
  scaler.step(second);
  expect([scaler.foundInf(first)?.item(), scaler.foundInf(second)?.item()]).toEqual([1, 0]);
  scaler.update();
  expect(bytes(a)).toEqual(untouched[0]);
  expect(bytes(b)).not.toEqual(untouched[1]);
  expect(scaler.getScale()).toBe(32_768);
  for (const owner of [scaler, first, second, ...a, ...b]) owner.dispose();
});

test('the scale grows after the interval, and never to infinity', () => {
  const params = parameters();
  const optimizer = new SGD(params, { lr: 1e-6 });
  const scaler = new GradScaler({ initScale: 2 ** 126, growthInterval: 1 });
  const scales = [0, 1, 2].map(() => {
    optimizer.zeroGrad();
    scope(() => scaler.scale(lossOf(params, 0)).backward());
    scaler.step(optimizer);
    scaler.update();
    return Math.log2(scaler.getScale());
  });
  expect(scales).toEqual([127, 127, 127]);
  scaler.update(8);
  expect(scaler.getScale()).toBe(8);
  for (const owner of [scaler, optimizer, ...params]) owner.dispose();
});

test('goes on after save and load; a state of another kind is refused', () => {
  const params = parameters();
  const optimizer = new SGD(params, { lr: 1e-3 });
  const scaler = new GradScaler({ growthInterval: 3 });
  const other = new GradScaler({ growthInterval: 3, initScale: 2 });
  const step = (which: GradScaler) => {
    optimizer.zeroGrad();
    scope(() => which.scale(lossOf(params, 0)).backward());
    which.step(optimizer);
    which.update();
    return which.getScale();
  };
  expect([step(scaler), step(scaler)]).toEqual([65_536, 65_536]);
  other.loadState(scaler.state());
  expect(step(other)).toBe(131_072);
  expect(() => other.loadState(new Map())).toThrow(CheckpointError);
  expect(() => other.loadState(new Map())).toThrow(/"scale" and "growth_tracker"/);
  for (const owner of [scaler, other, optimizer, ...params]) owner.dispose();
});

test('switched off it does nothing but step', () => {
  const params = parameters();
  const optimizer = new SGD(params, { lr: 0.1 });
  const scaler = new GradScaler({ enabled: false });
  scope(() => {
    const loss = lossOf(params, 0);
    expect(scaler.scale(loss)).toBe(loss);
    loss.backward();
  });
  const untouched = bytes(params);
  scaler.unscale_(optimizer);
  scaler.step(optimizer);
  scaler.update();
  expect(bytes(params)).not.toEqual(untouched);
  expect([scaler.getScale(), scaler.state().size]).toEqual([1, 0]);
  for (const owner of [scaler, optimizer, ...params]) owner.dispose();
});

test('calls out of order and wrong options are refused', () => {
  const params = parameters();
  const optimizer = new SGD(params, { lr: 0.1 });
  const scaler = new GradScaler();
  expect(() => scaler.update()).toThrow(/expected a step before, got none/);
  scope(() => scaler.scale(lossOf(params, 0)).backward());
  scaler.unscale_(optimizer);
  expect(() => scaler.unscale_(optimizer)).toThrow(/once between two updates, got one that was unscaled already/);
  scaler.step(optimizer);
  expect(() => scaler.step(optimizer)).toThrow(/got one that was stepped already/);
  scaler.update();
  const half = keep(tensor([1], { dtype: 'float16', requiresGrad: true }));
  expect(() => scaler.unscale_(new SGD([half]))).toThrow(/got float16 ones/);
  expect(() => new GradScaler({ growthFactor: 1 })).toThrow(/growthFactor above 1, got 1/);
  expect(() => new GradScaler({ growthInterval: 1.5 })).toThrow(/growthInterval of 1 or more, got 1.5/);
  for (const owner of [scaler, optimizer, half, ...params]) owner.dispose();
});
