/**
 * @file Every recipe trains: a few steps of each of its stages through the real training code, on small images, with small networks
 * and batches. What is reduced is size alone; methods, views, mixing, optimizers and schedules stay those of the recipe.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  type Config,
  factsFor,
  recipes,
  resolveRecipe,
  type Stage,
  type ViewConfig,
  validateConfig,
} from '../../packages/suave/src/recipes/index.js';
import { readMetrics, runPaths } from '../../packages/suave/src/runs/index.js';
import { type TrainResult, train } from '../../packages/suave/src/training/index.js';
import { temporaryFolder, writeFile, writeImages } from '../fixtures/image-folders.js';

const size = 16;
const batch = 4;
/** Training images: three steps of an epoch. */
const numTrain = 12;

/** The smallest backbone of a kind. */
function smallest(arch: Config['model']['arch']): Config['model']['arch'] {
  if (arch.startsWith('vit')) return 'vit_tiny';
  return arch.startsWith('wrn') ? 'wrn-28-2' : 'resnet8';
}

/** The same kinds of views, 16 and 8 pixels wide. */
function smallViews<V extends Record<string, ViewConfig | ViewConfig[]>>(views: V): V {
  const all = Object.values(views).flat();
  const largest = Math.max(...all.map((view) => view.size));
  const small = (view: ViewConfig): ViewConfig => ({ ...view, size: view.size === largest ? size : size / 2 });
  return Object.fromEntries(
    Object.entries(views).map(([name, view]) => [name, Array.isArray(view) ? view.map(small) : small(view)]),
  ) as V;
}

function smallStage(stage: Stage): Stage {
  const copy = structuredClone(stage);
  copy.epochs = 1;
  copy.optimizer.warmupEpochs = Math.min(copy.optimizer.warmupEpochs, 0.5);
  const sizes: Partial<Record<string, number>> = { unlabeled: batch, labeled: 4, classes: 2, imagesPerClass: 2 };
  const given = copy.batch as Record<string, number>;
  for (const key of Object.keys(given)) given[key] = sizes[key] ?? given[key];
  if ('queue' in copy) copy.queue = { size: Math.min(copy.queue.size, 2 * batch), startEpoch: 0 };
  if (copy.method === 'swav') copy.prototypes = [8];
  if (copy.method === 'dino') copy.outDim = 16;
  if (copy.method === 'dino' || copy.method === 'daino') Object.assign(copy.head, { hiddenDim: 16, bottleneckDim: 8 });
  if (copy.method === 'paws') Object.assign(copy.head, { hiddenDim: 16, outputDim: 16 });
  if (copy.method === 'supervised') copy.stepsPerEpoch = 3;
  return { ...copy, views: smallViews(copy.views as never) } as Stage;
}

/** A configuration reduced in size: backbone, heads, views, batches, one epoch for each stage. */
function reduced(config: Config): Config {
  const isTransformer = config.model.arch.startsWith('vit');
  return validateConfig({
    ...config,
    device: 'cpu',
    precision: 'fp32',
    threads: 1,
    data: { ...config.data, cacheSide: config.data.cacheSide === 'none' ? 'none' : size, workers: 0 },
    model: {
      ...config.model,
      arch: smallest(config.model.arch),
      stem: 'cifar',
      hidden: config.model.hidden.map(() => 16),
      outputDim: 8,
      ...(isTransformer ? { patchSize: 4, imageSize: size } : {}),
    },
    evaluation: { ...config.evaluation, resize: size, crop: size, batch: 8 },
    logging: { ...config.logging, every: 1, collapse: 'off' },
    stages: config.stages.map(smallStage),
    baseline: smallStage(config.baseline),
  });
}

const classes = ['ant', 'bee', 'cow', 'dog'];
const finished = new Map<string, string>();
let folder: string;
let images: string;

async function trainReduced(name: string, init: string | null): Promise<TrainResult> {
  const recipe = recipes.find((candidate) => candidate.name === name)!;
  const { config } = resolveRecipe({ recipe: name, overrides: [] }, factsFor(recipe));
  const file = writeFile(folder, `${name}.yaml`, stringify(reduced({ ...config, init })));
  const out = join(folder, 'runs', name);
  const result = await train({
    data: images,
    out,
    recipe: file,
    overrides: [{ path: 'data.cache', value: join(folder, 'cache'), isText: false }],
    resume: false,
    baseline: false,
    threads: 1,
  });
  finished.set(name, join(out, 'checkpoints', 'last.safetensors'));
  return result;
}

/** What a linear probe reads: weights of a backbone of its kind. */
const probed: Record<string, string> = { 'swav-linear': 'swav-imagenet', 'dino-linear': 'dino-imagenet-vits16' };

describe('every recipe trains at reduced size', () => {
  beforeAll(async () => {
    folder = temporaryFolder();
    images = join(folder, 'images');
    const paths = classes.flatMap((name) => [
      ...Array.from({ length: numTrain / classes.length }, (_, index) => `train/${name}/${index}.png`),
      `val/${name}/0.png`,
    ]);
    await writeImages(images, paths, 20, 24);
  });

  it.each(recipes.map((recipe) => recipe.name))('%s', async (name) => {
    const from = probed[name];
    if (from !== undefined && !finished.has(from)) await trainReduced(from, null);
    const result = await trainReduced(name, from === undefined ? null : finished.get(from)!);
    expect(result.interrupted).toBe(false);
    const metrics = readMetrics(runPaths(result.run).metrics);
    const config = reduced(
      resolveRecipe({ recipe: name, overrides: [] }, factsFor(recipes.find((r) => r.name === name))).config,
    );
    for (const stage of config.stages) {
      const lines = metrics.filter((line) => line.stage === stage.name);
      expect(lines, stage.name).toHaveLength(3);
      for (const line of lines) expect(Number.isFinite(line.loss)).toBe(true);
    }
    const names = config.stages.at(-1)!.method;
    if (names === 'swav' || names === 'dino') expect(result.top1).toBeNull();
    else expect(result.top1).toBeGreaterThanOrEqual(0);
  });
});
