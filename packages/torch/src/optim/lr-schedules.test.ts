/** @file PyTorch's schedules against its own schedulers, over 60 steps. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as schedules from './lr-schedules.js';

interface Fixture {
  readonly base: number;
  readonly steps: number;
  readonly cases: readonly {
    readonly schedule: string;
    readonly options: Record<string, unknown>;
    readonly lr: readonly number[];
    readonly momentum?: readonly number[];
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/schedules.json', import.meta.url), 'utf8')) as Fixture;
const { base: lr } = fixture;
const { chainedLR, constantLR, cosineAnnealingLR, exponentialLR, linearLR, multiStepLR, sequentialLR, stepLR } =
  schedules;

const composed: Record<string, schedules.Schedule> = {
  sequential: (step) =>
    sequentialLR(
      [
        (t) => linearLR({ lr, startFactor: 0.1, totalIters: 10 }, t),
        (t) => cosineAnnealingLR({ lr, tMax: 50, etaMin: 0.001 }, t),
      ],
      [10],
      step,
    ),
  restarts: (step) =>
    sequentialLR(
      [
        (t) => constantLR({ lr, factor: 0.5, totalIters: 100 }, t),
        (t) => stepLR({ lr, stepSize: 4, gamma: 0.5 }, t),
        (t) => exponentialLR({ lr, gamma: 0.9 }, t),
      ],
      [10, 30],
      step,
    ),
  chained: (step) =>
    chainedLR(
      lr,
      [
        (t) => constantLR({ lr: 1, factor: 0.1, totalIters: 7 }, t),
        (t) => exponentialLR({ lr: 1, gamma: 0.95 }, t),
        (t) => multiStepLR({ lr: 1, milestones: [20, 40], gamma: 0.5 }, t),
      ],
      step,
    ),
};

function evaluate(name: string, options: Record<string, unknown>, step: number): number {
  const whole = composed[name];
  if (whole !== undefined) return whole(step);
  const schedule = Object.entries(schedules).find(([key]) => key === name)?.[1] as (
    options: object,
    step: number,
  ) => number;
  return schedule({ lr, ...options }, step);
}

function relativeError(got: number, expected: number): number {
  return Math.abs(got - expected) / Math.max(Math.abs(expected), 1e-6);
}

describe.each(fixture.cases.map((entry, i) => ({ ...entry, name: `${i}: ${entry.schedule}` })))(
  '$name $options',
  ({ schedule, options, lr: expected }) => {
    test('gives the rates of PyTorch', () => {
      const worst = expected.map((value, step) => relativeError(evaluate(schedule, options, step), value));
      expect(expected).toHaveLength(fixture.steps);
      expect(Math.max(...worst), `step ${worst.indexOf(Math.max(...worst))}`).toBeLessThan(1e-10);
    });

    test('can be asked for any step in any order', () => {
      const last = evaluate(schedule, options, 41);
      evaluate(schedule, options, 3);
      expect(evaluate(schedule, options, 41)).toBe(last);
    });
  },
);

test.each(fixture.cases.filter((entry) => entry.momentum !== undefined))(
  'oneCycleMomentum $options gives the momentum of PyTorch',
  ({ options, momentum = [] }) => {
    const phases = options as unknown as schedules.OneCyclePhases;
    const errors = momentum.map((value, step) => relativeError(schedules.oneCycleMomentum(phases, step), value));
    expect(errors).toHaveLength(fixture.steps);
    expect(Math.max(...errors)).toBeLessThan(1e-12);
  },
);

test('lambdaLR multiplies', () => {
  expect(schedules.lambdaLR({ lr: 0.5, factor: (t) => 1 / (1 + t) }, 3)).toBe(0.125);
});

test('warm restarts take fractions of an epoch', () => {
  const options = { lr: 1, t0: 2, tMult: 2 };
  expect(schedules.cosineAnnealingWarmRestarts(options, 1)).toBeCloseTo(0.5, 12);
  expect(schedules.cosineAnnealingWarmRestarts(options, 2)).toBe(1);
  expect(schedules.cosineAnnealingWarmRestarts(options, 4.5)).toBeCloseTo((1 + Math.cos((Math.PI * 2.5) / 4)) / 2, 12);
});

test('wrong steps and shapes of schedules are refused', () => {
  expect(() => stepLR({ lr, stepSize: 3 }, -1)).toThrow(/stepLR: expected a step of 0 or more, got -1/);
  expect(() => schedules.oneCycleLR({ maxLr: 1, totalSteps: 4 }, 4)).toThrow(/a step below 4, got 4/);
  expect(() => sequentialLR([() => 1], [3], 0)).toThrow(/one schedule more than milestones, got 1/);
});
