/** @file What training tells its caller while it runs; the command line draws a progress bar from it, a library user may ignore it. */
import type { MetricsRecord } from '../runs/index.js';

/** Where a stage stands. */
export interface StepEvent {
  stage: string;
  /** Steps done in the stage. */
  step: number;
  totalSteps: number;
  epoch: number;
  epochs: number;
  /** Unlabeled (else labeled) images of one step. */
  imagesPerStep: number;
}

/** Listener of a training run; every method is optional. */
export interface TrainingEvents {
  /** A sentence for the user: a choice of the recipe, a reduced batch, skipped files. */
  note?(text: string): void;
  /** Something the user should look at. */
  warning?(text: string): void;
  /** Work that is counted, such as decoding images; `done` equal to `total` ends it. */
  progress?(what: string, done: number, total: number): void;
  stageStarted?(stage: string, index: number, numStages: number, startStep: number, totalSteps: number): void;
  /** After every step; must be quick. */
  step?(event: StepEvent): void;
  /** A line was appended to metrics.jsonl. */
  metrics?(record: MetricsRecord): void;
  /** The line that ends an epoch, after `metrics`. */
  epochEnded?(record: MetricsRecord): void;
  checkpoint?(path: string): void;
}
