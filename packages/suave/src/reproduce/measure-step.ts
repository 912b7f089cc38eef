/**
 * @file How long a training step takes on this machine, measured: a few real steps of the real model and views on synthetic images, with
 * two small batches. A line through the two (a fixed part for each step, and a part for each pixel of its views) gives the step of
 * the whole batch.
 */
import { fromTypedArray, keep, noGrad, optim, scope } from '@suave/torch';
import { type LoadedData, residentImages } from '../data/index.js';
import type { Config, Stage, ViewConfig } from '../recipes/index.js';
import { createBatches } from '../training/batches.js';
import { createMethod } from '../training/build-stage.js';
import { Meter } from '../training/meter.js';
import { createOptimizer, groupSettings } from '../training/optimizer.js';
import { trainStep } from '../training/train-step.js';

/** A measured step. */
export interface StepCost {
  /** Seconds of a step with the batch of the configuration. */
  readonly seconds: number;
  /** Unlabeled (else labeled) images of the two batches that were measured. */
  readonly measured: readonly [number, number];
  /** Steps that were timed. */
  readonly steps: number;
}

/** Height and width of the synthetic images: as the cache has them, else those of a usual photo of ImageNet. */
function imageSides({ data: { cacheSide } }: Config): readonly [number, number] {
  return cacheSide === 'none' ? [375, 500] : [cacheSide, cacheSide];
}

/** Pixels that the network sees in a step: what its cost grows with. */
export function pixelsOfStep(stage: Stage): number {
  const area = (views: readonly ViewConfig[]): number =>
    views.reduce((sum, view) => sum + view.count * view.size ** 2, 0);
  let pixels = 0;
  if ('labeled' in stage.batch) {
    const { mixing, views, batch } = stage as Extract<Stage, { method: 'suave' | 'daino' | 'supervised' }>;
    pixels += batch.labeled * batch.labeledRepeats * area([views.labeled]) * (mixing.labeled === 'extend' ? 2 : 1);
  }
  if (stage.method === 'paws') {
    const { classes, imagesPerClass, supportViews } = stage.batch;
    pixels += classes * imagesPerClass * supportViews * area([stage.views.support]);
  }
  if (stage.method === 'supervised') return pixels;
  pixels += stage.batch.unlabeled * area(stage.views.unlabeled);
  if (stage.method !== 'suave' || stage.mixing.unlabeled === 'none') return pixels;
  const [globals] = stage.views.unlabeled;
  const mixed = stage.mixing.unlabeled === 'globals' ? globals.size ** 2 : area(stage.views.unlabeled) / 2;
  return pixels + stage.batch.unlabeled * mixed;
}

/** A copy of a stage with about `images` unlabeled (else labeled) images in a batch, the other counts in proportion. */
function withBatch(stage: Stage, images: number): Stage {
  const copy = structuredClone(stage);
  const batch = copy.batch as Record<string, number>;
  const factor = images / (batch.unlabeled ?? batch.labeled);
  const scaled = (key: string): void => {
    if (batch[key] !== undefined) batch[key] = Math.max(1, Math.round(batch[key] * factor));
  };
  if (copy.method === 'paws') {
    const support = batch.classes * batch.imagesPerClass * factor;
    batch.classes = 2;
    batch.imagesPerClass = Math.max(1, Math.round(support / 2));
  }
  scaled('unlabeled');
  scaled('labeled');
  if ('queue' in copy) copy.queue.startEpoch = 0;
  return copy;
}

/** Random photos in memory, all of them labeled, as many of each class. */
function syntheticData([height, width]: readonly [number, number], numImages: number, numClasses: number): LoadedData {
  const bytes = height * width * 3;
  const values = new Uint8Array(numImages * bytes);
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state >>> 24;
  }
  const pixels = keep(fromTypedArray(values, [values.length]));
  const images = residentImages(
    pixels,
    Array.from({ length: numImages }, (_, index) => ({ path: `${index}`, offset: index * bytes, height, width })),
  );
  const labels = Int32Array.from({ length: numImages }, (_, index) => index % numClasses);
  return {
    root: '',
    classes: Array.from({ length: numClasses }, (_, index) => `${index}`),
    train: images,
    val: null,
    valSource: 'none',
    labels,
    labeledIndices: Int32Array.from({ length: numImages }, (_, index) => index),
    hiddenLabels: labels,
    valLabels: new Int32Array(0),
    splits: { labeled: [], unlabeled: [], val: [] },
    report: { skipped: [], notImages: [], notes: [], cache: { path: '', bytes: 0, numDecoded: 0, numReused: 0 } },
    dispose: () => images.dispose(),
  };
}

/** Seconds of single steps of stage `index`, the first one (which builds what lasts) left out. */
function timeSteps(config: Config, index: number, stage: Stage, steps: number): number[] {
  const numClasses = 'classes' in stage.batch ? 2 : 10;
  const batch = stage.batch as Record<string, number>;
  const numImages = Math.max(batch.unlabeled ?? 0, batch.labeled ?? 0, 2 * (batch.imagesPerClass ?? 0), numClasses);
  const data = syntheticData(imageSides(config), numImages, numClasses);
  const own: Config = { ...config, stages: config.stages.map((other, at) => (at === index ? stage : other)) };
  const { stepsPerEpoch, batch: batchAt } = createBatches(own, index, data);
  const method = createMethod({
    config: own,
    index,
    numClasses,
    labelCounts: new Array<number>(numClasses).fill(Math.floor(numImages / numClasses)),
    stepsPerEpoch,
    load: () => {},
  });
  const groups = method.parameterGroups();
  const optimizer = createOptimizer(stage.optimizer, groups);
  const meter = new Meter(config.device);
  const scaler = config.precision === 'fp16' ? new optim.GradScaler() : null;
  const totalSteps = 1000;
  const parts = {
    method,
    optimizer,
    meter,
    device: config.device,
    precision: config.precision,
    scaler,
    batch: (step: number) => batchAt(step, false),
    groupSettings: (step: number) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps }),
    torchSeed: (step: number) => step,
  };
  const times: number[] = [];
  try {
    method.train();
    for (let step = 0; step <= steps; step++) {
      const started = performance.now();
      trainStep(parts, { step, epoch: 0, stepsPerEpoch, epochs: totalSteps, totalSteps, monitored: false });
      noGrad(() => scope(() => method.model.parameters()[0].sum().item())); // waits until the device is done
      if (step > 0) times.push((performance.now() - started) / 1000);
    }
  } finally {
    meter.dispose();
    scaler?.dispose();
    optimizer.dispose();
    method.dispose();
    data.dispose();
  }
  return times;
}

const least = (values: readonly number[]): number => Math.min(...values);

/**
 * Measures a step of stage `index` and extends it to the batch of the configuration.
 * @param config  device, precision and model are those that are measured
 * @param images  unlabeled images of the smaller batch; the larger one has twice as many
 * @param steps   timed steps for each batch; the fastest counts
 */
export function measureStep(config: Config, index: number, images: number, steps = 1): StepCost {
  const stage = config.stages[index];
  const small = withBatch(stage, images);
  const large = withBatch(stage, 2 * images);
  const secondsSmall = least(timeSteps(config, index, small, steps));
  const secondsLarge = least(timeSteps(config, index, large, steps));
  const [a, b] = [pixelsOfStep(small), pixelsOfStep(large)];
  const perPixel = Math.min(secondsLarge / b, Math.max(0, (secondsLarge - secondsSmall) / (b - a)));
  const fixed = Math.max(0, secondsLarge - perPixel * b);
  return {
    seconds: fixed + perPixel * pixelsOfStep(stage),
    measured: [images, 2 * images],
    steps: 2 * steps,
  };
}
