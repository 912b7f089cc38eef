import { describe, expect, it } from 'vitest';
import { wilson } from '../evaluation/intervals.js';
import { pairedDifference } from './intervals.js';

describe('wilson', () => {
  it.each([
    // Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('gives the published interval of %i of %i', (hits, images, low, high) => {
    const interval = wilson(hits, images);
    expect(interval.value).toBe(hits / images);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('ends exactly at 0 and 1, and mirrors', () => {
    expect(wilson(0, 7).low).toBe(0);
    expect(wilson(7, 7).high).toBe(1);
    expect(wilson(1, 1)).toEqual({ value: 1, low: expect.closeTo(0.2065, 4), high: 1, images: 1 });
    expect(wilson(3, 10).low).toBeCloseTo(1 - wilson(7, 10).high, 12);
  });
});

/** Pairs: both right, only the first, only the second, none. */
function pairs(both: number, first: number, second: number, none: number): [Uint8Array, Uint8Array] {
  const of = (values: number[]) =>
    Uint8Array.from([both, first, second, none].flatMap((count, i) => new Array<number>(count).fill(values[i])));
  return [of([1, 1, 0, 0]), of([1, 0, 1, 0])];
}

describe('pairedDifference', () => {
  it.each([
    // Newcombe, Statistics in Medicine 17 (1998) 2635-2650; Altman et al., Statistics with confidence (2000), table 6.2;
    // Fagerland et al., Statistics in Medicine 33 (2014) 2850-2875, airway hyper-responsiveness
    [36, 12, 2, 0, 0.0569, 0.3404],
    [14, 5, 0, 22, 0.0115, 0.2265],
    [1, 1, 7, 12, -0.5069, -0.0256],
  ])('gives the published interval of %i, %i, %i and %i pairs', (both, first, second, none, low, high) => {
    const interval = pairedDifference(...pairs(both, first, second, none));
    expect(interval.value).toBeCloseTo((first - second) / (both + first + second + none), 12);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('mirrors when the two are swapped, and has a width where they agree on every image', () => {
    const [a, b] = pairs(40, 9, 4, 30);
    const [there, back] = [pairedDifference(a, b), pairedDifference(b, a)];
    expect(there.low).toBeCloseTo(-back.high, 12);
    expect(there.high).toBeCloseTo(-back.low, 12);
    const same = pairedDifference(...pairs(30, 0, 0, 20));
    expect(same.value).toBe(0);
    expect(same.high).toBeGreaterThan(0.005);
    expect(pairedDifference(...pairs(5, 0, 0, 0))).toMatchObject({ value: 0, images: 5 });
  });

  it('is the interval of the normal distribution for many images', () => {
    const [both, first, second, none] = [5000, 1500, 900, 2600];
    const n = both + first + second + none;
    const difference = (first - second) / n;
    const deviation = Math.sqrt((first + second) / n - difference ** 2) / Math.sqrt(n);
    const { low, high } = pairedDifference(...pairs(both, first, second, none));
    expect(low).toBeCloseTo(difference - 1.96 * deviation, 3);
    expect(high).toBeCloseTo(difference + 1.96 * deviation, 3);
  });
});
