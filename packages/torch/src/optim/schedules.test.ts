import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cosine, emaMomentum, linspaceAt, pawsWarmupCosine, teacherTemperature, warmupCosine } from './schedules.js';

describe('warmupCosine', () => {
  test('equals the published values of a small schedule, with the base value twice', () => {
    const law = { base: 0.4, final: 0.001, totalSteps: 20, warmupSteps: 5 };
    const expected = [
      0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.39564, 0.382752, 0.361899, 0.333992, 0.30025, 0.262149, 0.221353, 0.179647,
      0.138851, 0.10075, 0.067008, 0.039101, 0.018248, 0.00536,
    ];
    expected.forEach((value, step) => {
      expect(warmupCosine(law, step)).toBeCloseTo(value, 6);
    });
  });

  test("equals the values of Suave's 100 epochs on ImageNet", () => {
    const law = { base: 0.4, final: 0.001, totalSteps: 500_400, warmupSteps: 25_020 };
    expect(warmupCosine(law, 1)).toBeCloseTo(1.599e-5, 8);
    expect(warmupCosine(law, 5004)).toBeCloseTo(0.0800032, 7);
    expect(warmupCosine(law, 25_019)).toBe(0.4);
    expect(warmupCosine(law, 25_020)).toBe(0.4);
    expect(warmupCosine(law, 262_710)).toBeCloseTo(0.2005, 12);
    expect(warmupCosine(law, 500_399) - 0.001).toBeCloseTo(4e-12, 12);
  });

  test("equals the values of Daino's 60 epochs", () => {
    const lr = { base: 9.6e-4, final: 1e-5, totalSteps: 75_060, warmupSteps: 5004 };
    expect(warmupCosine(lr, 1)).toBeCloseTo(1.91885e-7, 12);
    expect(warmupCosine(lr, 5003)).toBe(9.6e-4);
    expect(warmupCosine(lr, 5004)).toBe(9.6e-4);
    expect(warmupCosine(lr, 40_000)).toBeCloseTo(4.856816e-4, 10);
    expect(warmupCosine(lr, 75_059)).toBeCloseTo(1e-5 + 4.776e-13, 15);
    expect(warmupCosine({ base: 0.04, final: 0.4, totalSteps: 75_060 }, 37_530)).toBeCloseTo(0.22, 12);
    expect(emaMomentum(0.99, 37_530, 75_060)).toBeCloseTo(0.995, 12);
  });

  test('a warm-up of one step has the start value only', () => {
    const law = { base: 1, final: 0, totalSteps: 10, warmupSteps: 1, start: 0.25 };
    expect(warmupCosine(law, 0)).toBe(0.25);
    expect(warmupCosine(law, 1)).toBe(1);
  });

  test('stays between its ends and never rises after the warm-up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 200 }), (warmupSteps, rest) => {
        const law = { base: 2, final: 0.5, totalSteps: warmupSteps + rest, warmupSteps };
        let previous = Number.POSITIVE_INFINITY;
        for (let step = 0; step < law.totalSteps + 3; step++) {
          const value = warmupCosine(law, step);
          expect(value).toBeGreaterThanOrEqual(step < warmupSteps ? 0 : 0.5);
          expect(value).toBeLessThanOrEqual(2);
          if (step > warmupSteps) expect(value).toBeLessThanOrEqual(previous);
          previous = value;
        }
        expect(warmupCosine(law, law.totalSteps)).toBe(0.5);
      }),
    );
  });

  test('refuses a step that is none', () => {
    expect(() => warmupCosine({ base: 1, final: 0, totalSteps: 1 }, -1)).toThrow(
      /expected a step of 0 or more, got -1/,
    );
  });
});

test('PAWS reaches the base value at the first cosine step', () => {
  const law = { base: 6.4, final: 0.064, totalSteps: 30, warmupSteps: 10, start: 0.3 };
  expect(pawsWarmupCosine(law, 0)).toBe(0.3);
  expect(pawsWarmupCosine(law, 5)).toBeCloseTo(3.35, 12);
  expect(pawsWarmupCosine(law, 10)).toBe(6.4);
  expect(pawsWarmupCosine(law, 20)).toBeCloseTo((6.4 + 0.064) / 2, 12);
});

test('the teacher temperature is at its final value in the last warm-up epoch', () => {
  const values = Array.from({ length: 12 }, (_, epoch) =>
    teacherTemperature({ warmup: 0.04, final: 0.07, warmupEpochs: 10 }, epoch),
  );
  const expected = [0.04, 0.043333, 0.046667, 0.05, 0.053333, 0.056667, 0.06, 0.063333, 0.066667, 0.07, 0.07, 0.07];
  expected.forEach((value, epoch) => {
    expect(values[epoch]).toBeCloseTo(value, 6);
  });
  expect(teacherTemperature({ warmup: 0.02, final: 0.05, warmupEpochs: 1 }, 0)).toBe(0.02);
  expect(teacherTemperature({ warmup: 0.02, final: 0.05, warmupEpochs: 0 }, 0)).toBe(0.05);
});

test('linspaceAt and cosine hit both ends', () => {
  expect(linspaceAt(0.1, 0.7, 7, 0)).toBe(0.1);
  expect(linspaceAt(0.1, 0.7, 7, 6)).toBe(0.7);
  expect(cosine(3, 1, 0, 8)).toBe(3);
  expect(cosine(3, 1, 8, 8)).toBe(1);
  expect(cosine(3, 1, 4, 8)).toBeCloseTo(2, 15);
});
