/**
 * @file Every option of Suave in one run, through the real training code: online heads and the ensemble head, a momentum encoder, the
 * queue, all mixed views, 3-Augment with two views of every labeled image, frozen prototypes, and a trunk that waits.
 */
import { join } from 'node:path';
import { readSafetensors, type Tensor } from '@suave/torch';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Override } from '../../packages/suave/src/recipes/index.js';
import { type MetricsRecord, readMetrics, runPaths } from '../../packages/suave/src/runs/index.js';
import { train } from '../../packages/suave/src/training/index.js';
import { temporaryFolder, writeImages } from '../fixtures/image-folders.js';

const classes = ['ant', 'bee', 'cow', 'dog'];
const stepsPerEpoch = 4;

const options: Record<string, unknown> = {
  epochs: 3,
  seed: 3,
  threads: 1,
  'data.workers': 0,
  'evaluation.resize': 16,
  'evaluation.crop': 16,
  'logging.every': 1,
  'logging.collapse': 'off',
  'batch.unlabeled': 6,
  'batch.labeled': 4,
  'batch.labeledRepeats': 2,
  'views.unlabeled.0.size': 16,
  'views.labeled.size': 16,
  'views.labeled.cropMode': 'simple',
  'views.labeled.threeAugment': { sigma: [0.1, 2], threshold: 128 },
  'mixing.unlabeled': 'all',
  'mixing.prob': 0.9,
  mixedWeight: 'samples',
  queue: { size: 12, startEpoch: 0 },
  momentumEncoder: { momentum: 0.9, schedule: 'constant' },
  onlineHeads: true,
  ensembleHead: true,
  freezePrototypesEpochs: 1,
  warmupProjectionEpochs: 2,
};

describe('all options of Suave together', () => {
  let metrics: MetricsRecord[];
  let afterEpoch: (epochs: number) => ReadonlyMap<string, Tensor>;

  beforeAll(async () => {
    const folder = temporaryFolder();
    const images = join(folder, 'images');
    const paths = classes.flatMap((name) => [
      ...Array.from({ length: 6 }, (_, index) => `train/${name}/${index}.png`),
      `val/${name}/0.png`,
    ]);
    await writeImages(images, paths, 20, 24);
    const trainFor = async (epochs: number): Promise<string> => {
      const out = join(folder, `run-${epochs}`);
      const settings = { ...options, epochs, 'data.cache': join(folder, 'cache'), 'optimizer.warmupEpochs': 0 };
      const overrides: Override[] = Object.entries(settings).map(([path, value]) => ({ path, value, isText: false }));
      await train({ data: images, out, recipe: 'suave-demo', overrides, resume: false, baseline: false, threads: 1 });
      return out;
    };
    metrics = readMetrics(runPaths(await trainFor(3)).metrics);
    const runs = new Map<number, string>();
    for (const epochs of [1, 2]) runs.set(epochs, await trainFor(epochs));
    afterEpoch = (epochs) => readSafetensors(runPaths(runs.get(epochs)!).last).tensors;
  });

  it('trains, with finite terms of every kind', () => {
    expect(metrics).toHaveLength(3 * stepsPerEpoch);
    for (const line of metrics) {
      for (const term of ['loss', 'loss_unlabeled', 'loss_labeled', 'loss_mixed', 'loss_online'])
        expect(Number.isFinite(line[term]), `${term} in step ${line.step}`).toBe(true);
      for (const share of ['ensemble_top1', 'online_top1_0', 'online_top1_1', 'online_top1_2', 'pseudo_label_top1']) {
        expect(line[share], share).toBeGreaterThanOrEqual(0);
        expect(line[share], share).toBeLessThanOrEqual(1);
      }
      expect(line.momentum_encoder).toBe(0.9);
    }
    const validated = metrics.filter((line) => line.val_top1 !== undefined);
    expect(validated).toHaveLength(3);
    // In the first epoch the prototypes are frozen, so of length 1.
    expect(validated[0].val_top1_normalized).toBe(validated[0].val_top1);
    for (const line of validated) expect(line.val_top1_normalized).toBeGreaterThanOrEqual(0);
  });

  it('holds prototypes still for an epoch and the trunk for two, and keeps queue and momentum encoder', () => {
    const [one, two] = [afterEpoch(1), afterEpoch(2)];
    const equal = (name: string): boolean => one.get(name)!.sub(two.get(name)!).abs().max().item() === 0;
    const trunk = [...one.keys()].filter((name) => /^model\.(conv1|layer\d).*weight$/.test(name));
    expect(trunk.length).toBeGreaterThan(3);
    for (const name of trunk) expect(equal(name), name).toBe(true);
    expect(equal('model.projection_head.0.0.weight')).toBe(false);
    // Rows are of length 1 until the optimizer has moved them.
    const lengthError = (state: ReadonlyMap<string, Tensor>): number =>
      state.get('model.prototypes.weight')!.square().sum([1]).sqrt().sub(1).abs().max().item();
    expect(lengthError(one)).toBeLessThan(1e-6);
    expect(lengthError(two)).toBeGreaterThan(1e-5);
    expect(equal('model.prototypes.weight')).toBe(false);
    expect(two.get('queue')!.shape).toEqual([2, 12, 64]);
    expect(two.has('momentum_encoder.prototypes.weight')).toBe(true);
    expect([...two.keys()].some((name) => name.startsWith('momentum_encoder.cls_'))).toBe(false);
    expect(two.has('model.cls_ensemble.weight')).toBe(true);
  });
});
