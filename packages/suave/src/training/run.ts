/** @file Trains all stages of one run, from the first or from a checkpoint, and ends with the fitted temperature. */
import { existsSync } from 'node:fs';
import { libtorchInfo, type nn, scope, type Tensor } from '@suave/torch';
import { torchSeed } from '../augment/index.js';
import { type LoadedData, writeSplits } from '../data/index.js';
import { Classifier, networkPrefix, predictingPrefix } from '../evaluation/classifier.js';
import { fitTemperature, scoreOf } from '../evaluation/metrics.js';
import { allIndices, labeledBatches, type ScoringOptions, scoreImages } from '../evaluation/scoring.js';
import { type Method, unprefixed } from '../methods/index.js';
import { loadSummary } from '../models/index.js';
import type { Config, Stage } from '../recipes/index.js';
import {
  type CheckpointInput,
  type CheckpointMetadata,
  type CheckpointScore,
  describeEnvironment,
  MetricsWriter,
  openRun,
  type RunPaths,
  writeConfig,
  writeEnvironment,
} from '../runs/index.js';
import { suaveVersion } from '../version.js';
import { createBatches, type StageBatches } from './batches.js';
import { createMethod, describeModel } from './build-stage.js';
import { readCheckpoint, rewriteMetadata } from './checkpoints.js';
import { createCollapseDetector } from './collapse.js';
import type { TrainingEvents } from './events.js';
import { handOver, readInitWeights } from './hand-over.js';
import { createOptimizer, groupSettings } from './optimizer.js';
import { RunOutputs } from './outputs.js';
import { writeStageProjector } from './projector.js';
import { type StageState, type StageSurroundings, StageTrainer } from './stage-trainer.js';
import { writeViewSheet } from './view-sheet.js';

/** One run to train. */
export interface RunRequest {
  readonly config: Config;
  readonly data: LoadedData;
  readonly out: string;
  /** Whether `out` holds this run already. */
  readonly isResumed: boolean;
  readonly events: TrainingEvents;
  readonly signal: AbortSignal | null;
}

/** How a run ended. */
export interface RunResult {
  /** The run folder. */
  run: string;
  interrupted: boolean;
  /** Whether it was finished before. */
  alreadyFinished: boolean;
  /** Score of the last checkpoint on the hold-out, null without one. */
  score: CheckpointScore | null;
  best: CheckpointScore | null;
  /** Images of the hold-out. */
  images: number;
  seconds: number;
}

/** How images are prepared for evaluation, as checkpoints describe it. */
export function inputOf(config: Config): CheckpointInput {
  const { resize, crop, interpolation } = config.evaluation;
  const { cacheSide, exifOrientation } = config.data;
  return {
    resize,
    crop,
    interpolation,
    ...config.normalization,
    exifOrientation,
    cacheSide: cacheSide === 'none' ? null : cacheSide,
  };
}

/** Trains a run to its end, or until a stop is asked for. */
export async function trainRun(request: RunRequest): Promise<RunResult> {
  const { config, data, out, isResumed } = request;
  const { paths, lock } = openRun(out, isResumed);
  let metrics: MetricsWriter | null = null;
  let outputs: RunOutputs | null = null;
  try {
    if (!isResumed) writeRunFiles(paths, config, data);
    let checkpoint = existsSync(paths.last) ? readCheckpoint(paths.last) : null;
    if (checkpoint?.metadata.finished) {
      const result = resultOf(paths, checkpoint.metadata, data, { interrupted: false, alreadyFinished: true });
      checkpoint.dispose();
      return result;
    }
    metrics = new MetricsWriter(paths.metrics, checkpoint?.metadata.metricsLines ?? 0);
    outputs = new RunOutputs(config, paths);
    let seconds = 0;
    let before: Method | null = null;
    for (let index = checkpoint?.metadata.stage.index ?? 0; index < config.stages.length; index++) {
      const source = checkpoint === null ? before : 'checkpoint';
      const stage: RunningStage = new RunningStage(request, { paths, metrics, outputs }, index, source, seconds);
      before?.dispose();
      before = null;
      try {
        if (checkpoint !== null) stage.trainer.load(checkpoint);
        checkpoint?.dispose();
        checkpoint = null;
        await writeViewSheet(paths.views, config.stages[index].name, stage.batches);
        outputs.beginStage(index, stage.trainer.step, stage.method);
        const outcome = await stage.trainer.run();
        seconds = stage.trainer.seconds;
        if (outcome === 'interrupted') {
          return {
            ...emptyResult(paths, data),
            interrupted: true,
            score: stage.trainer.score,
            best: stage.trainer.best,
            seconds,
          };
        }
        stage.trainer.writeStageEnd();
        const isLast = index === config.stages.length - 1;
        if (isLast) return await finish(request, paths, stage);
        before = stage.releaseMethod();
      } finally {
        stage.dispose();
      }
    }
    throw new Error('a run without stages'); // the schema asks for at least one
  } finally {
    outputs?.close();
    metrics?.close();
    lock.release();
  }
}

/** Everything that a reader of the run needs, the configuration last: a folder without it is no run yet. */
function writeRunFiles(paths: RunPaths, config: Config, data: LoadedData): void {
  writeSplits(paths.splits, data.splits);
  const { version, folder } = libtorchInfo();
  writeEnvironment(
    paths.environment,
    describeEnvironment({
      suave: suaveVersion,
      libtorch: version,
      libtorchFolder: folder,
      threads: config.threads,
      device: config.device,
      started: new Date().toISOString(),
    }),
  );
  const header = `Complete configuration of this run. Repeat it with: suave train DATA --recipe ${paths.config} --out OTHER`;
  writeConfig(paths.config, config, header);
}

/** Fits the temperature on the hold-out and marks the run as finished. */
async function finish(request: RunRequest, paths: RunPaths, stage: RunningStage): Promise<RunResult> {
  const { data, config } = request;
  const { trainer } = stage;
  const scores = await trainer.lastScores();
  let probabilityTemperature = stage.method.temperature;
  if (scores !== null) {
    probabilityTemperature = fitTemperature(scores, data.valLabels);
    const { top1, top5, loss } = scoreOf(scores, data.valLabels, probabilityTemperature);
    trainer.setScore({ top1, top5, loss, epoch: config.stages[stage.index].epochs });
  }
  if (config.logging.outputs.includes('tensorboard')) {
    await writeStageProjector({ config, data, paths, scores: stage.method.predictsClasses ? scores : null });
  }
  if (existsSync(paths.best)) await fitBest(request, paths); // before the run counts as finished: a resume does it again
  stage.finished = { probabilityTemperature };
  trainer.checkpoint();
  return { ...emptyResult(paths, data), score: trainer.score, best: trainer.best, seconds: trainer.seconds };
}

/** The best checkpoint gets a temperature of its own. */
async function fitBest(request: RunRequest, paths: RunPaths): Promise<void> {
  const { data, config } = request;
  if (data.val === null) return;
  const classifier = Classifier.load(paths.best, { device: config.device });
  let scores: Tensor | null = null;
  try {
    scores = await scoreImages(
      (images) => classifier.score(images),
      data.val,
      allIndices(data.val.length),
      scoringOptions(config),
    );
    const probabilityTemperature = fitTemperature(scores, data.valLabels);
    rewriteMetadata(paths.best, (metadata) => ({ ...metadata, probabilityTemperature }));
  } finally {
    scores?.dispose();
    classifier.dispose();
  }
}

function scoringOptions(config: Config): ScoringOptions {
  return { input: inputOf(config), batch: config.evaluation.batch, device: config.device };
}

function emptyResult(paths: RunPaths, data: LoadedData): RunResult {
  return {
    run: paths.root,
    interrupted: false,
    alreadyFinished: false,
    score: null,
    best: null,
    images: data.valLabels.length,
    seconds: 0,
  };
}

function resultOf(
  paths: RunPaths,
  metadata: CheckpointMetadata,
  data: LoadedData,
  flags: Pick<RunResult, 'interrupted' | 'alreadyFinished'>,
): RunResult {
  return {
    ...emptyResult(paths, data),
    ...flags,
    score: metadata.score,
    best: metadata.best,
    seconds: metadata.seconds,
  };
}

/** A stage with everything it is made of; owns method and optimizer until the method is handed on. */
class RunningStage {
  readonly method: Method;
  readonly trainer: StageTrainer;
  readonly index: number;
  readonly batches: StageBatches;
  /** Set when the run is done: goes into the last checkpoint. */
  finished: { probabilityTemperature: number } | null = null;
  #isReleased = false;

  /** @param before  whose weights it takes; `checkpoint`: all of them are going to be loaded; null: those of `--init`, if any */
  constructor(
    request: RunRequest,
    written: Pick<StageSurroundings, 'paths' | 'metrics' | 'outputs'>,
    index: number,
    before: Method | 'checkpoint' | null,
    seconds: number,
  ) {
    const { config, data, events, signal } = request;
    const stage = config.stages[index];
    const batches = createBatches(config, index, data);
    this.batches = batches;
    for (const note of batches.notes) events.note?.(`stage ${stage.name}: ${note}`);
    const { stepsPerEpoch } = batches;
    const totalSteps = stepsPerEpoch * stage.epochs;
    const description = describeModel(config, stage, data.classes.length);
    this.index = index;
    const load = (network: nn.Module): void => {
      if (before === 'checkpoint') return;
      if (before !== null) {
        const earlier = config.stages[index - 1];
        const model = describeModel(config, earlier, data.classes.length);
        const prefix = startsFrom(stage) === 'predicting' ? predictingPrefix(model) : networkPrefix;
        const from = `stage ${earlier.name}`;
        scope(() => void handOver(network, unprefixed(prefix, before.state()), stage.init, { from }));
      } else if (config.init !== null)
        withInitWeights(config.init, stage, (weights) => {
          const from = `--init ${config.init}`;
          const report = handOver(network, weights, stage.init, { from, allowPartial: config.allowPartialInit });
          if (report !== null) events.note?.(`${from}: ${loadSummary(report)}`);
        });
    };
    const numClasses = data.classes.length;
    this.method = createMethod({ config, index, numClasses, labelCounts: labelCounts(data), stepsPerEpoch, load });
    const { method } = this;
    const groups = method.parameterGroups();
    const optimizer = createOptimizer(stage.optimizer, groups);
    const { val } = data;
    const describe = (state: StageState, selection: CheckpointMetadata['selection']): CheckpointMetadata => ({
      format: 1,
      classes: method.predictsClasses ? [...data.classes] : null,
      model: description,
      input: inputOf(config),
      temperature: method.temperature,
      probabilityTemperature: this.finished?.probabilityTemperature ?? method.temperature,
      selection,
      config,
      stage: { index, name: stage.name, step: state.step, epoch: state.epoch },
      finished: this.finished !== null,
      metricsLines: state.metricsLines,
      meter: state.meter,
      seconds: state.seconds,
      score: state.score,
      best: state.best,
      suaveVersion,
    });
    this.trainer = new StageTrainer(
      {
        name: stage.name,
        index,
        numStages: config.stages.length,
        epochs: stage.epochs,
        stepsPerEpoch,
        imagesPerStep: batches.imagesPerStep,
        method,
        optimizer,
        device: config.device,
        precision: config.precision,
        prepare: (step) => batches.prepare(step),
        batch: (step, monitored) => batches.batch(step, monitored),
        groupSettings: (step) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps }),
        torchSeed: (step) => torchSeed(config.seed, index, step),
        refreshClassifier: async () =>
          method.refreshClassifier?.(
            labeledBatches(data.train, data.labeledIndices, data.labels, scoringOptions(config)),
          ),
        validate:
          val === null || !method.predictsClasses
            ? null
            : () =>
                scoreImages((images) => method.classify(images), val, allIndices(val.length), scoringOptions(config)),
        validationLabels: data.valLabels,
        collapse: createCollapseDetector(config, stage, method, { stepsPerEpoch, classes: data.classes }),
        stopsAtCollapse: config.logging.collapse === 'stop',
        logEvery: config.logging.every,
        checkpointSeconds: 60 * config.logging.checkpointMinutes,
        describe,
      },
      { ...written, events, signal },
      seconds,
    );
  }

  /** Hands the method on to the next stage, which takes its weights and then disposes of it. */
  releaseMethod(): Method {
    this.#isReleased = true;
    return this.method;
  }

  dispose(): void {
    this.batches.close();
    this.trainer.dispose();
    if (!this.#isReleased) this.method.dispose();
  }
}

/** Labeled images of each class. */
function labelCounts({ classes, labels }: LoadedData): number[] {
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) if (label >= 0) counts[label]++;
  return counts;
}

/** Probes and supervised fine-tuning start from the network that predicts (method specification 3.6), other methods from the student (2.8). */
const startsFrom = ({ method }: Stage) => (method === 'supervised' ? 'predicting' : 'learning');

function withInitWeights(path: string, stage: Stage, use: (weights: ReadonlyMap<string, Tensor>) => void): void {
  const weights = readInitWeights(path, startsFrom(stage));
  try {
    use(weights);
  } finally {
    for (const tensor of weights.values()) tensor.dispose();
  }
}
