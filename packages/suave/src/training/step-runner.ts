/** @file How a stage's steps are done: with pixels and numbers of the host here, from numbers on the device in `device-steps.ts`. */
import type { Progress } from '../methods/index.js';
import type { StageBatches } from './batches.js';
import type { Meter } from './meter.js';
import { type StepParts, trainStep } from './train-step.js';

/** Does the steps of a stage, in order. Call `dispose` when done. */
export interface StepRunner {
  /** Waits until the images of a step are there. @throws DataError IMAGES_CHANGED where one cannot be read any more */
  prepare(step: number): Promise<void>;
  /** Does the step that was prepared; does not wait for the device. */
  run(progress: Progress, meter: Meter): void;
  dispose(): void;
}

/** Steps that are given to libtorch one operator after the other, batches cut on the host. */
export class HostSteps implements StepRunner {
  readonly #parts: Omit<StepParts, 'meter' | 'batch'>;
  readonly #batches: Pick<StageBatches, 'prepare' | 'batch'>;

  constructor(parts: Omit<StepParts, 'meter' | 'batch'>, batches: Pick<StageBatches, 'prepare' | 'batch'>) {
    this.#parts = parts;
    this.#batches = batches;
  }

  prepare(step: number): Promise<void> {
    return this.#batches.prepare(step);
  }

  run(progress: Progress, meter: Meter): void {
    const monitored = progress.monitored !== false;
    trainStep({ ...this.#parts, meter, batch: (step) => this.#batches.batch(step, monitored) }, progress);
  }

  dispose(): void {}
}
