/** @file What a run tells about a checkpoint beside its weights: how many images, how accurate, how far probabilities are to be trusted. */
import { basename, resolve } from 'node:path';
import { readSplits } from '../../data/index.js';
import { runOfCheckpoint, splitsFolderOf } from '../../evaluation/classifier.js';
import { type Estimate, wilson } from '../../evaluation/intervals.js';
import { type CheckpointMetadata, readCalibration, runPaths } from '../../runs/index.js';

/** Facts for a model card; null where they are not known. */
export interface RunFacts {
  /** Name of the run folder or checkpoint. */
  readonly name: string;
  /** Training images with and without a label. */
  readonly labeled: number | null;
  readonly unlabeled: number | null;
  /** On the images that were set aside. */
  readonly top1: Estimate | null;
  readonly top5: Estimate | null;
  /** Expected calibration error of the probabilities. */
  readonly ece: number | null;
}

/** @param model  run folder or checkpoint file */
export function runFactsOf(model: string, { score, classes, probabilityTemperature }: CheckpointMetadata): RunFacts {
  const run = runOfCheckpoint(model);
  const folder = run === null ? null : splitsFolderOf(run);
  const splits = folder === null ? null : readSplits(folder);
  const heldOut = splits?.val.length ?? 0;
  const share = (value: number): Estimate => wilson(Math.round(value * heldOut), heldOut);
  const isMeasured = score !== null && classes !== null && heldOut > 0;
  const calibration = run === null ? null : readCalibration(runPaths(run).calibration);
  const isOfThese = calibration?.temperature === probabilityTemperature;
  return {
    name: basename(resolve(model)),
    labeled: splits?.labeled.length ?? null,
    unlabeled: splits?.unlabeled.length ?? null,
    top1: isMeasured ? share(score.top1) : null,
    top5: isMeasured ? share(score.top5) : null,
    ece: isOfThese ? calibration.ece : null,
  };
}
