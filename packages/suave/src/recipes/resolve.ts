/** @file From a recipe's name or file, facts about the data and the user's changes to one validated configuration. */
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { ConfigError, didYouMean } from '../errors.js';
import { recipeNamed, recipes } from './catalog.js';
import { applyOverrides, type Override } from './overrides.js';
import { withPreset } from './quirks.js';
import type { DataFacts, Recipe, RecipeHints, RecipeResult } from './recipe.js';
import { scaleToDevices } from './scale.js';
import { architectures, type Config } from './schema.js';
import { validateConfig } from './validate.js';

/** What the user asked for. */
export interface RecipeRequest {
  /** Name of a recipe or path of a YAML file. */
  recipe: string;
  /** Changes in order; a later one wins. */
  overrides: readonly Override[];
  /** Configuration of a run to change instead of building the recipe anew. */
  base?: Config;
  /** Devices to adapt batches and rates to (`--scale`), before the changes are applied; null leaves the recipe as it is. */
  scale?: number | null;
}

type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A recipe file: a complete configuration, or `extends: NAME` with the settings that differ. */
interface RecipeFile {
  path: string;
  base: Recipe | null;
  content: Plain;
}

type Source = { kind: 'named'; recipe: Recipe } | { kind: 'file'; file: RecipeFile };

function named(name: string, where: string): Recipe {
  const found = recipeNamed(name);
  if (found !== undefined) return found;
  const hint = didYouMean(
    name,
    recipes.map((recipe) => recipe.name),
  );
  throw new ConfigError('recipe', `${where}: no recipe and no file is called "${name}".${hint}`, {
    code: 'UNKNOWN_RECIPE',
  });
}

function findSource(recipe: string): Source {
  const byName = recipeNamed(recipe);
  if (byName !== undefined) return { kind: 'named', recipe: byName };
  if (!statSync(recipe, { throwIfNoEntry: false })?.isFile())
    return { kind: 'named', recipe: named(recipe, '--recipe') };
  let content: unknown;
  try {
    content = parse(readFileSync(recipe, 'utf8'));
  } catch (error) {
    throw new ConfigError('recipe', `${recipe}: is not valid YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  if (!isPlain(content))
    throw new ConfigError('recipe', `${recipe}: expected a YAML file with settings, got something else.`);
  const { extends: base, ...rest } = content;
  if (base !== undefined && typeof base !== 'string') {
    throw new ConfigError('extends', `${recipe}: extends: expected the name of a recipe, got ${JSON.stringify(base)}.`);
  }
  return { kind: 'file', file: { path: recipe, base: base === undefined ? null : named(base, recipe), content: rest } };
}

/** Settings of a file as overrides, leaf by leaf; `stages` may be a list (replaces all) or groups by stage name. */
function asOverrides(content: Plain, prefix = ''): Override[] {
  return Object.entries(content).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return isPlain(value) ? asOverrides(value, path) : [{ path, value, isText: false }];
  });
}

/** What an override sets, if it is one of the choices that other numbers depend on. */
function hintsFrom(overrides: readonly Override[]): RecipeHints {
  const hints: RecipeHints = {};
  for (const { path, value } of overrides) {
    if (path === 'model.arch' && architectures.some((arch) => arch === value))
      hints.arch = value as RecipeHints['arch'];
    if (path === 'epochs' && Number.isInteger(Number(value)) && Number(value) >= 1) hints.epochs = Number(value);
    if (path === 'preset' && (value === 'paper' || value === 'official-code')) hints.preset = value;
    if (path === 'init' && value !== null && value !== 'null') hints.hasInit = true;
  }
  return hints;
}

/**
 * The value that a request gives to a setting of the whole run before any data is known (threads, device, label file), or undefined.
 * Used where a value is needed early; `resolveRecipe` validates it later.
 */
export function requestedValue(request: RecipeRequest, path: string): unknown {
  const override = request.overrides.findLast((candidate) => candidate.path === path);
  if (override !== undefined) return override.isText ? parse(override.value as string) : override.value;
  const source = findSource(request.recipe);
  if (source.kind === 'named') return undefined;
  return path
    .split('.')
    .reduce<unknown>((value, key) => (isPlain(value) ? value[key] : undefined), source.file.content);
}

/**
 * Resolves a request to a complete, validated configuration.
 * @throws ConfigError for an unknown recipe, path or value
 */
export function resolveRecipe(request: RecipeRequest, facts: DataFacts): RecipeResult {
  const { scale = null, base, overrides } = request;
  const { preset } = hintsFrom(overrides);
  const start = base === undefined ? unscaled(request, facts) : { config: inPreset(base, preset), notes: [] };
  const scaled = scale === null ? { ...start, notes: [] } : scaleToDevices(validateConfig(start.config), scale);
  return {
    config: validateConfig(applyOverrides(scaled.config, overrides)),
    notes: [...start.notes, ...scaled.notes],
  };
}

/**
 * A configuration that is complete already in the preset that is asked for.
 * @throws ConfigError `CONFIG_PRESET` when quirks would have to be taken back: what was there before is not known any more
 */
function inPreset(config: Config, preset: RecipeHints['preset']): Config {
  if (preset === undefined || preset === config.preset) return config;
  if (preset === 'official-code') return withPreset({ ...config, preset });
  throw new ConfigError(
    'preset',
    `config preset: expected ${config.preset}, which this configuration was made with, got ${preset}. Set the single settings instead; docs/recipes.md lists them.`,
    { code: 'CONFIG_PRESET' },
  );
}

/** The configuration of a recipe or a file, without the changes of the command line. */
function unscaled(request: RecipeRequest, facts: DataFacts): RecipeResult {
  const source = findSource(request.recipe);
  if (source.kind === 'file' && source.file.base === null) {
    const { preset } = hintsFrom(request.overrides);
    return { config: inPreset(validateConfig(source.file.content), preset), notes: [] };
  }
  const recipe = source.kind === 'named' ? source.recipe : source.file.base!;
  const fileOverrides = source.kind === 'file' ? asOverrides(source.file.content) : [];
  const { config, notes } = recipe.build(facts, hintsFrom([...fileOverrides, ...request.overrides]));
  return { config: applyOverrides(config, fileOverrides), notes };
}

/**
 * Finds the first setting in which two configurations differ.
 * @returns  its path and both values, or null when they are equal
 */
export function firstDifference(a: unknown, b: unknown, path = ''): { path: string; a: unknown; b: unknown } | null {
  if (Object.is(a, b)) return null;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return { path, a, b };
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const next = path === '' ? key : `${path}.${key}`;
    const found = firstDifference((a as Plain)[key], (b as Plain)[key], next);
    if (found !== null) return found;
  }
  return null;
}

/** The configuration of a stored run; its file may have been edited, so it is validated again. */
export function configFromRun(stored: unknown): Config {
  return validateConfig(stored);
}
