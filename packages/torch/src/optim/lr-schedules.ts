/**
 * @file PyTorch's learning-rate schedules as pure functions of the step (or epoch), in float64. `t` is the number of times
 * that PyTorch's scheduler was stepped: 0 gives the rate of the first step. Nothing here holds state.
 * @example for (const group of optimizer.paramGroups) group.lr = cosineAnnealingLR({ lr: 0.1, tMax: 100 }, epoch);
 */
import { demand } from './groups.js';

/** A value for every step. */
export type Schedule = (step: number) => number;

function check(name: string, step: number): void {
  demand(Number.isFinite(step) && step >= 0, name, 'a step of 0 or more', step);
}

/** lr·γ^⌊t/stepSize⌋ (PyTorch `StepLR`); `gamma` is 0.1 by default. */
export function stepLR(
  { lr, stepSize, gamma = 0.1 }: { lr: number; stepSize: number; gamma?: number },
  step: number,
): number {
  check('stepLR', step);
  return lr * gamma ** Math.floor(step / stepSize);
}

/** lr·γ^(milestones at or before t) (PyTorch `MultiStepLR`); `gamma` is 0.1 by default. */
export function multiStepLR(
  { lr, milestones, gamma = 0.1 }: { lr: number; milestones: readonly number[]; gamma?: number },
  step: number,
): number {
  check('multiStepLR', step);
  return lr * gamma ** milestones.filter((milestone) => milestone <= step).length;
}

/** lr·γᵗ (PyTorch `ExponentialLR`). */
export function exponentialLR({ lr, gamma }: { lr: number; gamma: number }, step: number): number {
  check('exponentialLR', step);
  return lr * gamma ** step;
}

/** lr·factor before step `totalIters`, then lr (PyTorch `ConstantLR`); by default 1/3 for 5 steps. */
export function constantLR(
  { lr, factor = 1 / 3, totalIters = 5 }: { lr: number; factor?: number; totalIters?: number },
  step: number,
): number {
  check('constantLR', step);
  return step < totalIters ? lr * factor : lr;
}

/** How {@link linearLR} moves. */
export interface LinearLR {
  readonly lr: number;
  /** Default 1/3. */
  readonly startFactor?: number;
  /** Default 1. */
  readonly endFactor?: number;
  /** Steps until the end factor; default 5. */
  readonly totalIters?: number;
}

/** lr·(start + (end − start)·min(t, T)/T) (PyTorch `LinearLR`), a warm-up by default. */
export function linearLR({ lr, startFactor = 1 / 3, endFactor = 1, totalIters = 5 }: LinearLR, step: number): number {
  check('linearLR', step);
  return lr * (startFactor + ((endFactor - startFactor) * Math.min(step, totalIters)) / totalIters);
}

/** lr·(1 − min(t, T)/T)^power (PyTorch `PolynomialLR`); by default power 1 over 5 steps. */
export function polynomialLR(
  { lr, totalIters = 5, power = 1 }: { lr: number; totalIters?: number; power?: number },
  step: number,
): number {
  check('polynomialLR', step);
  return lr * (1 - Math.min(step, totalIters) / totalIters) ** power;
}

/**
 * η + ½(lr − η)(1 + cos(πt/T)) (PyTorch `CosineAnnealingLR`); `etaMin` is 0 by default. After `tMax` it rises again, as in
 * PyTorch; `cosine` is the form that stays at its end.
 */
export function cosineAnnealingLR(
  { lr, tMax, etaMin = 0 }: { lr: number; tMax: number; etaMin?: number },
  step: number,
): number {
  check('cosineAnnealingLR', step);
  return etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * step) / tMax))) / 2;
}

/** How {@link cosineAnnealingWarmRestarts} moves. */
export interface WarmRestarts {
  readonly lr: number;
  /** Length of the first period. */
  readonly t0: number;
  /** Each period is so many times longer than the one before; default 1. */
  readonly tMult?: number;
  /** Default 0. */
  readonly etaMin?: number;
}

/**
 * Half cosines from lr to `etaMin`, one after the other (SGDR; PyTorch `CosineAnnealingWarmRestarts`):
 * η + ½(lr − η)(1 + cos(π·tᵢ/Tᵢ)), tᵢ counted from the restart. The step may be a fraction.
 */
export function cosineAnnealingWarmRestarts({ lr, t0, tMult = 1, etaMin = 0 }: WarmRestarts, step: number): number {
  check('cosineAnnealingWarmRestarts', step);
  demand(t0 > 0, 'cosineAnnealingWarmRestarts', 't0 above 0', t0);
  demand(tMult >= 1, 'cosineAnnealingWarmRestarts', 'tMult of 1 or more', tMult);
  let length = t0;
  let since = step;
  if (tMult === 1) {
    since = step % t0;
  } else {
    while (since >= length) {
      since -= length;
      length *= tMult;
    }
  }
  return etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * since) / length))) / 2;
}

/** The phases of {@link oneCycleLR}. */
export interface OneCyclePhases {
  readonly totalSteps: number;
  /** Part of the steps in which the rate rises; default 0.3. */
  readonly pctStart?: number;
  /** `cos` (default) or `linear`. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** A third phase goes from the initial to the last rate. Default false: the second phase goes there at once. */
  readonly threePhase?: boolean;
}

/** How {@link oneCycleLR} moves. */
export interface OneCycleLR extends OneCyclePhases {
  /** The rate at the peak. */
  readonly maxLr: number;
  /** First rate = maxLr/divFactor; default 25. */
  readonly divFactor?: number;
  /** Last rate = first rate/finalDivFactor; default 1e4. */
  readonly finalDivFactor?: number;
}

/** From a low rate up to `maxLr`, then down far below the first (Smith and Topin, 2018; PyTorch `OneCycleLR`). */
export function oneCycleLR(
  { maxLr, divFactor = 25, finalDivFactor = 1e4, ...phases }: OneCycleLR,
  step: number,
): number {
  const first = maxLr / divFactor;
  return oneCycle('oneCycleLR', phases, [first, maxLr, first, first / finalDivFactor], step);
}

/** The momentum (or β₁) that goes with {@link oneCycleLR}: down while the rate rises; by default 0.95 to 0.85 and back. */
export function oneCycleMomentum(
  {
    baseMomentum = 0.85,
    maxMomentum = 0.95,
    ...phases
  }: OneCyclePhases & { baseMomentum?: number; maxMomentum?: number },
  step: number,
): number {
  return oneCycle('oneCycleMomentum', phases, [maxMomentum, baseMomentum, maxMomentum, maxMomentum], step);
}

/** @param values at the start, the peak, the end of a second phase of three, the end */
function oneCycle(
  name: string,
  { totalSteps, pctStart = 0.3, annealStrategy = 'cos', threePhase = false }: OneCyclePhases,
  [start, peak, back, end]: readonly [number, number, number, number],
  step: number,
): number {
  check(name, step);
  demand(step < totalSteps, name, `a step below ${totalSteps}`, step);
  const rise = pctStart * totalSteps - 1;
  const phases: [number, number, number][] = threePhase
    ? [
        [rise, start, peak],
        [2 * pctStart * totalSteps - 2, peak, back],
        [totalSteps - 1, back, end],
      ]
    : [
        [rise, start, peak],
        [totalSteps - 1, peak, end],
      ];
  let from = 0;
  for (const [to, a, b] of phases) {
    if (step <= to || to === totalSteps - 1) {
      const part = (step - from) / (to - from);
      return annealStrategy === 'linear' ? a + (b - a) * part : b + ((a - b) / 2) * (1 + Math.cos(Math.PI * part));
    }
    from = to;
  }
  return end;
}

/**
 * One schedule after the other (PyTorch `SequentialLR`): schedule i counts from 0 at milestone i − 1.
 * @param milestones  first steps of the second schedule and of those after it, rising
 * @example sequentialLR([(t) => linearLR({ lr, totalIters: 5 }, t), (t) => cosineAnnealingLR({ lr, tMax: 95 }, t)], [5], step)
 */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[], step: number): number {
  check('sequentialLR', step);
  demand(
    schedules.length === milestones.length + 1,
    'sequentialLR',
    'one schedule more than milestones',
    schedules.length,
  );
  const index = milestones.filter((milestone) => milestone <= step).length;
  return schedules[index]!(step - (index === 0 ? 0 : milestones[index - 1]!));
}

/**
 * lr times the product of factors (PyTorch `ChainedScheduler`, whose schedulers scale the same rate).
 * @param factors  schedules with `lr: 1`
 * @example chainedLR(0.1, [(t) => constantLR({ lr: 1 }, t), (t) => exponentialLR({ lr: 1, gamma: 0.9 }, t)], step)
 */
export function chainedLR(lr: number, factors: readonly Schedule[], step: number): number {
  check('chainedLR', step);
  return factors.reduce((product, factor) => product * factor(step), lr);
}

/** lr·factor(t) (PyTorch `LambdaLR`). */
export function lambdaLR({ lr, factor }: { lr: number; factor: Schedule }, step: number): number {
  check('lambdaLR', step);
  return lr * factor(step);
}
