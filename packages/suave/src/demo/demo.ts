/** @file `suave demo` as a function: draws the images, trains Suave and the baseline, and says what came out. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpointMetadata } from '../evaluation/index.js';
import type { Override } from '../recipes/index.js';
import { holdsRun, readConfig, runPaths } from '../runs/index.js';
import { percent, points, shortPath } from '../text.js';
import { type TrainingEvents, type TrainResult, train } from '../training/index.js';
import { drawContactSheet, drawImageSet, type ImageSetSpec } from './draw-images.js';
import { shapeNames } from './shapes.js';

/** What the demo is asked for. */
export interface DemoOptions {
  /** Folder for images and runs. */
  readonly out: string;
  /** Seed of images and training; 1 unless said. */
  readonly seed?: number;
  /** Threads that libtorch was loaded for. */
  readonly threads: number;
  /** Images to draw in `train/`; 6000 unless said. */
  readonly numTrain?: number;
  /** Images to draw in `val/`; 1000 unless said. */
  readonly numVal?: number;
  /** Changes of the recipe `suave-demo`. */
  readonly overrides?: readonly Override[];
  /** Aborted to stop after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly events?: TrainingEvents;
}

/** The figures of a demo; accuracies are fractions of the images in `val/`. */
export interface DemoSummary {
  readonly suave_top1: number;
  /** Of the supervised-only baseline after its own best number of steps. */
  readonly supervised_top1: number;
  /** Wall-clock time of all of it. */
  readonly seconds: number;
  readonly seed: number;
  readonly classes: number;
  readonly images: number;
  readonly labeled_images: number;
  readonly val_images: number;
  readonly data: string;
  readonly run: string;
  /** Its report, one page; null where it could not be written. */
  readonly report: string | null;
}

/** How a demo ended. */
export type DemoResult =
  | { readonly interrupted: true }
  | { readonly interrupted: false; readonly json: DemoSummary; readonly text: string };

/** Side of the images, pixels. */
const imageSize = 32;
/** Few enough that the labels alone do not show what a shape looks like in all its sizes, places and colors. */
const labelsPerClass = 3;

/**
 * Draws the image set, trains Suave on all of it and the baseline on the few labels alone.
 * An interrupted demo is continued; a finished one is left as it is, and the next gets another run folder.
 * @throws DataError, RunError, TrainingError
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { out, seed = 1, threads, numTrain = 6000, numVal = 1000, signal = null, events = {} } = options;
  const started = performance.now();
  const spec: ImageSetSpec = { seed, size: imageSize, numTrain, numVal };
  const data = join(out, `images-${seed}`);
  const picture = `${data}.png`;
  const total = numTrain + numVal;
  const isNew = await drawImageSet(data, spec, (done) => events.progress?.('drawing images', done, total));
  if (isNew || !existsSync(picture)) writeFileSync(picture, await drawContactSheet(spec, 12));
  events.note?.(
    `images: ${total} of ${shapeNames.length} shapes in ${shortPath(data)}${isNew ? '' : ', drawn before'}`,
  );

  const result = await train({
    data,
    out: runFolder(out, seed, threads),
    recipe: 'suave-demo',
    overrides: [
      { path: 'seed', value: seed, isText: false },
      { path: 'data.labelsPerClass', value: labelsPerClass, isText: false },
      ...(options.overrides ?? []),
    ],
    resume: true,
    baseline: true,
    threads,
    signal,
    events,
  });
  if (result.interrupted || result.top1 === null || result.baseline === null || result.baseline.top1 === null) {
    return { interrupted: true };
  }
  const json: DemoSummary = {
    suave_top1: result.top1,
    supervised_top1: result.baseline.top1,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    seed,
    classes: shapeNames.length,
    images: numTrain,
    labeled_images: labelsPerClass * shapeNames.length,
    val_images: result.images,
    data,
    run: result.run,
    report: result.report,
  };
  return { interrupted: false, json, text: describeDemo(json, result, picture) };
}

/** The folder of the next run: the first that holds none, or one that was interrupted and can be continued. */
function runFolder(out: string, seed: number, threads: number): string {
  for (let attempt = 1; ; attempt++) {
    const folder = join(out, attempt === 1 ? `run-${seed}` : `run-${seed}-${attempt}`);
    if (!holdsRun(folder)) return folder;
    const stored = existsSync(runPaths(folder).config) ? (readConfig(folder) as { threads?: unknown }) : {};
    const { baseline, report } = runPaths(folder);
    const isDone = isFinished(folder) && isFinished(baseline) && existsSync(report);
    if (stored.threads === threads && !isDone) return folder;
  }
}

function isFinished(run: string): boolean {
  const { last } = runPaths(run);
  return existsSync(last) && readCheckpointMetadata(last).finished;
}

/** The table and the commands to try next. */
function describeDemo(summary: DemoSummary, result: TrainResult, picture: string): string {
  const { suave_top1, supervised_top1, images, labeled_images, val_images, data, seconds } = summary;
  const row = (name: string, labels: string, used: string, top1: string): string =>
    `${name.padEnd(18)}${labels.padStart(8)}${used.padStart(10)}${top1.padStart(10)}`;
  const run = shortPath(result.run);
  const folder = shortPath(data);
  return `${[
    '',
    row('', 'labels', 'images', 'top-1'),
    row('Suave', String(labeled_images), String(images), percent(suave_top1)),
    row('supervised only', String(labeled_images), String(labeled_images), percent(supervised_top1)),
    row('difference', '', '', points(suave_top1 - supervised_top1)),
    '',
    `Measured on ${val_images} other images. ${Math.round(seconds)} seconds in all.`,
    `The images: ${folder} (some of them in one picture: ${shortPath(picture)})`,
    `The runs:   ${run} and ${join(run, 'baseline')}`,
    ...(result.report === null ? [] : [`The report: ${shortPath(result.report)} (open it in a browser)`]),
    '',
    'Try next:',
    `  npx suave evaluate ${run} ${folder}`,
    `  npx suave predict ${run} ${join(folder, 'val', 'star')} --csv`,
    `  npx suave demo --seed ${summary.seed + 1}`,
    '  npx suave train YOUR-IMAGES --labels labels.csv --out runs/first --baseline',
  ].join('\n')}\n`;
}
