/** @file Runs one stage: steps, log, validation, checkpoints, interruption. Knows no method by name. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { noGrad, OutOfMemoryError, scope, type Tensor } from '@suave/torch';
import { type Score, scoreOf } from '../evaluation/metrics.js';
import type { Progress } from '../methods/index.js';
import type { CheckpointScore, MetricsRecord } from '../runs/index.js';
import { type LoadedCheckpoint, writeCheckpoint } from './checkpoints.js';
import { checkFinite, collapseFailure, type FailurePlace, lossFailure, outOfMemoryFailure } from './failures.js';
import { Meter, type MeterFailure } from './meter.js';
import type { StageParts, StageState, StageSurroundings } from './stage-parts.js';
import type { StepRunner } from './step-runner.js';

/** Trains one stage from its first step, or from a checkpoint. */
export class StageTrainer {
  readonly #parts: StageParts;
  readonly #around: StageSurroundings;
  readonly #meter: Meter;
  #step = 0;
  #score: CheckpointScore | null = null;
  #best: CheckpointScore | null = null;
  #secondsBefore: number;
  #startedAt = performance.now();
  #checkpointAt = performance.now();
  #scores: Tensor | null = null;
  #checkpointedStep = -1;

  /** @param seconds  seconds of training before this stage */
  constructor(parts: StageParts, around: StageSurroundings, seconds: number) {
    this.#parts = parts;
    this.#around = around;
    this.#meter = new Meter(parts.learner.device);
    this.#secondsBefore = seconds;
  }

  get totalSteps(): number {
    return this.#parts.epochs * this.#parts.stepsPerEpoch;
  }

  /** Steps of the stage that are done. */
  get step(): number {
    return this.#step;
  }

  /** Seconds of training of the whole run so far. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#startedAt) / 1000;
  }

  /** Score on the hold-out at the end of the last epoch. */
  get score(): CheckpointScore | null {
    return this.#score;
  }

  /** Replaces the score by one with the fitted temperature. */
  setScore(score: CheckpointScore): void {
    this.#score = score;
  }

  get best(): CheckpointScore | null {
    return this.#best;
  }

  /** Continues from a checkpoint of this stage. */
  load(checkpoint: LoadedCheckpoint): void {
    const { metadata } = checkpoint;
    const { method, optimizer, scaler } = this.#parts.learner;
    method.loadState(checkpoint.method);
    optimizer.loadState(checkpoint.optimizer);
    scaler?.loadState(checkpoint.scaler);
    this.#meter.load(checkpoint.meter, metadata.meter);
    this.#step = metadata.stage.step;
    this.#secondsBefore = metadata.seconds;
    this.#startedAt = performance.now();
    this.#score = metadata.score;
    this.#best = metadata.best;
  }

  /**
   * Trains until the stage is done or a stop is asked for; a checkpoint of the last state is on the disk in both cases.
   * @returns  whether the stage is done
   * @throws TrainingError `NOT_FINITE` when the loss is no number any more; DataError when an image cannot be read any more
   */
  async run(): Promise<'done' | 'interrupted'> {
    const { events } = this.#around;
    const { name, index, numStages, learner } = this.#parts;
    events.stageStarted?.(name, index, numStages, this.#step, this.totalSteps);
    this.#checkpointAt = performance.now();
    learner.method.train();
    if (this.#step >= this.totalSteps) return 'done';
    const steps = this.#guarded(() => this.#parts.createSteps());
    try {
      return await this.#runSteps(steps);
    } finally {
      steps.dispose();
    }
  }

  async #runSteps(steps: StepRunner): Promise<'done' | 'interrupted'> {
    const { signal } = this.#around;
    const { stepsPerEpoch } = this.#parts;
    while (this.#step < this.totalSteps) {
      await this.#prepare(steps);
      this.#oneStep(steps);
      const epochEnds = this.#step % stepsPerEpoch === 0;
      if (epochEnds || this.#isLogged(this.#step)) await this.#log(epochEnds);
      const isDue = performance.now() - this.#checkpointAt > 1000 * this.#parts.checkpointSeconds;
      if (epochEnds || isDue || signal?.aborted) this.checkpoint();
      await nextTurn();
      if (signal?.aborted) {
        this.#keepProgress();
        return 'interrupted';
      }
    }
    return 'done';
  }

  /** Gets the images of the next step; where that fails, what was learned so far is kept for a resume. */
  async #prepare(steps: StepRunner): Promise<void> {
    try {
      await steps.prepare(this.#step);
    } catch (error) {
      if (this.#step > 0) this.#keepProgress();
      throw error;
    }
  }

  #keepProgress(): void {
    if (this.#step > this.#checkpointedStep) this.checkpoint();
  }

  #isLogged(stepsDone: number): boolean {
    return stepsDone % this.#parts.logEvery === 0 || stepsDone === this.totalSteps;
  }

  /** Runs `work`; an error of missing memory becomes one that says what to change. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof OutOfMemoryError ? outOfMemoryFailure(this.#place, error) : error;
    }
  }

  /** Where step `step` stands. */
  #progressAt(step: number): Progress {
    const { stepsPerEpoch, epochs } = this.#parts;
    const done = step + 1;
    const monitored = this.#isLogged(done) || done % stepsPerEpoch === 0;
    const epoch = Math.floor(step / stepsPerEpoch);
    return { step, epoch, stepsPerEpoch, epochs, totalSteps: this.totalSteps, monitored };
  }

  #oneStep(steps: StepRunner): void {
    const { epochs, imagesPerStep, name } = this.#parts;
    const progress = this.#progressAt(this.#step);
    this.#guarded(() => steps.run(progress, this.#meter));
    this.#step++;
    this.#around.events.step?.({
      stage: name,
      step: this.#step,
      totalSteps: this.totalSteps,
      epoch: progress.epoch,
      epochs,
      imagesPerStep,
    });
  }

  /** Reads the meter back, validates at the end of an epoch, appends one line. */
  async #log(epochEnds: boolean): Promise<void> {
    const { name, learner, stepsPerEpoch, imagesPerStep, groupSettings } = this.#parts;
    const step = this.#step;
    const { values, failure } = noGrad(() => scope(() => this.#meter.read()));
    this.#refuse(failure);
    const epoch = Math.floor((step - 1) / stepsPerEpoch);
    const record: MetricsRecord = {
      stage: name,
      step,
      epoch,
      images: step * imagesPerStep,
      seconds: Math.round(this.seconds * 1000) / 1000,
      ...values,
      lr: groupSettings(step - 1)[0].lr,
      ...learner.method.schedules(this.#progressAt(step - 1)),
    };
    if (epochEnds) await this.#parts.refreshClassifier();
    if (epochEnds && this.#parts.validate !== null) {
      const score = await this.validation();
      this.#score = { top1: score.top1, top5: score.top5, loss: score.loss, epoch: epoch + 1 };
      record.val_top1 = score.top1;
      record.val_top5 = score.top5;
      record.val_loss = score.loss;
      Object.assign(record, this.#normalizedTop1());
    }
    this.#around.metrics.append(record);
    this.#around.outputs.record(record);
    if (epochEnds) this.#around.outputs.epochEnded(record);
    this.#around.events.metrics?.(record);
    if (epochEnds) this.#around.events.epochEnded?.(record);
    this.#watchCollapse(values.loss_unlabeled);
    if (epochEnds && this.#score !== null && (this.#best === null || this.#score.top1 > this.#best.top1)) {
      this.#best = this.#score;
      this.#write(this.#around.paths.best, 'best on the hold-out');
    }
  }

  /** Tells of a collapse. @throws TrainingError `COLLAPSED` where that ends the run */
  #watchCollapse(loss: number): void {
    const { collapse, stopsAtCollapse } = this.#parts;
    const { method } = this.#parts.learner;
    if (collapse === null || method.clusters === undefined) return;
    for (const sentence of collapse.observe({ step: this.#step, loss, ...method.clusters.take() })) {
      if (stopsAtCollapse) throw collapseFailure(this.#place, sentence);
      this.#around.events.warning?.(sentence);
    }
  }

  /** Scores the hold-out with the current weights; the scores are kept for fitting the temperature. */
  async validation(): Promise<Score> {
    this.#scores?.dispose();
    this.#scores = await this.#parts.validate!();
    return scoreOf(this.#scores, this.#parts.validationLabels, this.#parts.learner.method.temperature);
  }

  /**
   * Accuracy with prototypes of length 1. They are normalised at the start of a step, so that validation, as published, sees them
   * slightly longer or shorter (specification 12, Q6).
   */
  #normalizedTop1(): { val_top1_normalized?: number } {
    const { validationLabels } = this.#parts;
    const { method } = this.#parts.learner;
    return scope(() => {
      const lengths = method.prototypeLengths?.().to('float32').cpu();
      if (lengths === undefined) return {};
      return { val_top1_normalized: scoreOf(this.#scores!.div(lengths), validationLabels, method.temperature).top1 };
    });
  }

  /** Scores [N, K] of the hold-out with the weights of the last epoch's end; null without a hold-out. Owned by the trainer. */
  async lastScores(): Promise<Tensor | null> {
    if (this.#parts.validate === null) return null;
    if (this.#scores === null) await this.validation();
    return this.#scores;
  }

  /** Writes `last.safetensors` with the complete state. @throws TrainingError when a value is no number */
  checkpoint(): void {
    this.#refuse(this.#meter.failure());
    this.#around.metrics.sync();
    this.#write(this.#around.paths.last, 'last');
    this.#checkpointAt = performance.now();
    this.#checkpointedStep = this.#step;
  }

  /** Writes the checkpoint of the finished stage: what the next stage starts from. */
  writeStageEnd(): void {
    this.#write(this.#around.paths.stage(this.#parts.name), 'end of a stage');
  }

  /** Writes the state; optimizer and meter only where training continues from. @throws TrainingError when a value is no number */
  #write(path: string, selection: Parameters<StageParts['describe']>[1]): void {
    const { method, optimizer, scaler } = this.#parts.learner;
    scope(() => {
      const state = method.state();
      checkFinite(state, this.#place);
      const rest =
        selection === 'last'
          ? { optimizer: optimizer.state(), scaler: scaler?.state() ?? new Map(), meter: this.#meter.state() }
          : { optimizer: new Map(), scaler: new Map(), meter: new Map() };
      writeCheckpoint(path, { method: state, ...rest }, this.#parts.describe(this.#state(), selection));
    });
    this.#around.events.checkpoint?.(path);
  }

  /** Where training stands, for messages. */
  get #place(): FailurePlace {
    return { stage: this.#parts.name, step: this.#step, lastCheckpoint: this.#around.paths.last };
  }

  /** @throws TrainingError when a loss since the last line of the log was no number */
  #refuse(failure: MeterFailure | null): void {
    if (failure !== null) throw lossFailure({ ...this.#place, step: this.#step - failure.stepsAgo }, failure);
  }

  #state(): StageState {
    return {
      step: this.#step,
      epoch: Math.floor(this.#step / this.#parts.stepsPerEpoch),
      seconds: this.seconds,
      metricsLines: this.#around.metrics.lines,
      meter: this.#meter.counters(),
      score: this.#score,
      best: this.#best,
    };
  }

  dispose(): void {
    this.#meter.dispose();
    this.#scores?.dispose();
    this.#parts.learner.optimizer.dispose();
    this.#parts.learner.scaler?.dispose();
  }
}
