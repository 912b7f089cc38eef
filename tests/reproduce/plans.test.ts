/** @file Plans and tables of reproductions: which runs, from what, beside which published numbers. Nothing is trained. */
import { describe, expect, it } from 'vitest';
import { factsFor, recipeNamed } from '../../packages/suave/src/recipes/index.js';
import { planCifar, smallDataOverrides } from '../../packages/suave/src/reproduce/cifar.js';
import { configOf, stepsOf } from '../../packages/suave/src/reproduce/estimate.js';
import {
  type JobResult,
  markdownOf,
  type Plan,
  planTable1,
  reportOf,
  setting,
  type Table1Options,
} from '../../packages/suave/src/reproduce/index.js';
import { keepChoice, keptChoice } from '../../packages/suave/src/reproduce/kept-choice.js';
import { temporaryFolder } from '../fixtures/image-folders.js';

const options: Table1Options = { imagenet: '/imagenet', labels: {}, swav: {}, scale: null, overrides: [] };

const result = (id: string, top1: number): JobResult => ({ id, top1, top5: 1, images: 50_000, seconds: 1, run: id });

describe('Table 1', () => {
  const plan = planTable1(options);
  const job = (id: string, from: Plan = plan) => from.jobs.find((candidate) => candidate.id === id)!;

  it('has the published numbers, transcribed by hand', () => {
    expect(plan.rows.map(({ texts, cells }) => [...texts, ...cells.map((cell) => cell.published)])).toEqual([
      ['PAWS-NN', '100', '4096', '6720', 71.0, 61.5],
      ['PAWS-NN', '200', '4096', '6720', 71.9, 63.2],
      ['PAWS-NN', '300', '4096', '6720', 73.1, 64.2],
      ['Suave', '(100) 100', '256', '128', 71.9, 62.2],
      ['Suave', '(200) 100', '256', '128', 72.7, 63.1],
      ['Suave', '(800) 100', '256', '128', 73.4, 64.1],
    ]);
  });

  it('trains every SwAV checkpoint once, before what starts from it', () => {
    const ids = plan.jobs.map(({ id }) => id);
    expect(new Set(ids).size).toBe(15);
    for (const { id, init } of plan.jobs)
      if (init !== null && 'job' in init) expect(ids.indexOf(init.job), id).toBeLessThan(ids.indexOf(id));
    expect(job('suave-800-1pct').init).toEqual({ job: 'swav-800' });
    for (const row of plan.rows) for (const cell of row.cells) for (const id of cell.jobs) expect(ids).toContain(id);
  });

  it('takes checkpoints and lists that are given', () => {
    const given = planTable1({
      ...options,
      swav: { 800: '/swav800.safetensors' },
      labels: { '1pct': '/1percent.txt' },
    });
    expect(given.jobs.map(({ id }) => id)).not.toContain('swav-800');
    expect(job('suave-800-10pct', given).init).toEqual({ file: '/swav800.safetensors' });
    expect(job('paws-100-1pct', given).overrides).toContainEqual({
      path: 'data.labels',
      value: '/1percent.txt',
      isText: false,
    });
    expect(given.notes.some((note) => note.includes('Labels of 1 %'))).toBe(false);
    expect(given.notes.some((note) => note.includes('Labels of 10 %'))).toBe(true);
  });

  it('has runs of the published length', () => {
    const steps = (id: string): number => {
      const facts = factsFor(recipeNamed(job(id).recipe));
      return stepsOf(configOf(job(id), facts), facts);
    };
    expect(steps('suave-100-1pct')).toBe(500_400);
    expect(steps('suave-800-10pct')).toBe(500_400);
    expect(steps('swav-800')).toBe(312 * 800);
    expect(steps('paws-300-1pct')).toBe(312 * 300);
  });

  it('adapts every run to fewer devices', () => {
    const scaled = planTable1({ ...options, scale: 1 });
    const facts = factsFor(recipeNamed('suave-imagenet-1pct'));
    expect(configOf(job('suave-100-1pct', scaled), facts).stages[0].batch).toMatchObject({
      unlabeled: 32,
      labeled: 16,
    });
    expect(configOf(job('paws-100-1pct', scaled), facts).stages[0].batch).toMatchObject({ unlabeled: 64, classes: 15 });
  });

  it('is filled in with what is done', () => {
    const report = reportOf(plan, new Map([['suave-800-1pct', result('suave-800-1pct', 0.6391)]]));
    expect(report.rows.at(-1)!.results[1]).toMatchObject({ published: 64.1, top1: 63.91, difference: -0.19 });
    expect(report.rows[0].results[0]).toMatchObject({ published: 71, top1: null, difference: null });
    const lines = markdownOf(report).split('\n');
    expect(lines).toContain('| Suave | (800) 100 | 256 | 128 | 73.4 | – | – | 64.1 | 63.9 | -0.2 |');
  });
});

describe('CIFAR', () => {
  const facts = { ...factsFor(recipeNamed('suave-cifar10')), device: 'cpu' as const, threads: 1 };
  const cifar = {
    set: 'cifar10',
    data: '/cifar',
    facts,
    labelsPerClass: 25,
    seeds: 3,
    arch: null,
    share: 1,
    overrides: [],
  } as const;

  it('compares supervised-only, Suave, Daino and PAWS over seeds, both from the same SwAV', () => {
    const plan = planCifar(cifar, []);
    expect(plan.rows.map((row) => row.texts)).toEqual([
      ['supervised only', 'resnet18', '50', '250'],
      ['SwAV, then Suave', 'resnet18', '500 + 200', '250'],
      ['SwAV, then Daino', 'resnet18', '500 + 200', '250'],
      ['PAWS, nearest neighbours', 'wrn-28-2', '600', '250'],
    ]);
    expect(plan.jobs).toHaveLength(15);
    const of = (id: string) => plan.jobs.find((job) => job.id === id)!;
    expect(of('suave-seed2').init).toEqual({ job: 'swav-seed2' });
    expect(of('daino-seed2').init).toEqual({ job: 'swav-seed2' });
    expect(of('supervised-seed2').base?.stages.map((stage) => stage.method)).toEqual(['supervised']);
    for (const job of plan.jobs) expect(configOf(job, facts).seed).toBe(Number(job.id.at(-1)));
  });

  it('has the paper’s stages where nothing is shortened', () => {
    const plan = planCifar(cifar, []);
    for (const id of ['swav-seed1', 'suave-seed1', 'daino-seed1']) {
      const job = plan.jobs.find((candidate) => candidate.id === id)!;
      const own = configOf({ ...job, overrides: [] }, facts).stages.at(-1);
      expect(configOf(job, facts).stages.at(-1)).toEqual(own);
    }
  });

  it('shows mean and deviation over seeds, and only when all are done', () => {
    const plan = planCifar(cifar, []);
    const some = new Map([1, 2].map((seed) => [`suave-seed${seed}`, result('', 0.5 + seed / 100)]));
    expect(reportOf(plan, some).rows[1].results[0].top1).toBeNull();
    some.set('suave-seed3', result('', 0.53));
    expect(reportOf(plan, some).rows[1].results[0]).toMatchObject({ top1: 52, deviation: 1, published: null });
    expect(markdownOf(reportOf(plan, some))).toContain(
      '| SwAV, then Suave | resnet18 | 500 + 200 | 250 | 52.0 ± 1.0 |',
    );
  });

  it('lets a setting of the user win over those of the plan', () => {
    const overrides = [setting('epochs', 7), setting('optimizer.lr', 0.123)];
    const few = { ...facts, numTrain: 240 };
    for (const job of planCifar({ ...cifar, facts: few, overrides }, []).jobs)
      expect(configOf(job, few).stages.at(-1), job.id).toMatchObject({ epochs: 7, optimizer: { lr: 0.123 } });
    expect(planCifar({ ...cifar, overrides }, []).rows[1].texts[2]).toBe('7 + 7');
    for (const job of planTable1({ ...options, overrides }).jobs) {
      const own = factsFor(recipeNamed(job.recipe));
      expect(configOf(job, own).stages.at(-1), job.id).toMatchObject({ epochs: 7, optimizer: { lr: 0.123 } });
    }
  });

  it('marks numbers of other protocols as not comparable', () => {
    const notes = planCifar({ ...cifar, set: 'cifar100' }, []).notes.filter((note) => note.includes('not comparable'));
    expect(notes).toHaveLength(2);
    expect(notes.join()).toContain('SwAV 64.88');
  });

  it('makes batch, queue and prototypes fit few images', () => {
    const [swav] = configOf(planCifar(cifar, []).jobs[1], facts).stages;
    expect(smallDataOverrides(swav, facts)).toEqual([]);
    const few = { ...facts, numTrain: 240 };
    const values = Object.fromEntries(smallDataOverrides(swav, few).map(({ path, value }) => [path, value]));
    expect(values).toMatchObject({ 'batch.unlabeled': 30, 'queue.size': 120, prototypes: [20] });
    expect(values['optimizer.lr']).toBeCloseTo((0.6 * 30) / 256, 4);
  });
});

describe('the choice for a budget', () => {
  const choice = { arch: 'resnet8', share: 0.1, estimate: { jobs: [], measurements: [] }, notes: [] } as const;

  it('is kept for the same request and refused for another', () => {
    const out = temporaryFolder();
    expect(keptChoice(out, 'cifar10', { budget: 5 })).toBeNull();
    keepChoice(out, 'cifar10', { budget: 5 }, choice);
    expect(keptChoice(out, 'cifar10', { budget: 5 })).toEqual(choice);
    expect(() => keptChoice(out, 'cifar10', { budget: 6 })).toThrow(/holds a comparison with 5, got 6/);
  });
});
