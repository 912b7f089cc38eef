import { describe, expect, it } from 'vitest';
import { factsFor, recipeNamed, recipes, resolveRecipe } from './index.js';

const scaled = (recipe: string, scale: number, sets: Record<string, unknown> = {}) =>
  resolveRecipe(
    { recipe, scale, overrides: Object.entries(sets).map(([path, value]) => ({ path, value, isText: false })) },
    factsFor(recipeNamed(recipe)),
  );

describe('--scale', () => {
  it('takes suave-imagenet from 8 devices to one: batches and rates by 8, the queue stays', () => {
    const { config, notes } = scaled('suave-imagenet-1pct', 1);
    expect(config.devices).toBe(1);
    expect(config.stages[0]).toMatchObject({
      epochs: 100,
      batch: { unlabeled: 32, labeled: 16 },
      queue: { size: 3840, startEpoch: 0 },
      optimizer: { lr: 0.05, startLr: 0, finalLr: 0.000125, warmupEpochs: 5, weightDecay: 1e-6 },
    });
    expect(notes.at(-1)).toMatch(/8 devices to 1.*unlabeled 256 → 32, labeled 128 → 16, lr 0\.4 → 0\.05 \(linear/);
  });

  it('scales all rates of SwAV and the classes of PAWS, and leaves the last rate of Daino', () => {
    expect(scaled('swav-imagenet', 8).config.stages[0].optimizer).toMatchObject({
      lr: 0.6,
      startLr: 0.0375,
      finalLr: 0.0006,
    });
    expect(scaled('paws-imagenet', 8).config.stages[0].batch).toMatchObject({
      unlabeled: 512,
      classes: 120,
      imagesPerClass: 7,
    });
    expect(scaled('daino-imagenet-1pct', 4).config.stages[0].optimizer).toMatchObject({ lr: 0.00024, finalLr: 1e-5 });
  });

  it('lets the baseline see as many images as before', () => {
    const { baseline } = scaled('suave-imagenet-1pct', 1).config;
    expect(baseline).toMatchObject({ batch: { labeled: 16 }, stepsPerEpoch: 8 * 5004, optimizer: { lr: 0.00625 } });
  });

  it('keeps the rates where the recipe says so, and what is set by hand', () => {
    const kept = { 'stages.suave.optimizer.scaling': 'none' };
    expect(scaled('suave-imagenet-1pct', 2, kept).config.stages[0].batch).toMatchObject({ unlabeled: 64 });
    expect(scaled('suave-imagenet-1pct', 2, { 'batch.unlabeled': 48 }).config.stages[0].batch).toMatchObject({
      unlabeled: 48,
      labeled: 32,
    });
  });

  it('changes nothing for the devices that a recipe is made for', () => {
    for (const recipe of recipes) {
      const facts = factsFor(recipe);
      const usual = resolveRecipe({ recipe: recipe.name, overrides: [] }, facts);
      expect(resolveRecipe({ recipe: recipe.name, overrides: [], scale: usual.config.devices }, facts)).toEqual(usual);
    }
  });

  it.each([
    [0, /whole number of devices >= 1, got 0/],
    [1.5, /whole number/],
    [9, /made for 8 devices, got 9/],
  ])('refuses %d devices', (devices, message) => {
    expect(() => scaled('suave-imagenet-1pct', devices)).toThrow(message);
  });
});

describe('--scale on the configuration of a run', () => {
  const base = scaled('suave-imagenet-1pct', 2).config;
  const again = (scale: number) =>
    resolveRecipe({ recipe: base.recipe, overrides: [], base, scale }, factsFor(undefined)).config;

  it('changes nothing when it is given once more, and scales from what the run has', () => {
    expect(again(2)).toEqual(base);
    expect(again(1).stages[0].batch).toMatchObject({ unlabeled: 32, labeled: 16 });
    expect(() => again(8)).toThrow(/made for 2 devices, got 8/);
  });
});
