/**
 * @file Schedules as pure functions of the step or epoch, in float64. Nothing here holds state: any step's value can be
 * asked for at any time.
 */

/** A linear warm-up followed by a half cosine, counted in steps. */
export interface WarmupCosine {
  /** Value at the end of the warm-up, where the cosine starts. */
  readonly base: number;
  /** Value that the cosine approaches; the last step is still a little before it. */
  readonly final: number;
  /** Steps in all, warm-up included. */
  readonly totalSteps: number;
  /** Default 0. */
  readonly warmupSteps?: number;
  /** Value of the first warm-up step. Default 0. */
  readonly start?: number;
}

function checkStep(name: string, step: number): void {
  if (!Number.isInteger(step) || step < 0)
    throw new RangeError(`${name}: expected a step of 0 or more, got ${step}. Count from 0.`);
}

/** Value `index` of `count` evenly spaced ones from `start` to `end`, the end included; a single one is `start`. */
export function linspaceAt(start: number, end: number, count: number, index: number): number {
  if (count <= 1) return start;
  return index === count - 1 ? end : start + index * ((end - start) / (count - 1));
}

/** From `base` (step 0) towards `final` by half a cosine; step `steps` is `final` itself, as is every later one. */
export function cosine(base: number, final: number, step: number, steps: number): number {
  if (step >= steps) return final;
  return final + 0.5 * (base - final) * (1 + Math.cos((Math.PI * step) / steps));
}

/**
 * Learning rate of Suave, SwAV and DINO, also weight decay and EMA momentum: evenly spaced warm-up values that include
 * the base value, which the first cosine step repeats, then a half cosine over the remaining steps.
 */
export function warmupCosine(schedule: WarmupCosine, step: number): number {
  const { base, final, totalSteps, warmupSteps = 0, start = 0 } = schedule;
  checkStep('warmupCosine', step);
  if (step < warmupSteps) return linspaceAt(start, base, warmupSteps, step);
  return cosine(base, final, step - warmupSteps, totalSteps - warmupSteps);
}

/** Learning rate of PAWS: the warm-up reaches the base value one step later, at the cosine's first step. */
export function pawsWarmupCosine(schedule: WarmupCosine, step: number): number {
  const { base, final, totalSteps, warmupSteps = 0, start = 0 } = schedule;
  checkStep('pawsWarmupCosine', step);
  if (step < warmupSteps) return start + (step / warmupSteps) * (base - start);
  return cosine(base, final, step - warmupSteps, totalSteps - warmupSteps);
}

/** Momentum of an averaged model: from `base` at step 0 towards 1 (m = 1 + ½(m₀ − 1)(1 + cos(π t/T))). */
export function emaMomentum(base: number, step: number, totalSteps: number): number {
  checkStep('emaMomentum', step);
  return cosine(base, 1, step, totalSteps);
}

/** Teacher temperature of DINO, one value per epoch. */
export interface TeacherTemperature {
  /** Temperature of epoch 0. */
  readonly warmup: number;
  /** Temperature from epoch `warmupEpochs − 1` on. */
  readonly final: number;
  readonly warmupEpochs: number;
}

/** Evenly spaced from `warmup` to `final` over the warm-up's epochs, both included, then `final`. */
export function teacherTemperature({ warmup, final, warmupEpochs }: TeacherTemperature, epoch: number): number {
  checkStep('teacherTemperature', epoch);
  return epoch < warmupEpochs ? linspaceAt(warmup, final, warmupEpochs, epoch) : final;
}
