import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  type Config,
  describeConfig,
  exampleFacts,
  parseSet,
  recipes,
  resolveRecipe,
  validateConfig,
} from './index.js';

const resolve = (sets: string[], recipe = 'suave-small'): Config =>
  resolveRecipe({ recipe, overrides: sets.map(parseSet) }, exampleFacts).config;
const failure = (sets: string[], recipe?: string): string => {
  try {
    resolve(sets, recipe);
  } catch (error) {
    expect((error as { exitCode: number }).exitCode).toBe(2);
    return (error as Error).message;
  }
  throw new Error('expected an error');
};
const lastStage = (config: Config) => config.stages.at(-1)!;

describe('recipes', () => {
  it.each(recipes.map((recipe) => recipe.name))('%s is valid and survives being written as YAML', (name) => {
    const config = resolve([], name);
    expect(validateConfig(parse(stringify(config)))).toEqual(config);
    for (const row of describeConfig(config)) expect(row, row.path).toMatchObject({ description: expect.any(String) });
  });

  it('suave-small is valid for any data', () => {
    const facts = fc.record({
      numTrain: fc.integer({ min: 4, max: 2_000_000 }),
      numLabeled: fc.integer({ min: 2, max: 1_000_000 }),
      numClasses: fc.integer({ min: 2, max: 20_000 }),
      shorterSide: fc.integer({ min: 1, max: 8000 }),
      device: fc.constantFrom('cpu' as const, 'cuda' as const),
      threads: fc.integer({ min: 1, max: 128 }),
    });
    fc.assert(
      fc.property(facts, fc.option(fc.integer({ min: 1, max: 500 })), (drawn, epochs) => {
        const overrides = epochs === null ? [] : [{ path: 'epochs', value: epochs, isText: false }];
        const { config, notes } = resolveRecipe({ recipe: 'suave-small', overrides }, drawn);
        expect(lastStage(config).epochs).toBe(epochs ?? lastStage(config).epochs);
        expect(notes.length).toBeGreaterThan(3);
      }),
    );
  });

  it('official-code sets the quirks of a configuration that is complete already, and is not taken back', () => {
    const request = { recipe: 'suave-small', base: resolve([]), overrides: [parseSet('preset=official-code')] };
    const official = resolveRecipe(request, exampleFacts).config;
    expect(official).toEqual(resolve(['preset=official-code', 'views.unlabeled.1.scale=[0.08,0.4]']));
    expect(() =>
      resolveRecipe({ ...request, base: official, overrides: [parseSet('preset=paper')] }, exampleFacts),
    ).toThrow(/preset: expected official-code.*got paper/);
    expect(resolveRecipe({ ...request, base: official }, exampleFacts).config).toEqual(official);
  });

  it('official-code changes what the published code does differently', () => {
    const config = resolve(['preset=official-code']);
    expect(config.data.exifOrientation).toBe('ignore');
    expect(config.normalization.std[0]).toBe(0.228);
    expect(lastStage(config)).toMatchObject({ mixing: { positions: 'official' } });
  });
});

describe('--set', () => {
  it('means the last stage, a named stage, or the whole run', () => {
    const config = resolve(
      ['optimizer.lr=0.5', 'stages.swav.optimizer.lr=0.25', 'data.holdout=0.1', 'epochs=7'],
      'suave-cifar10',
    );
    expect(config.stages.map((stage) => stage.optimizer.lr)).toEqual([0.25, 0.5]);
    expect(config.stages.map((stage) => stage.epochs)).toEqual([500, 7]);
    expect(config.data.holdout).toBe(0.1);
  });

  it('reads numbers, booleans, null, lists and text as the schema has them', () => {
    const config = resolve([
      'views.labeled.scale=[0.5, 1]',
      'onlineHeads=true',
      'momentumEncoder=null',
      'views.unlabeled.1.size=20',
      'optimizer.weightDecay=1e-6',
      'data.labels=1',
      'data.cacheSide=none',
      'evaluation.interpolation=bicubic',
    ]);
    expect(lastStage(config)).toMatchObject({
      views: { labeled: { scale: [0.5, 1] }, unlabeled: [{}, { size: 20 }] },
      onlineHeads: true,
      momentumEncoder: null,
      optimizer: { weightDecay: 1e-6 },
    });
    expect(config.data).toMatchObject({ labels: '1', cacheSide: 'none' });
    expect(config.evaluation.interpolation).toBe('bicubic');
  });

  it('can switch on what is null', () => {
    expect(lastStage(resolve(['momentumEncoder.momentum=0.99']))).toMatchObject({
      momentumEncoder: { momentum: 0.99 },
    });
  });

  it.each([
    [['optimizer.lrr=1'], /config optimizer\.lrr: unknown setting\. Did you mean "stages\.suave\.optimizer\.lr"\?/],
    [['optimiser.lr=1'], /Did you mean "optimizer"\?/],
    [['stages.suav.epochs=1'], /no stage "suav"\. Did you mean "suave"\?/],
    [['optimizer.lr=0,3'], /config stages\.suave\.optimizer\.lr: expected a number, got "0,3"\. Use a decimal point\./],
    [['optimizer.lr=-1'], /stages\.suave\.optimizer\.lr: expected a number > 0, got -1/],
    [['epochs=0'], /stages\.suave\.epochs: expected a number >= 1, got 0/],
    [['epochs=1.5'], /stages\.suave\.epochs: expected a whole number, got 1\.5/],
    [['model.arch=resnet9'], /config model\.arch: expected one of resnet8, .*got "resnet9"\. Did you mean "resnet8"\?/],
    [['data.holdout=1'], /config data\.holdout: expected a number < 1, got 1/],
    [['threads.x=1'], /threads is a single value/],
    [['optimizer.kind=larss'], /optimizer\.kind: expected one of lars, sgd, adamw, got "larss"/],
    [['optimizer.kind=sgd'], /unknown setting/],
    [['data.labelsPerClass=4', 'data.labelFraction=0.5'], /excludes/],
    [['mixing.unlabeled=all', 'views.unlabeled.1.count=3'], /even number of views, got 5/],
    [['views.labeled.scale=[0.5]'], /views\.labeled\.scale/],
    [['views.labeled.scale=[1, 0.5]'], /low <= high/],
    [['seed'], /expected path=value/],
  ])('%j is refused in one sentence', (sets, message) => {
    expect(failure(sets)).toMatch(message);
  });

  it('names the nearest recipe', () => {
    expect(failure([], 'suave-smal')).toMatch(/Did you mean "suave-small"/);
  });
});

describe('recipe files', () => {
  let folder: string;
  const file = (text: string): string => {
    const path = join(folder, 'mine.yaml');
    writeFileSync(path, text);
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'suave-recipes-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('extend a recipe with what differs', () => {
    const path = file(
      'extends: suave-cifar10\nseed: 7\nstages:\n  swav: {epochs: 3, optimizer: {warmupEpochs: 1}}\noptimizer: {lr: 1.5}\n',
    );
    const config = resolve(['epochs=9'], path);
    expect(config.seed).toBe(7);
    expect(config.stages.map((stage) => stage.epochs)).toEqual([3, 9]);
    expect(lastStage(config).optimizer.lr).toBe(1.5);
  });

  it('may be complete', () => {
    const config = resolve(['seed=5']);
    expect(resolve([], file(stringify(config)))).toEqual(config);
  });

  it('are refused with unknown, missing or damaged content', () => {
    expect(failure([], file('extends: suave-small\nsede: 7\n'))).toMatch(
      /config sede: unknown setting\. Did you mean "seed"/,
    );
    expect(failure([], file('seed: 7\n'))).toMatch(/config recipe: missing/);
    expect(failure([], file('a: [1\n'))).toMatch(/not valid YAML/);
    expect(failure([], file('extends: suave-smal\n'))).toMatch(/suave-small/);
  });
});
