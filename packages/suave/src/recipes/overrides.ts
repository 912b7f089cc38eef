/**
 * @file `--set path=value`: typed by the schema, addressed by dotted path.
 * `stages.NAME.…` means that stage; a path that starts with a field of a stage (`optimizer.lr`) means the last stage.
 */
import { parse } from 'yaml';
import { ConfigError, didYouMean, nearestName } from '../errors.js';
import { type Config, configSchema } from './schema.js';
import { allowsText, keysAt, schemasAt, showPath } from './validate.js';

/** One changed setting. */
export interface Override {
  /** Dotted path, e.g. `optimizer.lr`. */
  path: string;
  /** Text from the command line, or an already typed value. */
  value: unknown;
  /** Whether `value` is text that still has to be read (`--set`). */
  isText: boolean;
}

/**
 * Reads `path=value` of a command line.
 * @throws ConfigError `CONFIG_SET_SYNTAX` without an equals sign
 */
export function parseSet(text: string): Override {
  const equals = text.indexOf('=');
  if (equals <= 0) {
    throw new ConfigError('--set', `--set ${text}: expected path=value, for example --set optimizer.lr=0.4.`, {
      code: 'CONFIG_SET_SYNTAX',
    });
  }
  return { path: text.slice(0, equals).trim(), value: text.slice(equals + 1).trim(), isText: true };
}

type Plain = Record<string | number, unknown>;

const unknownPath = (path: string, hint: string): ConfigError =>
  new ConfigError(path, `config ${path}: unknown setting.${hint}`, { code: 'CONFIG_UNKNOWN_KEY' });

/** The keys from the root of the configuration to the setting that `path` means. */
export function resolvePath(path: string, config: Config): (string | number)[] {
  const parts = path.split('.');
  const topKeys = keysAt(configSchema, [], config);
  if (parts[0] === 'stages' && parts.length > 1) {
    const names = config.stages.map((stage) => stage.name);
    const index = names.indexOf(parts[1]);
    if (index < 0) {
      const hint = didYouMean(parts[1], names);
      throw new ConfigError(path, `config ${path}: no stage "${parts[1]}".${hint}`, { code: 'CONFIG_UNKNOWN_KEY' });
    }
    return ['stages', index, ...parts.slice(2)];
  }
  if (topKeys.includes(parts[0])) return parts;
  const last = config.stages.length - 1;
  const stageKeys = keysAt(configSchema, ['stages', last], config);
  if (stageKeys.includes(parts[0])) return ['stages', last, ...parts];
  throw unknownPath(path, didYouMean(parts[0], [...topKeys, ...stageKeys]));
}

/** Suggests the nearest whole path for a path whose tail is unknown. */
function unknownTail(path: string, keys: (string | number)[], config: Config): ConfigError {
  for (let length = 1; length <= keys.length; length++) {
    if (schemasAt(configSchema, keys.slice(0, length), config).length > 0) continue;
    const known = keysAt(configSchema, keys.slice(0, length - 1), config);
    const nearest = nearestName(String(keys[length - 1]), known);
    const place = showPath(keys.slice(0, length - 1), config);
    if (nearest !== null) return unknownPath(path, ` Did you mean "${place === '' ? '' : `${place}.`}${nearest}"?`);
    return unknownPath(path, known.length > 0 ? ` ${place} has: ${known.join(', ')}.` : ` ${place} is a single value.`);
  }
  return unknownPath(path, '');
}

/**
 * Applies overrides to a copy of a configuration, in order; the result still has to be validated.
 * @throws ConfigError for an unknown path, naming the nearest known one
 */
export function applyOverrides(config: Config, overrides: readonly Override[]): Config {
  const result = structuredClone(config);
  for (const override of overrides) {
    const keys = resolvePath(override.path, result);
    if (schemasAt(configSchema, keys, result).length === 0) throw unknownTail(override.path, keys, result);
    let target: Plain = result as unknown as Plain;
    for (const key of keys.slice(0, -1)) {
      if (typeof target[key] !== 'object' || target[key] === null) target[key] = {};
      target = target[key] as Plain;
    }
    target[keys.at(-1)!] = override.isText ? readText(override, keys, result) : override.value;
  }
  return result;
}

/** Text to value: numbers, true, false, null and [lists] as in YAML; text stays text where the schema allows text only. */
function readText(override: Override, keys: (string | number)[], config: Config): unknown {
  const text = override.value as string;
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    value = text;
  }
  if (typeof value === 'string' || value === null || typeof value === 'object') return value;
  const types = schemasAt(configSchema, keys, config);
  const accepted = types.some(
    (type) => (type as unknown as { safeParse(v: unknown): { success: boolean } }).safeParse(value).success,
  );
  return !accepted && allowsText(configSchema, keys, config) ? text : value;
}
