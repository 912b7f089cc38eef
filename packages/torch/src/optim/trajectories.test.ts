/**
 * @file Twenty steps of every optimizer against PyTorch's, in float64 and float32, with changing rates, absent gradients and
 * groups of their own settings; saved and loaded in the middle.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, vi } from 'vitest';
import { itOnDevice as test, within } from '../../../../tests/fixtures/torch-devices.js';
import '../index.js';
import { fromTypedArray, full, zeros } from '../../../../tests/fixtures/sources-on-device.js';
import { native } from '../native.js';
import { keep, liveTensors, scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { Adagrad } from './adagrad.js';
import { Adam, AdamW } from './adam.js';
import type { ParamGroup } from './groups.js';
import { LARS, type LARSOptions } from './lars.js';
import type { OptimizerBase } from './optimizer.js';
import { RMSprop } from './rmsprop.js';
import { SGD } from './sgd.js';

type Given = readonly Tensor[] | readonly { readonly params: readonly Tensor[] }[];
type Settings = Record<string, unknown>;

const makers = {
  SGD: (params: Given, options: Settings) => new SGD(params, options),
  LARS: (params: Given, options: Settings) => new LARS(params, options as unknown as LARSOptions),
  Adam: (params: Given, options: Settings) => new Adam(params, options),
  AdamW: (params: Given, options: Settings) => new AdamW(params, options),
  RMSprop: (params: Given, options: Settings) => new RMSprop(params, options),
  Adagrad: (params: Given, options: Settings) => new Adagrad(params, options),
};
type Any = OptimizerBase<ParamGroup>;

interface Fixture {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: number;
  readonly cases: readonly {
    readonly name: string;
    readonly optimizer: keyof typeof makers;
    readonly options: Record<string, unknown>;
    /** Options of the last two parameters, where they are a group of their own. */
    readonly secondGroup?: Record<string, unknown>;
    readonly lrScale: number;
    /** The parameters after the last step, in float32. */
    readonly float32: readonly number[];
    readonly after: Readonly<Record<string, readonly number[]>>;
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/trajectories.json', import.meta.url), 'utf8')) as Fixture;

const numel = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

type Dtype = 'float64' | 'float32';

function filled(shape: readonly number[], value: (j: number) => number, dtype: Dtype): Tensor {
  const values = Array.from({ length: numel(shape) }, (_, j) => value(j));
  return fromTypedArray(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), shape);
}

function parameters(dtype: Dtype = 'float64'): Tensor[] {
  return fixture.shapes.map((shape, i) => {
    const param = keep(filled(shape, (j) => 0.5 * Math.cos(0.9 * j + i), dtype));
    param.requiresGrad = true;
    return param;
  });
}

function setGradients(params: readonly Tensor[], t: number): void {
  scope(() => {
    for (const [i, param] of params.entries()) {
      const absent = (i === 1 && t < 3) || (i === 2 && t >= 8 && t < 10);
      const value = (j: number) => Math.sin(0.7 * t + 1.3 * i + 0.37 * j);
      param.grad = absent ? null : filled(fixture.shapes[i]!, value, param.dtype as Dtype);
    }
  });
}

type Case = Fixture['cases'][number];

function create({ optimizer, options, secondGroup }: Case, params: readonly Tensor[]): Any {
  const groups =
    secondGroup === undefined ? params : [{ params: params.slice(0, 1) }, { params: params.slice(1), ...secondGroup }];
  return makers[optimizer](groups, { lr: 0.1, ...options }) as unknown as Any;
}

function step(optimizer: Any, params: readonly Tensor[], t: number, scale: number, undo?: Tensor): void {
  for (const [g, group] of optimizer.paramGroups.entries()) {
    const lr = scale * 0.1 * (1 + 0.5 * Math.sin(t)) * (1 + 0.5 * g);
    if (group.lr instanceof Tensor) group.lr.fill_(lr);
    else group.lr = lr;
  }
  setGradients(params, t);
  optimizer.step(undo && { skip: undo, undo: true });
}

function flat(params: readonly Tensor[]): number[] {
  return params.flatMap((param) => Array.from(param.data() as ArrayLike<number>));
}

function largestError(params: readonly Tensor[], expected: readonly number[]): number {
  return Math.max(...flat(params).map((value, j) => Math.abs(value - expected[j]!)));
}

/** Makes the rates of all groups tensors; the caller frees them. */
function withTensors(optimizer: Any, dtype: Dtype): Tensor[] {
  return optimizer.paramGroups.flatMap((group) => {
    const made = [group.lr, group.weightDecay].map((rate) => keep(full([], rate as number, { dtype })));
    [group.lr, group.weightDecay] = made as [Tensor, Tensor];
    return made;
  });
}

/** Functions of the addon by which tensors reach the host. */
const READS = ['item', 'itemBigInt', 'readBytes', 'flagOnCpu'] as const;

const before = liveTensors().count;
afterEach(() => vi.restoreAllMocks());
afterAll(() => expect(liveTensors().count).toBe(before));

describe.each(fixture.cases)('$name', (entry) => {
  const { lrScale, after } = entry;

  function run(dtype: Dtype, check: (params: readonly Tensor[], t: number) => void, flag?: Tensor): void {
    const params = parameters(dtype);
    const optimizer = create(entry, params);
    for (let t = 0; t < fixture.steps; t++) {
      step(optimizer, params, t, lrScale, flag);
      check(params, t);
    }
    optimizer.dispose();
    for (const param of params) param.dispose();
  }

  function checkGolden(params: readonly Tensor[], t: number): void {
    const expected = after[t];
    if (expected !== undefined)
      expect(largestError(params, expected), `step ${t}`).toBeLessThan(within(2e-12, 'float64'));
  }

  test('takes the steps of PyTorch', () => {
    run('float64', checkGolden);
  });

  test('takes the steps of PyTorch in float32', () => {
    run('float32', (params, t) => {
      if (t === fixture.steps - 1) expect(largestError(params, entry.float32)).toBeLessThan(within(2e-5));
    });
  });

  test('takes the steps of PyTorch when they may be undone on the device', () => {
    const flag = zeros([]);
    run('float64', checkGolden, flag);
    flag.dispose();
  });

  test('goes on after save and load as if it had not stopped', () => {
    const straight = parameters();
    const resumed = parameters();
    const whole = create(entry, straight);
    const first = create(entry, resumed);
    for (let t = 0; t < 9; t++) {
      step(whole, straight, t, lrScale);
      step(first, resumed, t, lrScale);
    }
    const second = create({ ...entry, options: {}, secondGroup: entry.secondGroup && {} } as Case, resumed);
    scope(() => second.loadStateDict(first.stateDict()));
    const settings = ({ params, ...group }: ParamGroup) => ({ ...group, params: params.map(({ handle }) => handle) });
    expect(second.paramGroups.map(settings)).toEqual(first.paramGroups.map(settings));
    first.dispose();
    const third = entry.optimizer === 'LARS' ? create(entry, resumed) : second;
    if (third !== second) scope(() => third.loadState(second.state()));
    for (let t = 9; t < fixture.steps; t++) {
      step(whole, straight, t, lrScale);
      step(third, resumed, t, lrScale);
    }
    expect(flat(resumed)).toEqual(flat(straight));
    for (const optimizer of [whole, second, third]) optimizer.dispose();
    for (const param of [...straight, ...resumed]) param.dispose();
  });

  const counted = ['Adam', 'AdamW', 'Adagrad'].includes(entry.optimizer);

  const kinds = [
    { dtype: 'float64', rates: 'float64', capturable: false },
    { dtype: 'float64', rates: 'float64', capturable: true },
    { dtype: 'float32', rates: 'float32', capturable: true },
  ] as const;
  for (const kind of kinds) {
    const title = `takes the same steps with ${kind.rates} tensors for ${kind.dtype}, capturable ${kind.capturable}`;
    test(`${title}, and reads none`, () => checkRates(kind));
  }

  function checkRates(kind: (typeof kinds)[number]): void {
    if (kind.capturable && kind.dtype === 'float64' && !counted) return;
    const [numbers, tensors] = [parameters(kind.dtype), parameters(kind.dtype)];
    const one = create(entry, numbers);
    const settings = counted ? { ...entry.options, capturable: kind.capturable } : entry.options;
    const other = create({ ...entry, options: settings }, tensors);
    const rates = withTensors(other, kind.rates);
    const spies = READS.map((name) => vi.spyOn(native, name as 'item'));
    for (let t = 0; t < fixture.steps; t++) {
      step(one, numbers, t, lrScale);
      step(other, tensors, t, lrScale);
    }
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual(spies.map(() => 0));
    expect(largestError(tensors, flat(numbers))).toBeLessThan(
      within(kind.dtype === 'float64' ? 1e-12 : 4e-6, kind.dtype),
    );
    if (kind.dtype === 'float64') checkGolden(tensors, fixture.steps - 1);
    for (const owner of [one, other, ...numbers, ...tensors, ...rates]) owner.dispose();
  }
});
