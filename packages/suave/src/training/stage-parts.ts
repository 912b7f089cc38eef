/** @file What a trainer of a stage is given, and what it counts. */
import type { Tensor } from '@suave/torch';
import type { CheckpointScore, MetricsWriter, RunPaths } from '../runs/index.js';
import type { writeCheckpoint } from './checkpoints.js';
import type { CollapseDetector } from './collapse.js';
import type { TrainingEvents } from './events.js';
import type { GroupSettings } from './optimizer.js';
import type { RunOutputs } from './outputs.js';
import type { StepRunner } from './step-runner.js';
import type { Learner } from './train-step.js';

/** What a stage is made of. */
export interface StageParts {
  readonly name: string;
  readonly index: number;
  readonly numStages: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Images of a step that count as seen: unlabeled ones, labeled ones in supervised training. */
  readonly imagesPerStep: number;
  readonly learner: Learner;
  /** What does the steps; the trainer disposes of it. */
  createSteps(): StepRunner;
  groupSettings(step: number): readonly GroupSettings[];
  /** Lets a method that compares with labeled images look at them with the current weights; called at the end of an epoch. */
  refreshClassifier(): Promise<void>;
  /** Scores of the hold-out, [N, K] float32 on the CPU, kept; null where there is none or the method names no classes. */
  validate: (() => Promise<Tensor>) | null;
  readonly validationLabels: Int32Array;
  /** Looks at the assignments at every line of the log; null where nobody does. */
  readonly collapse: CollapseDetector | null;
  /** Whether a collapse ends the run. */
  readonly stopsAtCollapse: boolean;
  readonly logEvery: number;
  readonly checkpointSeconds: number;
  /** The header of a checkpoint of this stage in the given state. */
  describe(
    state: StageState,
    selection: 'last' | 'best on the hold-out' | 'end of a stage',
  ): Parameters<typeof writeCheckpoint>[2];
}

/** Counters that a checkpoint stores beside the tensors. */
export interface StageState {
  step: number;
  epoch: number;
  /** Seconds of training of the whole run. */
  seconds: number;
  metricsLines: number;
  meter: { names: string[]; steps: number };
  score: CheckpointScore | null;
  best: CheckpointScore | null;
}

/** Where a stage writes and whom it tells. */
export interface StageSurroundings {
  readonly paths: RunPaths;
  readonly metrics: MetricsWriter;
  /** Where records go besides. */
  readonly outputs: RunOutputs;
  readonly events: TrainingEvents;
  /** Aborted when training should stop after the current step. */
  readonly signal: AbortSignal | null;
}
