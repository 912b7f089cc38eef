/** @file The table of a resolved recipe: every setting, its value and what it means. */
import type { Config } from './schema.js';
import { configSchema } from './schema.js';
import { schemasAt, showPath } from './validate.js';

/** One row of the table. */
export interface SettingRow {
  /** Dotted path as `--set` takes it. */
  path: string;
  value: string;
  /** What it means, from the schema. */
  description: string;
}

type Described = { description?: string; _zod: { def: { shape?: Record<string, Described>; innerType?: Described } } };

function isLeaf(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Array.isArray(value) && value.every((entry) => typeof entry !== 'object');
}

/** Rows of all settings in the order of the schema. */
export function describeConfig(config: Config): SettingRow[] {
  const rows: SettingRow[] = [];
  const visit = (value: unknown, path: (string | number)[]): void => {
    if (isLeaf(value)) {
      rows.push({ path: showPath(path, config), value: JSON.stringify(value), description: describe(path, config) });
      return;
    }
    for (const [key, entry] of Object.entries(value as object))
      visit(entry, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  visit(config, []);
  return rows;
}

/** The text declared with a field; wrappers such as nullable keep it on the outside, so the parent's shape is asked. */
function describe(path: (string | number)[], config: Config): string {
  const parents = schemasAt(configSchema, path.slice(0, -1), config) as unknown as Described[];
  const key = String(path.at(-1));
  for (const parent of parents) {
    const field = parent._zod.def.shape?.[key];
    if (field?.description !== undefined) return field.description;
  }
  return '';
}
