/** @file One stage with everything that it is made of: batches, method, optimizer, trainer. */
import { type nn, optim, scope, type Tensor } from '@suave/torch';
import { torchSeed } from '../augment/index.js';
import type { DeviceImageSet, LoadedData } from '../data/index.js';
import { networkPrefix, predictingPrefix } from '../evaluation/classifier.js';
import { allIndices, labeledBatches, type ScoringOptions, scoreImages } from '../evaluation/scoring.js';
import { type Method, unprefixed } from '../methods/index.js';
import { loadSummary } from '../models/index.js';
import type { Config, Stage } from '../recipes/index.js';
import type { CheckpointInput, CheckpointMetadata } from '../runs/index.js';
import { suaveVersion } from '../version.js';
import { createBatches, type StageBatches } from './batches.js';
import { createMethod, describeModel } from './build-stage.js';
import { createCollapseDetector } from './collapse.js';
import { DeviceSteps } from './device-steps.js';
import type { TrainingEvents } from './events.js';
import { handOver, readInitWeights } from './hand-over.js';
import { createOptimizer, groupSettings } from './optimizer.js';
import type { StageState, StageSurroundings } from './stage-parts.js';
import { StageTrainer } from './stage-trainer.js';
import { HostSteps } from './step-runner.js';
import type { Learner } from './train-step.js';

/** One run to train. */
export interface RunRequest {
  readonly config: Config;
  readonly data: LoadedData;
  /** The training images where steps are those of a device, which cuts the views; null on the host. */
  readonly images: DeviceImageSet | null;
  readonly out: string;
  /** Whether `out` holds this run already. */
  readonly isResumed: boolean;
  readonly events: TrainingEvents;
  readonly signal: AbortSignal | null;
}

/** How images are prepared for evaluation, as checkpoints describe it. */
function inputOf(config: Config): CheckpointInput {
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

/** How the images of a run are scored. */
export function scoringOptions(config: Config): ScoringOptions {
  return { input: inputOf(config), batch: config.evaluation.batch, device: config.device };
}

/** A stage with everything it is made of; owns method and optimizer until the method is handed on. */
export class RunningStage {
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
    const { config, data, images, events, signal } = request;
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
    const { device, precision } = config;
    const learner: Learner = {
      method,
      optimizer: createOptimizer(stage.optimizer, groups, images !== null),
      scaler: precision === 'fp16' ? new optim.GradScaler() : null,
      precision,
      device,
    };
    const steps = {
      groupSettings: (step: number) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps }),
      torchSeed: (step: number) => torchSeed(config.seed, index, step),
    };
    const decayMoves = stage.optimizer.finalWeightDecay !== null;
    const warn = (sentence: string) => events.warning?.(`stage ${stage.name}: ${sentence}`);
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
        learner,
        groupSettings: steps.groupSettings,
        createSteps: () =>
          images === null
            ? new HostSteps({ ...learner, ...steps }, batches)
            : new DeviceSteps({ ...steps, config, images, streams: batches.streams, learner, decayMoves, warn }),
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
