/** @file The resolved numbers of every recipe against the transcribed tables; and that these tables leave no number of a stage out. */
import { describe, expect, it } from 'vitest';
import {
  type Config,
  describeConfig,
  factsFor,
  parseSet,
  recipeNamed,
  recipes,
  resolveRecipe,
} from '../../packages/suave/src/recipes/index.js';
import { publishedCifar } from './published-cifar.js';
import { publishedImagenet } from './published-imagenet.js';

const published = { ...publishedImagenet, ...publishedCifar };

const resolved = (name: string, sets: string[] = []): Config =>
  resolveRecipe({ recipe: name, overrides: sets.map(parseSet) }, factsFor(recipeNamed(name))).config;

/** Value of every setting by its path; stages are addressed by name. */
const valuesOf = (config: Config): Map<string, unknown> =>
  new Map(describeConfig(config).map((row) => [row.path, JSON.parse(row.value)]));

/** Settings of a stage that no publication gives: names, and what is said by the absence of another setting. */
const ownSettings =
  /\.(name|method|init|headLr|decay|scaling|finalWeightDecay|epsilon|labeledRepeats|schedule|startLr|startEpoch|freezePrototypesEpochs|hiddenDim|prior|extraPrototypes|ensembleHead|studentEvalQuirk|excludeOneDimensional|nesterov|clip|positions|mixedWeight|warmupProjectionEpochs|onlineHeads|mean)$/;

describe('recipes have the published numbers', () => {
  it('of every recipe that stands for a publication', () => {
    const named = recipes.filter((recipe) => recipe.publishedData !== undefined).map((recipe) => recipe.name);
    expect(named).toEqual(expect.arrayContaining(Object.keys(published)));
  });

  it.each(Object.entries(published))('%s', (name, table) => {
    const values = valuesOf(resolved(name));
    const found = Object.fromEntries(Object.keys(table).map((path) => [path, values.get(path)]));
    expect(found).toEqual(table);
    const untold = [...values.keys()].filter(
      (path) => path.startsWith('stages.') && !(path in table) && !ownSettings.test(path),
    );
    expect(untold, 'settings of the stages that the table does not have').toEqual([]);
  });

  it('swav-imagenet freezes its prototypes for 313 steps of 312 in an epoch', () => {
    const stage = resolved('swav-imagenet').stages[0];
    expect(stage.method === 'swav' && Math.round(stage.freezePrototypesEpochs * 312)).toBe(313);
  });

  it.each([100, 200, 400])('swav-imagenet with %d epochs keeps everything else', (epochs) => {
    const usual = resolved('swav-imagenet');
    const shorter = resolved('swav-imagenet', [`epochs=${epochs}`]);
    expect(shorter.stages[0]).toEqual({ ...usual.stages[0], epochs });
  });

  it('a short run shortens what lies within it', () => {
    const stage = resolved('swav-cifar10', ['epochs=20']).stages[0];
    expect(stage).toMatchObject({ epochs: 20, queue: { startEpoch: 5 }, optimizer: { warmupEpochs: 5 } });
  });
});
