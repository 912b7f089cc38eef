/** @file Steps of an epoch and of a run, learning rates at single steps, against numbers worked out elsewhere (7.5, 7.6). */
import { describe, expect, it } from 'vitest';
import { createSampler } from '../../packages/suave/src/data/index.js';
import { type Config, factsFor, parseSet, recipeNamed, resolveRecipe } from '../../packages/suave/src/recipes/index.js';
import { learningRate, weightDecayAt } from '../../packages/suave/src/training/optimizer.js';

const resolved = (name: string, sets: string[] = []): Config =>
  resolveRecipe({ recipe: name, overrides: sets.map(parseSet) }, factsFor(recipeNamed(name))).config;

describe('lengths (7.6) and schedules (7.5)', () => {
  const steps = (name: string, stream: 'labeled' | 'unlabeled'): number => {
    const stage = resolved(name).stages.at(-1)!;
    const facts = factsFor(recipeNamed(name));
    const batchSize = (stage.batch as Record<string, number>)[stream];
    const images = stream === 'labeled' ? facts.numLabeled : facts.numTrain;
    return Math.floor(images / batchSize);
  };

  it.each([
    ['suave-imagenet-1pct', 'unlabeled', 5004],
    ['suave-imagenet-1pct', 'labeled', 100],
    ['suave-imagenet-10pct', 'labeled', 1000],
    ['daino-imagenet-1pct', 'unlabeled', 1251],
    ['daino-imagenet-1pct', 'labeled', 25],
    ['daino-imagenet-10pct', 'labeled', 250],
    ['suave-cifar100', 'unlabeled', 390],
  ] as const)('%s: %s epoch of %d steps', (name, stream, expected) => {
    expect(steps(name, stream)).toBe(expected);
  });

  it('an epoch of the sampler leaves the last partial batch out', () => {
    const sampler = createSampler({ seed: 0, stage: 0, stream: 'unlabeled', images: 1000, batchSize: 256, repeats: 1 });
    expect(sampler.batchesPerEpoch).toBe(3);
  });

  it.each([
    ['suave-imagenet-1pct', 500_400],
    ['suave-imagenet-finetune-1pct', 15_012],
    ['suave-imagenet-finetune-10pct', 25_020],
    ['daino-imagenet-10pct', 75_060],
    ['suave-cifar100', 78_000],
  ])('%s: %d steps in all', (name, total) => {
    expect(steps(name, 'unlabeled') * resolved(name).stages.at(-1)!.epochs).toBe(total);
  });

  const rate = (name: string, stepsPerEpoch: number, step: number): number => {
    const { optimizer, epochs } = resolved(name).stages.at(-1)!;
    return learningRate(optimizer, step, { stepsPerEpoch, totalSteps: stepsPerEpoch * epochs });
  };

  it.each([
    [1, 1.599e-5, 1e-8],
    [5004, 0.0800032, 1e-7],
    [25_019, 0.4, 1e-12],
    [25_020, 0.4, 1e-12],
    [262_710, 0.2005, 1e-9],
    [500_399, 0.001, 1e-11],
  ])('suave-imagenet: step %d has rate %d', (step, expected, tolerance) => {
    expect(Math.abs(rate('suave-imagenet-1pct', 5004, step) - expected)).toBeLessThan(tolerance);
  });

  it.each([
    [1, 1.91885e-7, 1e-12],
    [5003, 9.6e-4, 1e-12],
    [5004, 9.6e-4, 1e-12],
    [40_000, 4.856816e-4, 1e-10],
    [75_059, 1.0000000478e-5, 1e-15],
  ])('daino-imagenet: step %d has rate %d', (step, expected, tolerance) => {
    expect(Math.abs(rate('daino-imagenet-1pct', 1251, step) - expected)).toBeLessThan(tolerance);
  });

  it('the weight decay of daino-imagenet is .22 half way', () => {
    const { optimizer } = resolved('daino-imagenet-1pct').stages[0];
    expect(weightDecayAt(optimizer, 37_530, { stepsPerEpoch: 1251, totalSteps: 75_060 })).toBeCloseTo(0.22, 10);
  });
});
