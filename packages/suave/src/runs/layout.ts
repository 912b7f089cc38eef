/** @file Where everything lies in a run folder. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Absolute paths of a run folder's files. */
export interface RunPaths {
  readonly root: string;
  /** Complete, re-runnable configuration. */
  readonly config: string;
  /** Machine, versions and threads of the process that trains. */
  readonly environment: string;
  /** One JSON object a line. */
  readonly metrics: string;
  /** The report, one page without network. */
  readonly report: string;
  /** Temperature, calibration error and the curve of coverage and accuracy on the held-out images. */
  readonly calibration: string;
  /** What the network saw: a picture for each stage. */
  readonly views: string;
  /** Event files for TensorBoard. */
  readonly tensorboard: string;
  /** The records of `metrics` as a table. */
  readonly metricsTable: string;
  /** Present while a process writes to the run. */
  readonly lock: string;
  readonly splits: string;
  readonly checkpoints: string;
  readonly last: string;
  readonly best: string;
  /** The supervised-only run on the same labels, itself a run folder. */
  readonly baseline: string;
  /** Checkpoint of a finished stage. */
  stage(name: string): string;
  /** `splits/NAME.csv`, columns `path,label`. */
  split(name: 'labeled' | 'unlabeled' | 'val'): string;
}

/** Names every file of the run folder `root`; nothing is read or created. */
export function runPaths(root: string): RunPaths {
  const absolute = resolve(root);
  const checkpoints = join(absolute, 'checkpoints');
  const splits = join(absolute, 'splits');
  return {
    root: absolute,
    config: join(absolute, 'config.yaml'),
    environment: join(absolute, 'environment.json'),
    metrics: join(absolute, 'metrics.jsonl'),
    report: join(absolute, 'report.html'),
    calibration: join(absolute, 'calibration.json'),
    views: join(absolute, 'views'),
    tensorboard: join(absolute, 'tensorboard'),
    metricsTable: join(absolute, 'metrics.csv'),
    lock: join(absolute, '.lock'),
    splits,
    checkpoints,
    last: join(checkpoints, 'last.safetensors'),
    best: join(checkpoints, 'best.safetensors'),
    baseline: join(absolute, 'baseline'),
    stage: (name) => join(checkpoints, `stage-${name}.safetensors`),
    split: (name) => join(splits, `${name}.csv`),
  };
}

/** Whether a folder holds a run: a configuration, metrics or a checkpoint. */
export function holdsRun(root: string): boolean {
  const paths = runPaths(root);
  if (existsSync(paths.config) || existsSync(paths.metrics)) return true;
  return existsSync(paths.checkpoints) && readdirSync(paths.checkpoints).some((name) => name.endsWith('.safetensors'));
}

/** Whether `path` is an existing folder. */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
