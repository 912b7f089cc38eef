/** @file Turns plain data into a validated configuration; every problem becomes one sentence with its dotted path. */
import type { z } from 'zod';
import { ConfigError, didYouMean } from '../errors.js';
import { type Config, configSchema } from './schema.js';

type Path = readonly (string | number)[];

/** What these functions look at inside a zod schema; nothing else of zod's internals is used. */
interface SchemaDef {
  type: string;
  shape?: Record<string, z.core.$ZodType>;
  innerType?: z.core.$ZodType;
  element?: z.core.$ZodType;
  items?: z.core.$ZodType[];
  options?: z.core.$ZodType[];
  discriminator?: string;
  values?: unknown[];
}

const defOf = (schema: z.core.$ZodType): SchemaDef => schema._zod.def as unknown as SchemaDef;

/** The object, array or leaf schemas that may stand behind nullable and union wrappers; `value` selects the union's branch. */
function unwrap(schema: z.core.$ZodType, value: unknown): z.core.$ZodType[] {
  const def = defOf(schema);
  if (def.innerType !== undefined) return unwrap(def.innerType, value);
  if (def.options === undefined) return [schema];
  const key = def.discriminator;
  if (key !== undefined && typeof value === 'object' && value !== null) {
    const tag = (value as Record<string, unknown>)[key];
    const branch = def.options.filter((option) => defOf(defOf(option).shape![key]).values?.includes(tag));
    if (branch.length > 0) return branch.flatMap((option) => unwrap(option, value));
  }
  return def.options.flatMap((option) => unwrap(option, value));
}

/** The schemas allowed at a path below `schema`, given the value that is there now; none when the path is unknown. */
export function schemasAt(schema: z.core.$ZodType, path: Path, value: unknown): z.core.$ZodType[] {
  const candidates = unwrap(schema, value);
  if (path.length === 0) return candidates;
  const [head, ...rest] = path;
  const next =
    typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[head] : undefined;
  return candidates.flatMap((candidate) => {
    const def = defOf(candidate);
    const child =
      def.shape?.[String(head)] ??
      (Number.isInteger(Number(head)) ? (def.items?.[Number(head)] ?? def.element) : undefined);
    return child === undefined ? [] : schemasAt(child, rest, next);
  });
}

/** Names that may follow a path: the keys of the objects allowed there. */
export function keysAt(schema: z.core.$ZodType, path: Path, value: unknown): string[] {
  return [...new Set(schemasAt(schema, path, value).flatMap((found) => Object.keys(defOf(found).shape ?? {})))];
}

/** Whether plain text is allowed at a path. */
export function allowsText(schema: z.core.$ZodType, path: Path, value: unknown): boolean {
  return schemasAt(schema, path, value).some((found) => ['string', 'enum', 'literal'].includes(defOf(found).type));
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[key];
  }
  return current;
}

/** `stages.1.optimizer.lr` is shown with the stage's name: `stages.suave.optimizer.lr`. */
export function showPath(path: Path, value: unknown): string {
  return path
    .map((key, index) => {
      if (index !== 1 || path[0] !== 'stages') return String(key);
      const name = valueAt(value, ['stages', key, 'name']);
      return typeof name === 'string' ? name : String(key);
    })
    .join('.');
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value);
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

/** What an issue expected, in words. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return (
        {
          int: 'a whole number',
          number: 'a number',
          boolean: 'true or false',
          array: 'a list',
          object: 'a group of settings',
        }[issue.expected as string] ?? `a ${issue.expected}`
      );
    case 'too_small': {
      const sized = issue.origin === 'array' || issue.origin === 'string';
      if (sized) return `at least ${issue.minimum} ${issue.origin === 'array' ? 'entries' : 'characters'}`;
      return `a number ${issue.inclusive === false ? '>' : '>='} ${issue.minimum}`;
    }
    case 'too_big': {
      const sized = issue.origin === 'array' || issue.origin === 'string';
      if (sized) return `at most ${issue.maximum} ${issue.origin === 'array' ? 'entries' : 'characters'}`;
      return `a number ${issue.inclusive === false ? '<' : '<='} ${issue.maximum}`;
    }
    case 'invalid_value':
      return issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_union': {
      const options = (issue as unknown as { options?: unknown[] }).options;
      if (options !== undefined && options.length > 0) return `one of ${options.map(String).join(', ')}`;
      const parts = issue.errors.map((errors) => errors[0]).filter((first) => first !== undefined);
      return parts.length > 0 ? parts.map((part) => expectation(part)).join(' or ') : 'another value';
    }
    default:
      return issue.message;
  }
}

function advice(issue: z.core.$ZodIssue, got: unknown): string {
  if (issue.code === 'invalid_type' && typeof got === 'string' && /^-?\d+,\d+$/.test(got))
    return ' Use a decimal point.';
  if (issue.code === 'invalid_value' && typeof got === 'string') {
    return didYouMean(got, issue.values.map(String)).replace(/ Known:.*/, '');
  }
  return '';
}

function toConfigError(issue: z.core.$ZodIssue, value: unknown): ConfigError {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0];
    const shown = showPath([...path, key], value);
    const hint = didYouMean(key, keysAt(configSchema, path, value));
    return new ConfigError(shown, `config ${shown}: unknown setting.${hint}`, { code: 'CONFIG_UNKNOWN_KEY' });
  }
  const shown = showPath(path, value) || 'file';
  const got = valueAt(value, path);
  if (got === undefined && issue.code !== 'custom') {
    return new ConfigError(shown, `config ${shown}: missing, expected ${expectation(issue)}.`, {
      code: 'CONFIG_MISSING_KEY',
    });
  }
  return new ConfigError(
    shown,
    `config ${shown}: expected ${expectation(issue)}, got ${show(got)}.${advice(issue, got)}`,
  );
}

/**
 * Validates a whole configuration: types, ranges, and what must fit together.
 * @throws ConfigError naming the first problem by its dotted path
 */
export function validateConfig(value: unknown): Config {
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw toConfigError(parsed.error.issues[0], value);
  checkTogether(parsed.data);
  return parsed.data;
}

/** What no single field can say. */
function checkTogether(config: Config): void {
  const fail = (path: string, message: string): never => {
    throw new ConfigError(path, `config ${path}: ${message}`);
  };
  const { stages, data, evaluation, model } = config;
  const isTransformer = model.arch.startsWith('vit');
  if (isTransformer && (model.patchSize === null || model.imageSize === null)) {
    fail('model.patchSize', `${model.arch} needs model.patchSize and model.imageSize, in pixels. Set both.`);
  }
  if (isTransformer && model.imageSize! % model.patchSize! !== 0) {
    fail('model.imageSize', `expected a multiple of model.patchSize (${model.patchSize}), got ${model.imageSize}.`);
  }
  if (data.labelsPerClass !== null && data.labelFraction !== null) {
    fail('data.labelFraction', 'excludes data.labelsPerClass. Give one of the two.');
  }
  if (evaluation.resize < evaluation.crop) {
    fail('evaluation.resize', `expected at least evaluation.crop (${evaluation.crop}), got ${evaluation.resize}.`);
  }
  const names = new Set<string>();
  for (const stage of [...stages, config.baseline]) {
    const path = stage === config.baseline ? 'baseline' : `stages.${stage.name}`;
    if (stage !== config.baseline && names.has(stage.name))
      fail(path, `the name "${stage.name}" is used twice. Choose another.`);
    names.add(stage.name);
    if (stage.optimizer.warmupEpochs > stage.epochs) {
      fail(
        `${path}.optimizer.warmupEpochs`,
        `expected at most the ${stage.epochs} epochs of the stage, got ${stage.optimizer.warmupEpochs}.`,
      );
    }
    if (stage.optimizer.schedule === 'steps' && stage.optimizer.decay === null) {
      fail(`${path}.optimizer.decay`, 'the schedule "steps" needs the epochs and the factor of its steps.');
    }
    if (stage.method === 'supervised') {
      if (stage.features !== null && !isTransformer)
        fail(`${path}.features`, `${model.arch} has no blocks to read features of. Set it to null.`);
      if (stage.frozenBackbone && model.dropPath > 0)
        fail('model.dropPath', 'a frozen backbone has no stochastic depth. Set it to 0.');
      continue;
    }
    const views = stage.views.unlabeled.flatMap((view) => new Array<number>(view.count).fill(view.size));
    if (views.length < 2) fail(`${path}.views.unlabeled`, 'expected at least two views, got one.');
    if (views[0] !== views[1]) fail(`${path}.views.unlabeled`, 'expected the first two views to have the same size.');
    if (stage.method === 'suave' && stage.mixing.unlabeled === 'all') {
      if (views.length % 2 === 1)
        fail(`${path}.mixing.unlabeled`, `"all" needs an even number of views, got ${views.length}.`);
      const odd = views.findIndex((size, index) => index % 2 === 0 && size !== views[index + 1]);
      if (odd >= 0)
        fail(`${path}.mixing.unlabeled`, `"all" mixes views ${odd} and ${odd + 1}, but their sizes differ.`);
    }
  }
}
