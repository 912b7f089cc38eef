/** @file Runs of a plan are trained, evaluated, skipped when done and continued when interrupted; steps are measured. On small images. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { factsFor, recipeNamed, resolveRecipe } from '../../packages/suave/src/recipes/index.js';
import {
  type Job,
  measureStep,
  type Plan,
  pixelsOfStep,
  prepareCifar,
  readResults,
  runJobs,
  setting,
} from '../../packages/suave/src/reproduce/index.js';
import type { TrainingEvents } from '../../packages/suave/src/training/index.js';
import { temporaryFolder, writeImages } from '../fixtures/image-folders.js';

let folder: string;
let images: string;

beforeAll(async () => {
  folder = temporaryFolder();
  images = join(folder, 'images');
  const paths = ['ant', 'bee'].flatMap((name) => Array.from({ length: 12 }, (_, index) => `${name}/${index}.png`));
  await writeImages(images, paths, 20, 20);
});

/** A plan of two runs: SwAV, then Suave from it. */
function smallPlan(): Plan {
  const small = (id: string, recipe: string, init: Job['init'], isEvaluated: boolean): Job => ({
    id,
    title: id,
    recipe,
    overrides: [
      setting('model.arch', 'resnet8'),
      setting('model.hidden', [16]),
      setting('epochs', 2),
      setting('batch.unlabeled', 6),
      setting('queue.size', 0),
      setting('data.cache', join(folder, 'cache')),
      ...(isEvaluated ? [setting('batch.labeled', 4)] : []),
    ],
    init,
    scale: null,
    isEvaluated,
  });
  return {
    name: 'small',
    title: 'small',
    data: images,
    jobs: [small('swav', 'swav-cifar10', null, false), small('suave', 'suave-cifar10', { job: 'swav' }, true)],
    heads: ['method'],
    cellHeads: ['top-1'],
    rows: [{ texts: ['Suave'], cells: [{ jobs: ['suave'], published: null }] }],
    notes: [],
  };
}

function carryOut(out: string, events: TrainingEvents, signal: AbortSignal | null = null) {
  return runJobs(smallPlan(), { out, threads: 1, device: 'cpu', signal, events });
}

describe('runJobs', () => {
  it('continues after an interruption and does nothing twice', async () => {
    const out = join(folder, 'out');
    const controller = new AbortController();
    const stopped = await carryOut(
      out,
      { step: ({ stage, step }) => stage === 'suave' && step === 2 && controller.abort() },
      controller.signal,
    );
    expect(stopped.interrupted).toBe(true);
    expect([...stopped.results.keys()]).toEqual(['swav']);

    const stages: [string, number][] = [];
    const notes: string[] = [];
    const events: TrainingEvents = {
      stageStarted: (name, _index, _num, step) => stages.push([name, step]),
      note: (text) => notes.push(text),
    };
    const { results, interrupted } = await carryOut(out, events);
    expect(interrupted).toBe(false);
    expect(stages).toEqual([['suave', 2]]);
    expect(notes[0]).toMatch(/run 1 of 2: swav: done before/);
    expect(results.get('swav')).toMatchObject({ top1: null, images: 0 });
    expect(results.get('suave')?.images).toBe(5);
    expect(results.get('suave')?.top1).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(out, 'runs', 'suave', 'checkpoints', 'last.safetensors'))).toBe(true);
    expect(readResults(smallPlan(), out)).toEqual(results);
    const other = smallPlan();
    const jobs = other.jobs.map((job) => ({
      ...job,
      overrides: [...job.overrides, setting('data.labelsPerClass', 2)],
    }));
    expect(() => readResults({ ...other, jobs }, out)).toThrow(
      /data.labelsPerClass: .* holds the run swav with nothing, got 2\. Repeat it as it was/,
    );
  });
});

describe('measured steps', () => {
  it('counts the pixels that the network sees', () => {
    const pixels = (recipe: string): number =>
      pixelsOfStep(resolveRecipe({ recipe, overrides: [] }, factsFor(recipeNamed(recipe))).config.stages.at(-1)!);
    expect(pixels('suave-imagenet-1pct')).toBe(256 * (3 * 224 ** 2 + 8 * 96 ** 2) + 2 * 128 * 224 ** 2);
    expect(pixels('swav-imagenet')).toBe(4096 * (2 * 224 ** 2 + 6 * 96 ** 2));
    expect(pixels('paws-imagenet')).toBe(4096 * (2 * 224 ** 2 + 6 * 96 ** 2) + 6720 * 224 ** 2);
    expect(pixels('suave-cifar10')).toBe(128 * (3 * 32 ** 2 + 6 * 18 ** 2) + 2 * 100 * 32 ** 2);
  });

  it.each(['suave-cifar10', 'daino-cifar10', 'paws-cifar10', 'dino-cifar10'])('%s', (recipe) => {
    const overrides = [setting('model.arch', 'resnet8'), setting('device', 'cpu')];
    const { config } = resolveRecipe({ recipe, overrides }, factsFor(recipeNamed(recipe)));
    const cost = measureStep(config, config.stages.length - 1, 2);
    expect(cost).toMatchObject({ measured: [2, 4], steps: 2 });
    expect(cost.seconds).toBeGreaterThan(0);
  });
});

describe('prepareCifar', () => {
  it('refuses an unknown run before it measures or writes anything', async () => {
    const out = join(folder, 'refused');
    const request = {
      set: 'cifar10',
      data: images,
      labelsPerClass: 4,
      seeds: 1,
      budget: 1,
      overrides: [],
      out,
    } as const;
    const prepared = prepareCifar({ ...request, keep: true, only: ['typo'] }, { device: 'cpu', threads: 1 }, () =>
      expect.unreachable(),
    );
    await expect(prepared).rejects.toThrow(/no run is called "typo". Known: supervised-seed1/);
    expect(existsSync(out)).toBe(false);
  });

  it('chooses backbone and epochs for a budget, and the same when asked again', async () => {
    const request = {
      set: 'cifar10',
      data: images,
      labelsPerClass: 4,
      seeds: 1,
      budget: 1,
      overrides: [setting('device', 'cpu'), setting('precision', 'fp32')],
      out: join(folder, 'sized'),
      keep: true,
    } as const;
    const measured: string[] = [];
    const { plan, estimate } = await prepareCifar(request, { device: 'cpu', threads: 1 }, (title) =>
      measured.push(title),
    );
    expect(measured.length).toBeGreaterThanOrEqual(5);
    const seconds = 3600 * estimate!.jobs.reduce((sum, job) => sum + job.hours, 0);
    expect(seconds).toBeLessThan(120); // a minute, but for epochs that are rounded up
    const again = await prepareCifar(request, { device: 'cpu', threads: 1 }, () => expect.unreachable());
    expect(again.plan).toEqual(plan);
  });
});
