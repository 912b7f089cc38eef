/**
 * @file What a stage takes over: a linear probe after DINO reads the teacher, whether both are stages of one run or the probe starts
 * from the checkpoint; a run that goes on needs the checkpoint that it started from no more.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, type Tensor } from '@suave/torch';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  type Config,
  factsFor,
  recipes,
  resolveRecipe,
  type Stage,
  validateConfig,
} from '../../packages/suave/src/recipes/index.js';
import { runPaths } from '../../packages/suave/src/runs/index.js';
import { type TrainOptions, train } from '../../packages/suave/src/training/index.js';
import { temporaryFolder, writeFile, writeImages } from '../fixtures/image-folders.js';

/** DINO on four images a step for two epochs, with a teacher that stays behind, and a probe of its backbone. */
function stages(): { config: Config; dino: Stage; probe: Stage } {
  const name = 'dino-cifar10';
  const { config } = resolveRecipe({ recipe: name, overrides: [] }, factsFor(recipes.find((r) => r.name === name)!));
  const dino = structuredClone(config.stages[0]) as Extract<Stage, { method: 'dino' }>;
  Object.assign(dino, { epochs: 2, batch: { unlabeled: 4 }, outDim: 8, freezeLastLayerEpochs: 0 });
  Object.assign(dino.head, { hiddenDim: 8, bottleneckDim: 8 });
  Object.assign(dino.optimizer, { warmupEpochs: 0 });
  for (const view of dino.views.unlabeled) view.size = 16;
  const probe = structuredClone(config.baseline);
  Object.assign(probe, { name: 'probe', epochs: 1, stepsPerEpoch: 2, init: 'backbone', frozenBackbone: true });
  Object.assign(probe.optimizer, { warmupEpochs: 0 });
  probe.batch.labeled = 4;
  probe.views.labeled.size = 16;
  return { config, dino, probe };
}

/** Weights of the backbone alone, as bytes, of the network under a prefix. */
function backboneOf(file: string, prefix: string): Map<string, string> {
  const { tensors } = readSafetensors(file);
  const bytes = (tensor: Tensor) => Buffer.from(tensor.bytes()).toString('base64');
  const names = [...tensors.keys()].filter((name) => name.startsWith(prefix) && name.endsWith('conv1.weight'));
  return new Map(names.map((name) => [name.slice(prefix.length), bytes(tensors.get(name)!)]));
}

describe('a linear probe after DINO', () => {
  let folder: string;
  let images: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    images = join(folder, 'images');
    const paths = ['ant', 'bee'].flatMap((name) => Array.from({ length: 6 }, (_, i) => `train/${name}/${i}.png`));
    await writeImages(images, [...paths, 'val/ant/0.png', 'val/bee/0.png'], 20, 24);
  });

  async function run(
    name: string,
    changes: Partial<Config>,
    how: Partial<TrainOptions> = {},
  ): Promise<ReturnType<typeof runPaths>> {
    const { config } = stages();
    const small = validateConfig({
      ...config,
      device: 'cpu',
      data: { ...config.data, cacheSide: 16, workers: 0 },
      model: { ...config.model, arch: 'resnet8', width: 0.25, stem: 'cifar' },
      evaluation: { ...config.evaluation, resize: 16, crop: 16, batch: 8 },
      logging: { ...config.logging, collapse: 'off' },
      ...changes,
    });
    const out = join(folder, name);
    const overrides = [{ path: 'data.cache', value: join(folder, 'cache'), isText: false }];
    const recipe = writeFile(folder, `${name}.yaml`, stringify(small));
    await train({ data: images, out, recipe, overrides, resume: false, baseline: false, threads: 1, ...how });
    return runPaths(out);
  }

  it('reads the teacher', async () => {
    const { dino, probe } = stages();
    const together = await run('together', { stages: [dino, probe] });
    const learned = together.stage(dino.name);
    const teacher = backboneOf(learned, 'momentum_encoder.backbone.');
    expect(teacher.size).toBeGreaterThan(3);
    expect(teacher).not.toEqual(backboneOf(learned, 'model.backbone.'));
    const apart = await run('apart', { stages: [probe], init: learned });
    expect(backboneOf(apart.last, 'model.')).toEqual(teacher);
    expect(backboneOf(together.last, 'model.')).toEqual(teacher);
    // interrupted after its first step, resumed without the file
    const stop = new AbortController();
    const step = () => stop.abort();
    await run('interrupted', { stages: [probe], init: learned }, { events: { step }, signal: stop.signal });
    rmSync(learned);
    const notes: string[] = [];
    const resumed = await run(
      'interrupted',
      {},
      {
        recipe: null,
        overrides: [],
        resume: true,
        events: { note: (text) => void notes.push(text) },
      },
    );
    expect(notes.filter((note) => note.includes('--init'))).toEqual([]);
    expect(backboneOf(resumed.last, 'model.')).toEqual(teacher);
  });
});
