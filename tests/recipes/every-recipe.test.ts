/**
 * @file Every recipe trains: a few steps of each of its stages through the real training code, on small images, with small networks
 * and batches. What is reduced is size alone; methods, views, mixing, optimizers and schedules stay those of the recipe.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { recipes } from '../../packages/suave/src/recipes/index.js';
import { readMetrics, runPaths } from '../../packages/suave/src/runs/index.js';
import { type TrainResult, train } from '../../packages/suave/src/training/index.js';
import { temporaryFolder, writeFile, writeImages } from '../fixtures/image-folders.js';
import { reducedRecipe } from '../fixtures/reduced-recipe.js';

/** Training images: three steps of an epoch. */
const numTrain = 12;

const classes = ['ant', 'bee', 'cow', 'dog'];
const finished = new Map<string, string>();
let folder: string;
let images: string;

async function trainReduced(name: string, init: string | null): Promise<TrainResult> {
  const file = writeFile(folder, `${name}.yaml`, stringify(reducedRecipe(name, init)));
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
    expect(result.report).toBe(runPaths(result.run).report);
    const metrics = readMetrics(runPaths(result.run).metrics);
    const config = reducedRecipe(name);
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
