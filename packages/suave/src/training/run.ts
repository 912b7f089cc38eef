/** @file Trains all stages of one run, from the first or from a checkpoint, and ends with the fitted temperature. */
import { existsSync } from 'node:fs';
import { libtorchInfo, type Tensor } from '@suave/torch';
import { type DeviceImageSet, imagesOnDevice, type LoadedData, writeSplits } from '../data/index.js';
import { Classifier } from '../evaluation/classifier.js';
import { fitTemperature, scoreOf } from '../evaluation/metrics.js';
import { allIndices, scoreImages } from '../evaluation/scoring.js';
import type { Method } from '../methods/index.js';
import type { Config } from '../recipes/index.js';
import {
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
import { readCheckpoint, rewriteMetadata } from './checkpoints.js';
import { prepareDevice } from './device.js';
import { RunOutputs } from './outputs.js';
import { writeStageProjector } from './projector.js';
import { RunningStage, type RunRequest, scoringOptions } from './running-stage.js';
import { writeViewSheet } from './view-sheet.js';

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

/** Trains a run to its end, or until a stop is asked for. */
export async function trainRun(request: Omit<RunRequest, 'images'>): Promise<RunResult> {
  prepareDevice(request.config);
  const images = trainingImages(request);
  try {
    return await trainStages({ ...request, images });
  } finally {
    images?.dispose();
  }
}

/** The images on the device that cuts their views; null where the host does. */
function trainingImages({ config, data, signal, events }: Omit<RunRequest, 'images'>): DeviceImageSet | null {
  const { device, gpu } = config;
  if (device === 'cpu' && gpu.graph !== 'emulate') return null;
  return imagesOnDevice(data.train, {
    device,
    residentMiB: device === 'cpu' ? 0 : gpu.residentMiB,
    ...(signal === null ? {} : { signal }),
    onProgress: (done, total) => events.progress?.('moving to the GPU', done, total),
  });
}

async function trainStages(request: RunRequest): Promise<RunResult> {
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
      outputs = new RunOutputs(config, paths);
      outputs.complete();
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
        const anew = stage.trainer.step === 0;
        await writeViewSheet(paths.views, config.stages[index].name, stage.batches, { anew });
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
