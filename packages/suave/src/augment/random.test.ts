import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrawPurpose, Draws, drawKey, epochPermutation, philox4x32, RandomKeyError, torchSeed } from './random.js';

function philox(counter: number[], key: number[]): string[] {
  const out = new Uint32Array(4);
  philox4x32(counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
}

describe('philox4x32', () => {
  it('gives the known answers of the Random123 library (10 rounds)', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ]);
  });
});

describe('Draws', () => {
  const key = fc.record({
    seed: fc.maxSafeNat(),
    stage: fc.nat(255),
    stream: fc.constantFrom('labeled' as const, 'unlabeled' as const, 'other' as const),
    epoch: fc.nat(0xffffffff),
    sampleIndex: fc.nat(0xffffffff),
    repeat: fc.nat(65535),
    view: fc.nat(65535),
    purpose: fc.constantFrom<DrawPurpose>('crop', 'flip', 'jitter', 'mix'),
  });
  const draws = (k: typeof key extends fc.Arbitrary<infer T> ? T : never) =>
    drawKey(k.seed, k.stage, k.stream, k.epoch, k.sampleIndex, k.repeat, k.view, k.purpose);
  const firstFive = (d: Draws) => Array.from({ length: 5 }, () => d.uniform());

  it('gives the same numbers for the same key and others for another key', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const numbers = firstFive(draws(a));
        expect(firstFive(draws(a))).toEqual(numbers);
        for (const x of numbers) expect(x >= 0 && x < 1).toBe(true);
        if (JSON.stringify(a) !== JSON.stringify(b)) expect(firstFive(draws(b))).not.toEqual(numbers);
      }),
    );
  });

  it('changes with every single field', () => {
    const base = ['crop', 7, 1, 'labeled', 3, 11, 0, 2] as const;
    const make = (purpose: DrawPurpose, seed: number, stage: number, stream: 'labeled' | 'other', ...rest: number[]) =>
      drawKey(seed, stage, stream, rest[0]!, rest[1]!, rest[2]!, rest[3]!, purpose).uniform();
    const values = [
      make(...base),
      make('flip', 7, 1, 'labeled', 3, 11, 0, 2),
      make('crop', 7 + 2 ** 32, 1, 'labeled', 3, 11, 0, 2),
      make('crop', 7, 2, 'labeled', 3, 11, 0, 2),
      make('crop', 7, 1, 'other', 3, 11, 0, 2),
      make('crop', 7, 1, 'labeled', 4, 11, 0, 2),
      make('crop', 7, 1, 'labeled', 3, 12, 0, 2),
      make('crop', 7, 1, 'labeled', 3, 11, 1, 2),
      make('crop', 7, 1, 'labeled', 3, 11, 0, 3),
    ];
    expect(new Set(values).size).toBe(values.length);
  });

  it('refuses fields that do not fit', () => {
    expect(() => new Draws(-1, 0, 'other')).toThrow(RandomKeyError);
    expect(() => new Draws(0, 256, 'other')).toThrow(/stage to be an integer in \[0, 256\), got 256/);
    expect(() => drawKey(0, 0, 'other', 0, 1.5, 0, 0, 'crop')).toThrow(/sampleIndex/);
    expect(() => drawKey(0, 0, 'other', 0, 0, 0, 0, 'crop').beta(0, 1)).toThrow(/two positive parameters/);
  });

  it('draws permutations', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(300), fc.nat(5), (seed, n, epoch) => {
        const order = epochPermutation(seed, 0, 'unlabeled', epoch, n);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
    );
    expect(epochPermutation(1, 0, 'labeled', 0, 100)).not.toEqual(epochPermutation(1, 0, 'labeled', 1, 100));
  });

  it('has the right moments', () => {
    const d = drawKey(3, 0, 'other', 0, 0, 0, 0, 'mix');
    const n = 100_000;
    const moments = (next: () => number) => {
      let sum = 0;
      let squares = 0;
      for (let i = 0; i < n; i++) {
        const x = next();
        sum += x;
        squares += x * x;
      }
      return [sum / n, squares / n - (sum / n) ** 2] as const;
    };
    const near = (got: readonly [number, number], mean: number, variance: number) => {
      expect(Math.abs(got[0] - mean)).toBeLessThan(5 * Math.sqrt(variance / n));
      expect(Math.abs(got[1] / variance - 1)).toBeLessThan(0.03);
    };
    near(
      moments(() => d.uniform()),
      0.5,
      1 / 12,
    );
    near(
      moments(() => d.uniformInt(3, 10)),
      6,
      4,
    );
    near(
      moments(() => d.normal()),
      0,
      1,
    );
    near(
      moments(() => d.gamma(2.5)),
      2.5,
      2.5,
    );
    for (const [a, b] of [
      [1, 1],
      [0.8, 0.8],
      [0.2, 0.7],
      [2, 5],
      [0.5, 3],
    ] as const) {
      near(
        moments(() => d.beta(a, b)),
        a / (a + b),
        (a * b) / ((a + b) ** 2 * (a + b + 1)),
      );
    }
    expect(Number.isSafeInteger(torchSeed(0, 1, 2))).toBe(true);
    expect(torchSeed(0, 1, 2)).not.toBe(torchSeed(0, 1, 3));
  });
});
