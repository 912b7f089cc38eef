/** @file The list of quirks: what it says of both presets is so, every switch works alone, and docs/recipes.md has the list. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Config,
  describeConfig,
  factsFor,
  parseSet,
  quirkTables,
  recipeNamed,
  recipes,
  resolveRecipe,
  settledQuirks,
  switchedQuirks,
} from '../../packages/suave/src/recipes/index.js';

const resolved = (name: string, sets: string[] = []): Config =>
  resolveRecipe({ recipe: name, overrides: sets.map(parseSet) }, factsFor(recipeNamed(name))).config;

/** Value of every setting by its path; stages are addressed by name. */
const valuesOf = (config: Config): Map<string, unknown> =>
  new Map(describeConfig(config).map((row) => [row.path, JSON.parse(row.value)]));

describe('quirks of the published code', () => {
  it.each(switchedQuirks.map((quirk) => [`${quirk.id}: ${quirk.what}`, quirk] as const))('%s', (_, quirk) => {
    const { recipe, path, paper, official, other } = quirk;
    const valueIn = (sets: string[]): unknown => {
      const stage = resolved(recipe, sets);
      const values = valuesOf(stage);
      return values.get(path) ?? values.get(`stages.${stage.stages.at(-1)!.name}.${path}`);
    };
    const set = (value: unknown): string => `${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
    expect(valueIn([])).toEqual(paper);
    expect(valueIn(['preset=official-code'])).toEqual(official);
    for (const value of [official, other].filter((candidate) => candidate !== undefined))
      expect(valueIn([set(value)])).toEqual(value);
    expect(valueIn(['preset=official-code', set(paper)])).toEqual(paper);
  });

  it('names every quirk of the list once, with a switch or a reason', () => {
    const ids = [...switchedQuirks, ...settledQuirks].flatMap(({ id }) => id.split(', '));
    const expected = Array.from({ length: 26 }, (_, index) => `Q${index + 1}`).filter((id) => id !== 'Q24'); // Q24 is D2 and D3
    for (const id of [...expected, 'D1', 'D2', 'D3', 'D6', 'D10', 'D12', 'D17', 'D19']) expect(ids).toContain(id);
  });

  it('the presets differ in what the table says, and in nothing else', () => {
    for (const { name } of recipes) {
      const paper = valuesOf(resolved(name));
      const changed = [...valuesOf(resolved(name, ['preset=official-code']))]
        .filter(([path, value]) => JSON.stringify(paper.get(path)) !== JSON.stringify(value))
        .map(([path]) => path.replace(/^stages\.[^.]+\./, ''));
      const known = ['preset', ...switchedQuirks.map((quirk) => quirk.path)];
      expect(
        changed.filter((path) => !known.includes(path)),
        name,
      ).toEqual([]);
    }
  });

  const docs = readFileSync(new URL('../../docs/recipes.md', import.meta.url), 'utf8');

  it('docs/recipes.md has the tables between its marks', () => {
    const [, between] = docs.split(/<!-- (?:end of )?quirks -->\n/);
    expect(between.trim()).toBe(quirkTables());
  });

  it('docs/recipes.md names every recipe and the devices it is made for', () => {
    const rows = docs.split('\n').filter((line) => line.startsWith('| `'));
    for (const { name } of recipes) {
      const { devices } = resolved(name);
      const stem = name.replace(/-10pct$/, '-1pct');
      const row = rows.find((line) => line.split('|')[1].includes(`\`${stem}\``));
      expect(row, name).toBeDefined();
      expect(row!.split('|').at(-2)!.trim().split(', '), name).toContain(String(devices));
    }
  });
});
