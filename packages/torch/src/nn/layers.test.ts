import { describe, expect } from 'vitest';
import { placeModule, itOnDevice as test } from '../../../../tests/fixtures/torch-devices.js';
import '../index.js';
import { fromTypedArray, tensor } from '../../../../tests/fixtures/sources-on-device.js';
import { noGrad } from '../autograd/index.js';
import { manualSeed } from '../generator.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  functional,
  GELU,
  Identity,
  type Layer,
  LayerNorm,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from './index.js';

const float64 = { dtype: 'float64' } as const;

/** A wave without zeros, symmetry or ties. */
function wave(shape: readonly number[], phase = 0): Tensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: numel }, (_, i) => Math.sin(1.7 * i + phase) + 0.1),
    shape,
  );
}

const flat = (t: Tensor) => [...(t.data() as Float64Array)];

function expectClose(got: Tensor | readonly number[], expected: readonly number[], digits = 11): void {
  const values = Array.isArray(got) ? got : flat(got as Tensor);
  expect(values.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(values[i]).toBeCloseTo(value, digits);
  });
}

/** Compares the gradients of Σ w·f(x), of input and parameters, with central differences. */
function checkGradients(module: Module, forward: (x: Tensor) => Tensor, x: Tensor): void {
  scope(() => {
    const input = x.clone();
    input.requiresGrad = true;
    const leaves = [input, ...module.parameters()];
    const loss = () => {
      const y = forward(input);
      return y.mul(wave(y.shape, 0.5)).sum();
    };
    loss().backward();
    for (const leaf of leaves) {
      const analytic = flat(leaf.grad!);
      const values = leaf.view([-1]);
      const h = 1e-6;
      for (let i = 0; i < analytic.length; i++) {
        const evaluate = (offset: number) =>
          scope(() =>
            noGrad(() => {
              values.narrow(0, i, 1).add_(offset);
              const value = loss().item();
              values.narrow(0, i, 1).sub_(offset);
              return value;
            }),
          );
        expect(analytic[i]).toBeCloseTo((evaluate(h) - evaluate(-h)) / (2 * h), 6);
      }
    }
  });
  module.zeroGrad();
}

describe('values', () => {
  test('Linear', () => {
    using layer = placeModule(new Linear(2, 2, float64));
    layer.loadStateDict(
      new Map<string, Tensor>([
        [
          'weight',
          tensor(
            [
              [1, 2],
              [3, 4],
            ],
            float64,
          ),
        ],
        ['bias', tensor([10, 20], float64)],
      ]),
    );
    expectClose(layer.forward(tensor([[1, -1]], float64)), [9, 19]);
  });

  test('Conv2d with stride, padding, dilation and groups', () => {
    using layer = placeModule(
      new Conv2d(2, 2, [1, 2], { ...float64, stride: [1, 2], padding: [0, 1], dilation: 2, groups: 2 }),
    );
    layer.loadStateDict(
      new Map<string, Tensor>([
        ['weight', tensor([[[[1, 10]]], [[[1, 1]]]], float64)],
        ['bias', tensor([0.5, 0], float64)],
      ]),
    );
    const x = tensor([[[[1, 2, 3]], [[4, 5, 6]]]], float64);
    // Padded rows 0 1 2 3 0 and 0 4 5 6 0; taps two apart at columns 0 and 2.
    expectClose(layer.forward(x), [0 + 20 + 0.5, 2 + 0 + 0.5, 0 + 5, 5 + 0]);
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(/channels divisible by 2 groups, got 3 in and 4 out/);
  });

  test('pooling', () => {
    const x = tensor(
      [
        [
          [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, 10],
          ],
        ],
      ],
      float64,
    );
    expectClose(new MaxPool2d(2).forward(x), [5]);
    expectClose(new MaxPool2d(2, { ceilMode: true }).forward(x), [5, 6, 8, 10]);
    expectClose(new MaxPool2d(3, { stride: 2, padding: 1 }).forward(x), [5, 6, 8, 10]);
    expectClose(new AvgPool2d(2, { stride: 1 }).forward(x), [3, 4, 6, 7.25]);
    expectClose(new AvgPool2d(3, { stride: 3, padding: 1, countIncludePad: false }).forward(x), [3]);
    expectClose(new AdaptiveAvgPool2d(1).forward(x), [46 / 9]);
    expectClose(new AdaptiveAvgPool2d([1, 3]).forward(x), [4, 5, 19 / 3]);
  });

  test('activations and shapes', () => {
    const x = tensor([[-1, 0, 2]], float64);
    expectClose(new GELU().forward(x), [-0.15865525393145707, 0, 1.9544997361036416]);
    expectClose(new ReLU().forward(x), [0, 0, 2]);
    expect(new Identity().forward(x)).toBe(x);
    expectClose(new ReLU({ inplace: true }).forward(x), [0, 0, 2]);
    expectClose(x, [0, 0, 2]);
    expect(new Flatten().forward(wave([2, 3, 4])).shape).toEqual([2, 12]);
  });

  test('LayerNorm', () => {
    using layer = placeModule(new LayerNorm(2, { ...float64, eps: 0 }));
    expectClose(
      layer.forward(
        tensor(
          [
            [1, 3],
            [10, -10],
          ],
          float64,
        ),
      ),
      [-1, 1, 1, -1],
    );
  });

  test('normalize leaves a zero vector at zero', () => {
    expectClose(
      functional.normalize(
        tensor(
          [
            [3, 4],
            [0, 0],
          ],
          float64,
        ),
      ),
      [0.6, 0.8, 0, 0],
    );
    expectClose(
      functional.normalize(
        tensor(
          [
            [3, 1],
            [4, 0],
          ],
          float64,
        ),
        { dim: 0 },
      ),
      [0.6, 1, 0.8, 0],
    );
  });

  test('crossEntropy of labels, smoothed labels and probabilities', () => {
    const logits = tensor([[1, 2, 3]], float64);
    const logs = [1, 2, 3].map((value) => value - Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3)));
    const label = tensor([0], { dtype: 'int64' });
    expect(functional.crossEntropy(logits, label).item()).toBeCloseTo(-logs[0]!, 12);
    const smoothed = 0.9 * -logs[0]! + (0.1 / 3) * -(logs[0]! + logs[1]! + logs[2]!);
    expect(functional.crossEntropy(logits, label, { labelSmoothing: 0.1 }).item()).toBeCloseTo(smoothed, 12);
    const soft = functional.crossEntropy(logits, tensor([[0.25, 0.75, 0]], float64), { reduction: 'none' });
    expectClose(soft, [-0.25 * logs[0]! - 0.75 * logs[1]!]);
  });
});

describe('batch norm', () => {
  test('normalizes with the biased, remembers the unbiased variance', () => {
    using layer = placeModule(new BatchNorm1d(1, { ...float64, eps: 0 }));
    expectClose(layer.forward(tensor([[1], [3]], float64)), [-1, 1]);
    expectClose(layer.running_mean!, [0.2]);
    expectClose(layer.running_var!, [0.9 + 0.1 * 2]);
    expect(layer.num_batches_tracked!.item()).toBe(1);
    layer.eval();
    expectClose(layer.forward(tensor([[0.2]], float64)), [0]);
    expect(layer.num_batches_tracked!.item()).toBe(1);
  });

  test('refuses what has no variance, and other ranks', () => {
    using one = placeModule(new BatchNorm1d(2));
    using two = placeModule(new BatchNorm2d(2));
    expect(() => one.forward(tensor([[1, 2]]))).toThrow(
      /BatchNorm1d: expected more than one value per channel in training, got shape \[1, 2\]/,
    );
    expect(() => one.forward(tensor([1, 2]))).toThrow(/\[N, C\] or \[N, C, L\], got \[2\]/);
    expect(() => two.forward(tensor([[1, 2]]))).toThrow(/\[N, C, H, W\], got \[1, 2\]/);
    expect(one.num_batches_tracked!.item()).toBe(0);
  });
});

describe('gradients equal finite differences', () => {
  const cases: [string, () => Layer, number[]][] = [
    ['Linear', () => new Linear(3, 2, float64), [2, 3]],
    ['Conv2d', () => new Conv2d(2, 2, 2, { ...float64, stride: 2, padding: 1 }), [1, 2, 3, 3]],
    ['BatchNorm1d', () => new BatchNorm1d(3, float64), [4, 3]],
    ['BatchNorm2d', () => new BatchNorm2d(2, float64), [2, 2, 2, 2]],
    ['BatchNorm2d in evaluation', () => new BatchNorm2d(2, float64).eval(), [2, 2, 2, 2]],
    ['LayerNorm', () => new LayerNorm([3], float64), [2, 3]],
    ['GELU', () => new GELU(), [2, 3]],
    ['ReLU', () => new ReLU(), [2, 3]],
    ['MaxPool2d', () => new MaxPool2d(2), [1, 1, 4, 4]],
    ['AvgPool2d', () => new AvgPool2d(2, { stride: 1 }), [1, 1, 3, 3]],
    ['AdaptiveAvgPool2d', () => new AdaptiveAvgPool2d(1), [1, 2, 3, 3]],
    [
      'Sequential',
      () => new Sequential(new Conv2d(1, 2, 2, float64), new GELU(), new Flatten(), new Linear(8, 2, float64)),
      [2, 1, 3, 3],
    ],
  ];
  for (const [name, make, shape] of cases)
    test(name, () => {
      manualSeed(3);
      const layer = placeModule(make());
      checkGradients(layer, (x) => layer.forward(x), wave(shape));
      layer.dispose();
    });

  test('normalize, its limit included', () => {
    checkGradients(new Identity(), (x) => functional.normalize(x), wave([3, 4]));
    checkGradients(new Identity(), (x) => functional.normalize(x, { eps: 10 }), wave([3, 4]));
  });
});
