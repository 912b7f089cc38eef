/** @file Door of training: from a folder of images and a recipe to a run folder. */
import { setNumThreads } from '@suave/torch';
import { type LoadedData, loadPlannedData } from '../data/index.js';
import type { Config, Stage } from '../recipes/index.js';
import { checkOut, holdsRun, runPaths } from '../runs/index.js';
import type { TrainingEvents } from './events.js';
import { type FinetuneRequest, finetuneRequest } from './finetune.js';
import { resolveRun, type TrainRequest } from './resolve-run.js';
import { type RunResult, trainRun } from './run.js';
import { smallImagesWarning } from './small-images.js';
import { noReports, writeReports } from './write-reports.js';

export type { StepEvent, TrainingEvents } from './events.js';
export type { FinetuneRequest } from './finetune.js';
export { type FilledCache, fillCache, type PrepareRequest, type Reading, readingOf } from './prepare-cache.js';
export type { TrainRequest } from './resolve-run.js';

/** A training run and how it is watched. */
export type TrainOptions = TrainRequest & TrainWatch;

/** How a training run is watched, and what is trained beside it. */
export interface TrainWatch {
  /** Also train on the labels alone, into RUN/baseline. */
  baseline: boolean;
  /** Aborted to stop after the current step, with a checkpoint. */
  signal?: AbortSignal | null;
  events?: TrainingEvents;
}

/** How a training ended. Accuracies are fractions. */
export interface TrainResult {
  /** The run folder. */
  run: string;
  /** Method of its last stage. */
  method: Stage['method'];
  /** Whether it was stopped before it was done; a checkpoint is written. */
  interrupted: boolean;
  /** Whether there was nothing left to do. */
  alreadyFinished: boolean;
  /** Of the last checkpoint on the hold-out; null without a hold-out. */
  top1: number | null;
  top5: number | null;
  /** Cross entropy with the fitted temperature, nats. */
  loss: number | null;
  /** Images of the hold-out. */
  images: number;
  /** The best epoch on the hold-out; optimistic, because it was chosen there. */
  best: { top1: number; epoch: number } | null;
  /** Seconds of training. */
  seconds: number;
  /** Path of the report; null where there is none yet, or it could not be written. */
  report: string | null;
  /** The supervised-only run, if asked for; its accuracies are those of its own best number of steps on the hold-out. */
  baseline: TrainResult | null;
}

/**
 * Trains on DATA into RUN; with `resume`, continues the run that is there.
 * @example const { top1 } = await train({ data: 'photos', out: 'runs/first', recipe: null, overrides: [], resume: false, baseline: false, threads: 2 });
 * @throws ConfigError, DataError, RunError, CheckpointError before anything is written; TrainingError while it runs
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const events = options.events ?? {};
  const signal = options.signal ?? null;
  checkOut(options.out, options.resume);
  const { config, plan, isResumed, notes } = await resolveRun(options);
  for (const note of notes) events.note?.(note);
  setNumThreads(config.threads);
  const data = await loadPlannedData(plan, {
    cacheSide: config.data.cacheSide,
    exifOrientation: config.data.exifOrientation,
    cache: config.data.cache,
    workers: config.data.workers,
    onProgress: (done, total, activity) => events.progress?.(activity, done, total),
    ...(signal === null ? {} : { signal }),
  });
  try {
    describeData(data, events);
    const small = smallImagesWarning(config, data.train);
    if (small !== null) events.warning?.(small);
    const main = await trainRun({ config, data, out: options.out, isResumed, events, signal });
    const baselineRoot = runPaths(options.out).baseline;
    const wantsBaseline = options.baseline || (options.resume && holdsRun(baselineRoot));
    const baseline =
      wantsBaseline && !main.interrupted ? await trainBaseline(config, data, baselineRoot, events, signal) : null;
    const interrupted = main.interrupted || (baseline?.interrupted ?? false);
    const reports = interrupted ? noReports : await writeReports({ config, data, events, signal }, main, baseline);
    const ofBaseline =
      baseline === null
        ? null
        : asResult('supervised', { ...baseline, score: baseline.best ?? baseline.score }, reports.baseline);
    const result = asResult(config.stages.at(-1)!.method, main, reports.run);
    return {
      ...result,
      interrupted: interrupted || reports.interrupted,
      alreadyFinished: main.alreadyFinished && (baseline?.alreadyFinished ?? true),
      baseline: ofBaseline,
    };
  } finally {
    data.dispose();
  }
}

/**
 * Trains on DATA from the weights of another run: its own last stage, shortened, or a recipe.
 * @throws as `train`, and RunError, CheckpointError, ConfigError for what cannot be fine-tuned
 */
export function finetune(options: FinetuneRequest & TrainWatch): Promise<TrainResult> {
  const { baseline, signal, events } = options;
  return train({
    ...finetuneRequest(options),
    baseline,
    ...(signal === undefined ? {} : { signal }),
    ...(events === undefined ? {} : { events }),
  });
}

function describeData(data: LoadedData, events: TrainingEvents): void {
  const { train, labeledIndices, val, classes, report, valSource } = data;
  const heldOut = val === null ? '' : `, ${val.length} ${valSource === 'folder' ? 'in val/' : 'held out'}`;
  events.note?.(
    `data: ${train.length} training images, ${labeledIndices.length} of them labeled, ${classes.length} classes${heldOut}`,
  );
  for (const note of report.notes) events.warning?.(note);
}

/** Supervised-only training on the same labels, with its own optimizer and length. */
async function trainBaseline(
  config: Config,
  data: LoadedData,
  out: string,
  events: TrainingEvents,
  signal: AbortSignal | null,
): Promise<RunResult> {
  events.note?.('baseline: supervised training on the labeled images alone');
  const own: Config = { ...config, stages: [config.baseline] };
  return trainRun({ config: own, data, out, isResumed: holdsRun(out), events, signal });
}

function asResult(method: Stage['method'], run: RunResult, report: string | null): TrainResult {
  const { score, best } = run;
  return {
    run: run.run,
    method,
    interrupted: run.interrupted,
    alreadyFinished: run.alreadyFinished,
    top1: score?.top1 ?? null,
    top5: score?.top5 ?? null,
    loss: score?.loss ?? null,
    images: run.images,
    best: best === null ? null : { top1: best.top1, epoch: best.epoch },
    seconds: Math.round(run.seconds * 10) / 10,
    report,
    baseline: null,
  };
}
