/** @file Rates and momenta that are tensors, beside the trajectories: what is checked, saved and kept; averages; steps of rate 0. */
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import { native } from '../native.js';
import * as nn from '../nn/index.js';
import { keep, liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { Adagrad } from './adagrad.js';
import { Adam, AdamW } from './adam.js';
import { emaUpdate_, emaUpdateModule_ } from './ema.js';
import type { ParamGroup } from './groups.js';
import { LARS } from './lars.js';
import type { OptimizerBase } from './optimizer.js';
import type { Rate } from './rates.js';
import { RMSprop } from './rmsprop.js';
import { SGD } from './sgd.js';

const owned: { dispose(): void }[] = [];
const before = liveTensors().count;
afterEach(() => {
  vi.restoreAllMocks();
  for (const owner of owned.splice(0)) owner.dispose();
});
afterAll(() => expect(liveTensors().count).toBe(before));

function own<T extends { dispose(): void }>(owner: T): T {
  owned.push(owner);
  return owner;
}

const float64 = (values: number | number[]): Tensor => own(keep(tensor(values, { dtype: 'float64' })));

function leaf(values: number[], gradient: number[]): Tensor {
  const param = float64(values);
  param.requiresGrad = true;
  scope(() => {
    param.grad = tensor(gradient, { dtype: 'float64' });
  });
  return param;
}

const flat = (param: Tensor) => [...(param.data() as Float64Array)];

const makers: Record<string, (params: Tensor[], lr: Rate, weightDecay?: Rate) => OptimizerBase<ParamGroup>> = {
  SGD: (params, lr, weightDecay = 0) => new SGD(params, { lr, weightDecay, momentum: 0.9 }),
  LARS: (params, lr, weightDecay = 0) => new LARS(params, { lr, weightDecay, clip: true }),
  Adam: (params, lr, weightDecay = 0) => new Adam(params, { lr, weightDecay, capturable: true }),
  AdamW: (params, lr, weightDecay = 0.01) => new AdamW(params, { lr, weightDecay }),
  RMSprop: (params, lr, weightDecay = 0) => new RMSprop(params, { lr, weightDecay }),
  Adagrad: (params, lr, weightDecay = 0) => new Adagrad(params, { lr, weightDecay, lrDecay: 0.1, capturable: true }),
};

describe.each(Object.entries(makers))('%s', (name, make) => {
  test('a rate of 0 in a tensor, as a warm-up begins, moves nothing, also where gradients are 0', () => {
    const param = leaf([1, -2, 3], [0, 0.5, -1]);
    const optimizer = own(make([param], float64(0)));
    optimizer.step();
    optimizer.step();
    expect(flat(param)).toEqual([1, -2, 3]);
  });

  test('saves tensors as their numbers and loads numbers into the tensors that are there', () => {
    const [a, b] = [leaf([1, 2], [1, -1]), leaf([1, 2], [1, -1])];
    const first = own(make([a], 0.25, 0.125));
    const second = own(make([b], float64(0.5), float64(0.75)));
    first.step();
    second.step();
    const { lr, weightDecay } = second.paramGroups[0]!;
    const saved = scope(() => second.stateDict().paramGroups);
    expect(JSON.parse(JSON.stringify(saved))).toMatchObject([{ lr: 0.5, weightDecay: 0.75, params: [0] }]);
    const slots = scope(() => [...second.state()].filter(([key]) => key !== 'steps'));
    scope(() => second.loadStateDict(first.stateDict()));
    expect(second.paramGroups[0]!.lr).toBe(lr);
    expect([lr, weightDecay].map((rate) => (rate as Tensor).item())).toEqual([0.25, 0.125]);
    // What a captured step works on stays where it is.
    scope(() => {
      const now = second.state();
      const expected = first.state();
      for (const [key, value] of slots) {
        expect(now.get(key), key).toBe(value);
        expect(flat(value), key).toEqual(flat(expected.get(key)!));
      }
      if (name.startsWith('Ad')) expect(now.get('steps')!.toArray()).toEqual([1]);
    });
  });
});

test('counts on the device go on from a loaded state and count by parameter', () => {
  const [a, b] = [leaf([1, 2], [1, -1]), leaf([3], [0.5])];
  const adam = own(new Adam([a, b], { capturable: true }));
  adam.step();
  b.grad = null;
  adam.step();
  scope(() => expect(adam.state().get('steps')!.toArray()).toEqual([2, 1]));
  const other = own(new Adam([leaf([1, 2], [1, -1]), leaf([3], [0.5])], { capturable: true }));
  other.step();
  scope(() => other.loadState(adam.state()));
  other.step();
  scope(() => expect(other.state().get('steps')!.toArray()).toEqual([3, 2]));
  const straight = own(new Adam([leaf([1, 2], [1, -1]), leaf([3], [0.5])]));
  scope(() => straight.loadState(adam.state()));
  straight.step();
  scope(() => {
    const [got, expected] = [other.state(), straight.state()];
    for (const [key, value] of expected) expect(got.get(key)!.toArray(), key).toEqual(value.toArray());
  });
});

test('rates that cannot act are refused', () => {
  const param = leaf([1], [1]);
  const whole = own(keep(tensor(1, { dtype: 'int64' })));
  expect(() => new SGD([param], { lr: float64([1]) })).toThrow(
    /SGD: expected a learning rate of 0 or more, or a float32 or float64 tensor of no dimensions, in group 0, got a tensor float64\[1\]/,
  );
  expect(() => new AdamW([param], { weightDecay: whole })).toThrow(/weight decay .* got a tensor int64\[\]/);
  expect(() => new SGD([param], { lr: Number.NaN })).toThrow(/learning rate of 0 or more in group 0, got NaN/);
  const target = [float64([1])];
  expect(() => emaUpdate_(target, target, whole)).toThrow(/momentum from 0 to 1, got a tensor int64\[\]/);
});

describe('averages with a momentum in a tensor', () => {
  test.each([0, 0.25, 0.996, 1])('momentum %d: as with the number, without reading it', (momentum) => {
    const source = [float64([2.5, -1]), float64([7])];
    const [expected, got] = [0, 1].map(() => [float64([1.25, 3]), float64([-4])]) as [Tensor[], Tensor[]];
    const held = float64(0.5);
    held.fill_(momentum);
    const spies = [vi.spyOn(native, 'item'), vi.spyOn(native, 'readBytes')];
    emaUpdate_(expected, source, momentum);
    emaUpdate_(got, source, held);
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
    if (momentum === 0 || momentum === 1) expect(got.map(flat)).toEqual(expected.map(flat));
    for (const [i, value] of got.flatMap(flat).entries()) expect(value).toBeCloseTo(expected.flatMap(flat)[i]!, 14);
  });

  test('of modules, float32 and the momentum in float64', () => {
    const make = () => own(new nn.Linear(3, 2));
    const [source, expected, got] = [make(), make(), make()];
    emaUpdateModule_(expected, source, 0);
    emaUpdateModule_(got, source, float64(0));
    const values = (module: nn.Linear) => module.parameters().flatMap((param) => [...(param.data() as Float32Array)]);
    expect(values(got)).toEqual(values(source));
    const next = make();
    emaUpdateModule_(expected, next, 0.9);
    emaUpdateModule_(got, next, float64(0.9));
    expect(values(got)).not.toEqual(values(source));
    for (const [i, value] of values(got).entries()) expect(value).toBeCloseTo(values(expected)[i]!, 6);
  });
});
