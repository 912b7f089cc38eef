import { describe, expect, test } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import { native } from '../native.js';
import type { NestedArray } from '../nested.js';
import { keep, liveTensors, scope } from '../scope.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';
import { Adagrad } from './adagrad.js';
import { Adam, AdamW } from './adam.js';
import { clipGradients_, clipGradientsPerTensor_ } from './clip.js';
import { emaUpdate_ } from './ema.js';
import { LARS } from './lars.js';
import type { Optimizer } from './optimizer.js';
import { RMSprop } from './rmsprop.js';
import { SGD } from './sgd.js';

function leaf(values: NestedArray, gradient?: NestedArray): Tensor {
  const param = keep(tensor(values, { dtype: 'float64', requiresGrad: true }));
  if (gradient !== undefined) setGradient(param, gradient);
  return param;
}

function setGradient(param: Tensor, values: NestedArray | null): void {
  scope(() => {
    param.grad = values === null ? null : tensor(values, { dtype: 'float64' });
  });
}

const flat = (param: Tensor) => [...(param.data() as Float64Array)];

function expectClose(got: readonly number[], expected: readonly number[], digits = 11): void {
  expect(got.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, digits);
  });
}

/** Calls into the addon during `body`. */
function countCalls(body: () => void): number {
  let calls = 0;
  const functions = native as unknown as Record<string, (...values: unknown[]) => unknown>;
  const originals = new Map<string, (...values: unknown[]) => unknown>();
  for (const name of Object.keys(functions)) {
    const original = functions[name]!;
    originals.set(name, original);
    functions[name] = (...values) => {
      calls++;
      return original.apply(native, values);
    };
  }
  try {
    body();
  } finally {
    for (const [name, original] of originals) functions[name] = original;
  }
  return calls;
}

describe('LARS', () => {
  test('takes the two steps worked out by hand', () => {
    const w = leaf(
      [
        [1, -2],
        [0.5, 0.25],
      ],
      [
        [0.1, 0.2],
        [-0.3, 0.4],
      ],
    );
    const b = leaf([0, 0], [0.5, -0.5]);
    const lars = new LARS([w, b], { lr: 0.4, weightDecay: 0.01, eps: 0 });
    lars.step();
    expectClose(flat(w), [0.99982231944, -2.00029075001, 0.50047650697, 0.24934985067], 10);
    expectClose(flat(b), [-0.2, 0.2], 10);
    setGradient(w, [
      [0.2, -0.1],
      [0, 0.1],
    ]);
    setGradient(b, [0.1, 0.2]);
    lars.step();
    expectClose(flat(w), [0.9989399206, -2.0001395622, 0.50088814464, 0.24841209351], 10);
    expectClose(flat(b), [-0.38004896515, 0.37989907184], 10);
    lars.dispose();
  });

  test('a parameter or gradient of norm 0 takes its raw gradient, without decay', () => {
    const zeroParam = leaf([[0, 0]], [[1, 2]]);
    const zeroGradient = leaf([[3, 4]], [[0, 0]]);
    const lars = new LARS([zeroParam, zeroGradient], { lr: 0.1, weightDecay: 0.5, momentum: 0 });
    lars.step();
    expectClose(flat(zeroParam), [-0.1, -0.2]);
    expectClose(flat(zeroGradient), [3, 4]);
  });

  test('an excluded group is plain momentum', () => {
    const param = leaf([[1, 1]], [[1, 0]]);
    const lars = new LARS([{ params: [param], excluded: true }], { lr: 0.1, weightDecay: 0.5, form: 'paws' });
    lars.step();
    lars.step();
    expectClose(flat(param), [1 - 0.1 - 0.19, 1]);
    lars.dispose();
  });

  test('refuses options that cannot act', () => {
    const param = leaf([[1, 1]]);
    expect(() => new LARS([param], { lr: 0.1, form: 'daino', clip: true })).toThrow(
      /LARS: expected no clipping in the form daino/,
    );
    expect(() => new LARS([param], { lr: 0.1, momentum: 0, nesterov: true })).toThrow(
      /momentum and no dampening with Nesterov/,
    );
    expect(() => new LARS([param], { lr: -1 })).toThrow(/learning rate of 0 or more in group 0, got -1/);
    expect(() => new SGD([param, param], { lr: 1 })).toThrow(/every parameter once/);
    expect(() => new SGD([], { lr: 1 })).toThrow(/parameters in group 0/);
  });
});

describe('all optimizers', () => {
  const makers: Record<string, (params: readonly Tensor[]) => Optimizer> = {
    SGD: (params) => new SGD(params, { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 }),
    LARS: (params) => new LARS(params, { lr: 0.1 }),
    'LARS, clipped, 1-D excluded': (params) => new LARS(params, { lr: 0.1, clip: true, excludeOneDimensional: true }),
    'LARS of Daino': (params) => new LARS(params, { lr: 0.1, form: 'daino' }),
    Adam: (params) => new Adam(params, { weightDecay: 0.1, amsgrad: true }),
    AdamW: (params) => new AdamW(params),
    RMSprop: (params) => new RMSprop(params, { centered: true, momentum: 0.9 }),
    Adagrad: (params) => new Adagrad(params, { lrDecay: 0.1 }),
  };
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => (i % 2 === 0 ? leaf([[1, i]], [[0.1, 0.2]]) : leaf([1, i], [0.1, 0.2])));

  test.each(Object.entries(makers))(
    '%s: a step makes the same number of native calls for 2 and for 60 parameters',
    (_, make) => {
      const calls = [2, 60].map((count) => {
        const optimizer = make(many(count));
        optimizer.step();
        const first = countCalls(() => optimizer.step());
        const second = countCalls(() => optimizer.step());
        expect(second).toBe(first);
        optimizer.dispose();
        return first;
      });
      expect(calls[1]).toBe(calls[0]);
      expect(calls[0]).toBeGreaterThan(3);
      expect(calls[0]).toBeLessThan(40);
    },
  );

  test.each(Object.entries(makers))('%s: keeps the number of live tensors', (_, make) => {
    const params = many(6);
    const optimizer = make(params);
    optimizer.step();
    const { count } = liveTensors();
    for (let i = 0; i < 5; i++) optimizer.step();
    expect(liveTensors().count).toBe(count);
    optimizer.dispose();
    expect(liveTensors().count).toBeLessThan(count);
  });

  test.each(Object.entries(makers))('%s: no gradients, no change, no state', (_, make) => {
    const params = [leaf([[1, 2]]), leaf([3, 4])];
    const optimizer = make(params);
    optimizer.step();
    expect(params.map(flat)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([...scope(() => optimizer.state().keys())].filter((name) => name !== 'steps')).toEqual([]);
    params[0]!.grad = tensor([[1, 1]], { dtype: 'float64' });
    optimizer.zeroGrad();
    expect(params[0]!.grad).toBeNull();
  });

  test.each(Object.entries(makers))('%s: a flagged step changes no bit, whichever way it is decided', (_, make) => {
    const params = [
      leaf(
        [
          [1, -0],
          [2, 3],
        ],
        [
          [0.5, Number.NaN],
          [Number.POSITIVE_INFINITY, 1],
        ],
      ),
      leaf([-0, 1], [-0, 2]),
    ];
    const bits = (tensors: readonly Tensor[]) => tensors.map((tensor) => Buffer.from(tensor.bytes()).toString('hex'));
    const optimizer = make(params);
    const flag = keep(tensor(1));
    const all = () =>
      scope(() => [bits(params), [...optimizer.state()].map(([key, value]) => [key, bits([value])]).sort()]);
    const untouched = bits(params);
    optimizer.step({ skip: flag });
    expect(bits(params)).toEqual(untouched);
    expect(optimizer.state().size).toBe(scope(() => make([leaf([1])]).state().size));
    optimizer.step({ skip: flag, undo: true });
    expect(bits(params)).toEqual(untouched);
    for (const param of params)
      setGradient(
        param,
        param.rank === 2
          ? [
              [1, 2],
              [3, -4],
            ]
          : [1, -1],
      );
    optimizer.step();
    const before = all();
    setGradient(params[0]!, [
      [Number.NaN, 1],
      [Number.NEGATIVE_INFINITY, 0],
    ]);
    optimizer.step({ skip: flag });
    expect(all()).toEqual(before);
    optimizer.step({ skip: flag, undo: true });
    expect(all()).toEqual(before);
    for (const tensor of [flag, ...params]) tensor.dispose();
    optimizer.dispose();
  });

  test('take groups that are added later, with their own settings', () => {
    const [a, b] = [leaf([1], [1]), leaf([1], [1])];
    const sgd = new SGD([a], { lr: 0.1, momentum: 0.5 });
    sgd.step();
    sgd.addParamGroup({ params: [b], lr: 0.01 });
    sgd.step();
    expectClose(flat(a), [1 - 0.1 - 0.15]);
    expectClose(flat(b), [0.99]);
    expect(sgd.paramGroups[1]).toMatchObject({ lr: 0.01, momentum: 0.5, nesterov: false });
    expect(() => sgd.addParamGroup({ params: [a] })).toThrow(/every parameter once/);
    expect(() => sgd.addParamGroup({ params: [leaf([1])], momentum: 2 })).toThrow(
      /momentum from 0 up to below 1, got 2/,
    );
    expect(sgd.paramGroups).toHaveLength(2);
    const adam = new Adam([{ params: [a], betas: [0.5, 0.6] }, { params: [b] }]);
    expect(adam.paramGroups.map((group) => group.betas)).toEqual([
      [0.5, 0.6],
      [0.9, 0.999],
    ]);
    adam.step();
    adam.addParamGroup({ params: [leaf([2], [1])] });
    adam.step();
    scope(() => expect(adam.state().get('steps')!.toArray()).toEqual([2, 2, 1]));
    for (const optimizer of [sgd, adam]) optimizer.dispose();
  });

  test('say what the settings of a state are, without tensors', () => {
    const sgd = new SGD([{ params: [leaf([1]), leaf([2])] }, { params: [leaf([3])], lr: 2 }], { lr: 1 });
    const { state, paramGroups } = sgd.stateDict();
    expect(state.size).toBe(0);
    expect(JSON.parse(JSON.stringify(paramGroups))).toMatchObject([
      { params: [0, 1], lr: 1, weightDecay: 0 },
      { params: [2], lr: 2, maximize: false },
    ]);
    const other = new SGD([leaf([1])], { lr: 1 });
    expect(() => other.loadStateDict(sgd.stateDict())).toThrow(/expected groups of 1 parameters, got 2, 1/);
  });

  test.each(['bfloat16', 'float16'] as const)('SGD moves parameters of %s', (dtype) => {
    const param = keep(tensor([1, 2, -4], { dtype }));
    param.requiresGrad = true;
    const sgd = new SGD([param], { lr: 0.5, momentum: 0.5 });
    for (let i = 0; i < 2; i++) {
      scope(() => {
        param.grad = tensor([1, -1, 0], { dtype });
      });
      sgd.step();
    }
    expect([...param.data()]).toEqual([-0.25, 3.25, -4]);
    expect(sgd.state().get('0.momentum_buffer')!.dtype).toBe(dtype);
    sgd.dispose();
    param.dispose();
  });

  test('Adam moves parameters of bfloat16', () => {
    const param = keep(tensor([1, 2], { dtype: 'bfloat16' }));
    param.requiresGrad = true;
    scope(() => {
      param.grad = tensor([0.5, -2], { dtype: 'bfloat16' });
    });
    const adam = new Adam([param], { lr: 0.25 });
    adam.step();
    expect([...param.data()]).toEqual([0.75, 2.25]);
    adam.dispose();
    param.dispose();
  });

  test('refuse a foreign state and keep their own', () => {
    const [param, other] = [leaf([[1, 2]], [[1, 1]]), leaf([1, 2, 3], [1, 1, 1])];
    const sgd = new SGD([param], { lr: 0.1, momentum: 0.9 });
    const foreign = new SGD([other], { lr: 0.1, momentum: 0.9 });
    sgd.step();
    foreign.step();
    const own = flat(sgd.state().get('0.momentum_buffer')!);
    expect(() => sgd.loadState(foreign.state())).toThrow(CheckpointError);
    expect(() => sgd.loadState(foreign.state())).toThrow(/0\.momentum_buffer \[1, 2\] from \[3\]/);
    expect(() => sgd.loadState(new Map([['5.momentum_buffer', param]]))).toThrow(/unknown names: 5\.momentum_buffer/);
    expect(flat(sgd.state().get('0.momentum_buffer')!)).toEqual(own);
    expect(() => new AdamW([param]).loadState(new Map())).toThrow(/expected "steps"/);
  });
});

describe('emaUpdate_', () => {
  test('averages in place, two native operator calls for any number of tensors', () => {
    const target = [leaf([1, 2]), leaf([[3]])];
    const source = [leaf([2, 4]), leaf([[7]])];
    emaUpdate_(target, source, 0.75);
    expect(target.map(flat)).toEqual([[1.25, 2.5], [4]]);
    emaUpdate_(target, source, 1);
    expect(target.map(flat)).toEqual([[1.25, 2.5], [4]]);
    emaUpdate_(target, source, 0);
    expect(target.map(flat)).toEqual([[2, 4], [7]]);
    expect(() => emaUpdate_(target, source.slice(1), 0.5)).toThrow(/lists of one length, got 2 and 1/);
    expect(() => emaUpdate_(target, source, 1.5)).toThrow(/momentum from 0 to 1, got 1.5/);
  });
});

describe('clipping', () => {
  test('per tensor: each gradient by its own norm', () => {
    const params = [leaf([1, 1], [3, 4]), leaf([1], [0.5]), leaf([1])];
    const norms = clipGradientsPerTensor_(params, 1);
    expectClose(flat(norms), [5, 0.5]);
    expectClose(flat(params[0]!.grad!), [3 / 5.000001, 4 / 5.000001]);
    expectClose(flat(params[1]!.grad!), [0.5]);
    expect(params[2]!.grad).toBeNull();
  });

  test('jointly: all gradients by one factor', () => {
    const params = [leaf([1, 1], [3, 0]), leaf([1], [4])];
    expect(clipGradients_(params, 2).item()).toBeCloseTo(5, 12);
    const factor = 2 / 5.000001;
    expectClose(flat(params[0]!.grad!), [3 * factor, 0]);
    expectClose(flat(params[1]!.grad!), [4 * factor]);
  });

  test('without any gradient nothing happens', () => {
    expect(clipGradientsPerTensor_([leaf([1])], 1).numel).toBe(0);
    expect(clipGradients_([leaf([1])], 1).item()).toBe(0);
    expect(() => clipGradients_([], 0)).toThrow(/norm above 0, got 0/);
  });
});
