/** @file Twenty steps of every optimizer against PyTorch's, in float64, with changing rates and absent gradients. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import '../index.js';
import { keep, liveTensors, scope } from '../scope.js';
import { fromTypedArray, type Tensor } from '../tensor.js';
import { AdamW, type AdamWOptions } from './adamw.js';
import { LARS, type LARSOptions } from './lars.js';
import type { Optimizer } from './optimizer.js';
import { SGD, type SGDOptions } from './sgd.js';

interface Fixture {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: number;
  readonly cases: readonly {
    readonly name: string;
    readonly optimizer: 'SGD' | 'LARS' | 'AdamW';
    readonly options: Record<string, unknown>;
    readonly lrScale: number;
    readonly after: Readonly<Record<string, readonly number[]>>;
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/trajectories.json', import.meta.url), 'utf8')) as Fixture;

const numel = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

function filled(shape: readonly number[], value: (j: number) => number): Tensor {
  return fromTypedArray(
    Float64Array.from({ length: numel(shape) }, (_, j) => value(j)),
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

function setGradients(params: readonly Tensor[], t: number): void {
  scope(() => {
    for (const [i, param] of params.entries()) {
      const absent = (i === 1 && t < 3) || (i === 2 && t >= 8 && t < 10);
      param.grad = absent ? null : filled(fixture.shapes[i]!, (j) => Math.sin(0.7 * t + 1.3 * i + 0.37 * j));
    }
  });
}

function create(kind: string, params: readonly Tensor[], options: Record<string, unknown>): Optimizer {
  const all = { lr: 0.1, ...options };
  if (kind === 'SGD') return new SGD(params, all as SGDOptions);
  return kind === 'LARS' ? new LARS(params, all as LARSOptions) : new AdamW(params, all as AdamWOptions);
}

function step(optimizer: Optimizer, params: readonly Tensor[], t: number, scale: number): void {
  for (const group of optimizer.paramGroups) group.lr = scale * 0.1 * (1 + 0.5 * Math.sin(t));
  setGradients(params, t);
  optimizer.step();
}

function flat(params: readonly Tensor[]): number[] {
  return params.flatMap((param) => [...(param.data() as Float64Array)]);
}

const before = liveTensors().count;
afterAll(() => expect(liveTensors().count).toBe(before));

describe.each(fixture.cases)('$name', ({ optimizer: kind, options, lrScale, after }) => {
  test('takes the steps of PyTorch', () => {
    const params = parameters();
    const optimizer = create(kind, params, options);
    for (let t = 0; t < fixture.steps; t++) {
      step(optimizer, params, t, lrScale);
      const expected = after[t];
      if (expected === undefined) continue;
      const worst = Math.max(...flat(params).map((value, j) => Math.abs(value - expected[j]!)));
      expect(worst, `step ${t}`).toBeLessThan(1e-12);
    }
    optimizer.dispose();
    for (const param of params) param.dispose();
  });

  test('goes on after save and load as if it had not stopped', () => {
    const straight = parameters();
    const resumed = parameters();
    const whole = create(kind, straight, options);
    const first = create(kind, resumed, options);
    for (let t = 0; t < 9; t++) {
      step(whole, straight, t, lrScale);
      step(first, resumed, t, lrScale);
    }
    const second = create(kind, resumed, options);
    scope(() => second.loadState(first.state()));
    first.dispose();
    for (let t = 9; t < fixture.steps; t++) {
      step(whole, straight, t, lrScale);
      step(second, resumed, t, lrScale);
    }
    expect(flat(resumed)).toEqual(flat(straight));
    for (const optimizer of [whole, second]) optimizer.dispose();
    for (const param of [...straight, ...resumed]) param.dispose();
  });
});
