/** @file Steps by libtorch's fused operators against the others, on the CPU where it has them. */
import { afterAll, afterEach, expect, test } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import { full, zeros } from '../generated/operators.js';
import { keep, liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';
import { Adam, type AdamOptions, AdamW } from './adam.js';
import { hasFused } from './fused.js';
import { SGD, type SGDOptions } from './sgd.js';

const owned: { dispose(): void }[] = [];
const before = liveTensors().count;
afterEach(() => {
  for (const owner of owned.splice(0)) owner.dispose();
});
afterAll(() => expect(liveTensors().count).toBe(before));

function own<T extends { dispose(): void }>(owner: T): T {
  owned.push(owner);
  return owner;
}

const shapes = [[3, 4], [5], [2, 3, 2, 2]];
const numel = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function filled(shape: readonly number[], value: (j: number) => number): Tensor {
  return fromTypedArray(
    Float32Array.from({ length: numel(shape) }, (_, j) => value(j)),
    shape,
  );
}

function parameters(): Tensor[] {
  return shapes.map((shape, i) => {
    const param = own(keep(filled(shape, (j) => 0.5 * Math.cos(0.9 * j + i))));
    param.requiresGrad = true;
    return param;
  });
}

function setGradients(params: readonly Tensor[], t: number): void {
  scope(() => {
    for (const [i, param] of params.entries())
      param.grad = filled(param.shape, (j) => Math.sin(0.7 * t + 1.3 * i + 0.37 * j));
  });
}

const flat = (params: readonly Tensor[]) => params.flatMap((param) => [...(param.data() as Float32Array)]);

function largestDifference(a: readonly Tensor[], b: readonly Tensor[]): number {
  const other = flat(b);
  return Math.max(...flat(a).map((value, i) => Math.abs(value - other[i]!)));
}

const makers = {
  SGD: (params: Tensor[], options: object) => new SGD(params, options as SGDOptions),
  Adam: (params: Tensor[], options: object) => new Adam(params, options as AdamOptions),
  AdamW: (params: Tensor[], options: object) => new AdamW(params, options as AdamOptions),
};

const cases: [name: keyof typeof makers, options: object][] = [
  ['SGD', {}],
  ['SGD', { momentum: 0.9, weightDecay: 0.1, nesterov: true }],
  ['SGD', { momentum: 0.9, weightDecay: 0.1, maximize: true }],
  ['SGD', { momentum: 0.9, dampening: 0.5 }],
  ['Adam', { weightDecay: 0.1 }],
  ['Adam', { amsgrad: true, weightDecay: 0.1, maximize: true }],
  ['AdamW', { weightDecay: 0.1 }],
  ['AdamW', { betas: [0.5, 0.75], eps: 1e-3 }],
];

const operators = { SGD: 'sgd', Adam: 'adam', AdamW: 'adamw' } as const;

test.for(cases)('%s %j: fused steps are the others’, numbers and tensors', ([name, options], { skip }) => {
  if (!hasFused(operators[name], 'cpu')) {
    expect(() => makers[name](parameters(), { fused: true })).toThrow(/expected a libtorch with _fused_\w+_ on cpu/);
    return skip(`this libtorch has no _fused_${operators[name]}_ on the cpu`);
  }
  const rate = (value: number) => own(keep(full([], value, { dtype: 'float64' })));
  const variants = [
    { lr: 0.05, ...options, fused: false },
    { lr: 0.05, ...options, fused: true },
    { lr: rate(0.05), ...options, fused: true },
    {
      lr: rate(0.05),
      ...options,
      weightDecay: rate((options as { weightDecay?: number }).weightDecay ?? 0.01),
      fused: true,
    },
  ];
  if (name !== 'AdamW' && !('weightDecay' in options)) variants.pop();
  const runs = variants.map((settings) => {
    const params = parameters();
    return { params, optimizer: own(makers[name](params, settings)) };
  });
  for (let t = 0; t < 10; t++)
    for (const { params, optimizer } of runs) {
      setGradients(params, t);
      optimizer.step();
    }
  for (const { params } of runs.slice(1)) expect(largestDifference(params, runs[0]!.params)).toBeLessThan(2e-6);
  if (name !== 'SGD')
    scope(() =>
      expect(runs.map(({ optimizer }) => optimizer.state().get('steps')!.toArray())).toEqual(
        runs.map(() => [10, 10, 10]),
      ),
    );
});

test.each([
  ['AdamW', { weightDecay: 0.25 }],
  ['SGD', { momentum: 0.5, weightDecay: 0.25 }],
] as const)(
  '%s %j: a flagged step keeps its bits, also with rates in tensors, and the next one goes on',
  (name, options) => {
    const params = parameters();
    const weightDecay = own(keep(full([], options.weightDecay, { dtype: 'float32' })));
    const lr = own(keep(full([], 0.5, { dtype: 'float32' })));
    const optimizer = own(makers[name](params, { ...options, lr, weightDecay }));
    const [set, clear] = [own(keep(tensor(3))), own(keep(zeros([])))];
    const bits = () => params.map((param) => Buffer.from(param.bytes()).toString('hex'));
    setGradients(params, 0);
    optimizer.step({ skip: clear, undo: true });
    const untouched = bits();
    optimizer.step({ skip: set, undo: true });
    expect(bits()).toEqual(untouched);
    const others = parameters();
    const plain = own(makers[name](others, { ...options, lr: 0.5, fused: false }));
    for (let t = 0; t < 2; t++) {
      setGradients(others, t);
      plain.step();
    }
    setGradients(params, 1);
    optimizer.step({ skip: clear, undo: true });
    expect(largestDifference(params, others)).toBeLessThan(2e-6);
  },
);

test('parameters of several dtypes or layouts take the step without', () => {
  const wide = own(keep(tensor([1, 2], { dtype: 'float64', requiresGrad: true })));
  const params = [...parameters(), wide];
  const others = [...parameters(), own(keep(tensor([1, 2], { dtype: 'float64', requiresGrad: true })))];
  const sgd = own(new SGD(params, { lr: 0.5, ...(hasFused('sgd', 'cpu') ? { fused: true } : {}) }));
  const plain = own(new SGD(others, { lr: 0.5 }));
  for (const list of [params, others]) {
    setGradients(list.slice(0, 3), 0);
    scope(() => {
      list[3]!.grad = tensor([1, 1], { dtype: 'float64' });
    });
  }
  sgd.step();
  plain.step();
  expect(params.map((param) => [...param.data()])).toEqual(others.map((param) => [...param.data()]));
});

test('a loaded state has the layout of its parameters', () => {
  const make = () => {
    const param = own(keep(scope(() => filled([2, 3, 2, 2], (j) => j).contiguous({ memoryFormat: 'channelsLast' }))));
    param.requiresGrad = true;
    scope(() => {
      param.grad = filled([2, 3, 2, 2], (j) => -j).contiguous({ memoryFormat: 'channelsLast' });
    });
    return param;
  };
  const [first, second] = [make(), make()].map((param) => own(new SGD([param], { lr: 0.5, momentum: 0.5 })));
  first!.step();
  scope(() => second!.loadState(first!.state()));
  const buffers = [first!, second!].map((sgd) => sgd.state().get('0.momentum_buffer')!);
  expect(buffers[1]!.strides).toEqual(buffers[0]!.strides);
  expect([...buffers[1]!.data()]).toEqual([...buffers[0]!.data()]);
});
