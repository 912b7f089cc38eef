/**
 * @file One gradient step, the order of thought of the whole system on one page. Everything stays on the device: nothing is
 * read back here, and from the second step on the number of live tensors does not change.
 */
import { autocast, manualSeed, noGrad, optim, scope } from '@suave/torch';
import type { Batch, Method, Progress } from '../methods/index.js';
import type { Meter } from './meter.js';
import type { GroupSettings } from './optimizer.js';

/** What learns in a step; all of it is updated in place. */
export interface Learner {
  readonly method: Method;
  readonly optimizer: optim.Optimizer;
  /** Scales the loss of half precision; null elsewhere. */
  readonly scaler: optim.GradScaler | null;
  /** Number format of convolutions and matrix products; weights and losses stay float32. */
  readonly precision: 'fp32' | 'bf16' | 'fp16';
  /** `cpu` or `cuda`. */
  readonly device: string;
}

/** What a step is made of beside. */
export interface StepParts extends Learner {
  /** Sums of the losses since the last line of the log; a sum that is not finite tells that a loss was not. */
  readonly meter: Meter;
  /** Batch t, a pure function of t. */
  batch(step: number): Batch;
  /** Learning rate and weight decay of every parameter group in step t. */
  groupSettings(step: number): readonly GroupSettings[];
  /** Seed of torch's own generator in step t. */
  torchSeed(step: number): number;
}

/** Does step `progress.step`: schedules, batch, forward and loss, backward, optimizer, what follows the optimizer. */
export function trainStep(parts: StepParts, progress: Progress): void {
  const { optimizer, meter } = parts;
  scope(() => {
    manualSeed(parts.torchSeed(progress.step));
    const settings = parts.groupSettings(progress.step);
    for (const [i, group] of optimizer.paramGroups.entries()) Object.assign(group, settings[i]);
    const batch = noGrad(() => parts.batch(progress.step));
    meter.count(learn(parts, meter, batch, progress));
  });
}

/**
 * What the device does in a step from the batch on; call inside a scope. Captured once, it may be done again and again.
 * @returns terms for `meter.count`
 */
export function learn(learner: Learner, meter: Meter, batch: Batch, progress: Progress): readonly string[] {
  const { method, optimizer, scaler } = learner;
  const { loss, terms } = inPrecision(learner, () => method.step(batch, progress));
  const counted = noGrad(() => meter.accumulate(loss.detach(), terms));

  (scaler === null ? loss : scaler.scale(loss)).backward();
  if (method.clipGradNorm) {
    scaler?.unscale_(optimizer);
    optim.clipGradientsPerTensor_(method.model.parameters(), method.clipGradNorm);
  }
  method.afterBackward(progress);
  if (scaler === null) optimizer.step();
  else {
    scaler.step(optimizer);
    scaler.update();
  }
  optimizer.zeroGrad();
  method.afterStep(progress);
  return counted;
}

/** Runs the forward pass under automatic casting where a lower precision is asked for. */
function inPrecision<T>({ precision, device }: Learner, forward: () => T): T {
  if (precision === 'fp32') return forward();
  return autocast(device === 'cpu' ? 'cpu' : 'cuda', precision === 'bf16' ? 'bfloat16' : 'float16', forward);
}
