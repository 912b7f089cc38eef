/** @file Initializers draw the bits that PyTorch draws from the same seed. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import '../index.js';
import { empty, zeros } from '../generated/operators.js';
import { Generator, manualSeed } from '../generator.js';
import type { Tensor } from '../tensor.js';
import { Conv2d, init, Linear } from './index.js';

interface Expected {
  readonly linear: { weight: number[][]; bias: number[] };
  readonly conv: { weight: number[]; bias: number[] };
  readonly kaimingNormal: number[];
  readonly kaimingNormalLarge: number[];
  readonly truncNormal: number[];
  readonly truncNormalWide: number[];
  readonly xavierUniform: number[];
}

const expected = JSON.parse(readFileSync(new URL('./fixtures/init.json', import.meta.url), 'utf8')) as Expected;
const flat = (t: Tensor) => [...(t.data() as Float32Array)];

describe("equal PyTorch's with seed 7", () => {
  test('Linear', () => {
    manualSeed(7);
    using layer = new Linear(3, 2);
    expect(flat(layer.weight)).toEqual(expected.linear.weight.flat());
    expect(flat(layer.bias!)).toEqual(expected.linear.bias);
  });

  test('Conv2d', () => {
    manualSeed(7);
    using layer = new Conv2d(2, 4, [3, 1], { groups: 2 });
    expect(flat(layer.weight)).toEqual(expected.conv.weight);
    expect(flat(layer.bias!)).toEqual(expected.conv.bias);
  });

  const cases: [keyof Expected, number[], (t: Tensor) => Tensor][] = [
    ['kaimingNormal', [4, 3, 2, 2], (t) => init.kaimingNormal_(t, { mode: 'fanOut', nonlinearity: 'relu' })],
    ['kaimingNormalLarge', [40, 2], (t) => init.kaimingNormal_(t, { mode: 'fanOut', nonlinearity: 'relu' })],
    ['truncNormal', [5, 4], (t) => init.truncNormal_(t, { std: 0.02 })],
    ['truncNormalWide', [5, 4], (t) => init.truncNormal_(t, { mean: 0.5, std: 1.5, low: -1, high: 1 })],
    ['xavierUniform', [5, 4], (t) => init.xavierUniform_(t, 2)],
  ];
  test.each(cases)('%s', (name, shape, fill) => {
    manualSeed(7);
    const got = flat(fill(empty(shape)));
    (expected[name] as number[]).forEach((value, i) => {
      expect(got[i]).toBeCloseTo(value, 6);
    });
  });
});

test('a generator of its own leaves the default one alone', () => {
  manualSeed(1);
  const first = flat(init.uniform_(empty([3])));
  manualSeed(1);
  using generator = new Generator({ seed: 5 });
  const own = flat(init.normal_(empty([3]), 0, 1, { generator }));
  expect(flat(init.uniform_(empty([3])))).toEqual(first);
  using again = new Generator({ seed: 5 });
  expect(flat(init.normal_(empty([3]), 0, 1, { generator: again }))).toEqual(own);
});

test('fans need two dimensions', () => {
  expect(init.fans(zeros([4, 3, 2, 2]))).toEqual({ fanIn: 12, fanOut: 16 });
  expect(() => init.kaimingUniform_(zeros([4]))).toThrow(/two or more dimensions, got \[4\]/);
  expect(init.calculateGain('leakyRelu', 1)).toBe(1);
});

test('constants', () => {
  expect(flat(init.ones_(empty([2])))).toEqual([1, 1]);
  expect(flat(init.zeros_(empty([2])))).toEqual([0, 0]);
});
