/**
 * @file The golden harness: reads `manifest.json` of a golden folder and turns every case into a test. Another folder of the same form, with other numbers and cases, must pass as well:
 * set SUAVE_GOLDEN to it. So handlers choose cases by group, parameters and tensors, not by a list of names.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { devices, mentionAbsent, runOnDevice, testDevice } from '../fixtures/devices.js';
import { assertNumbers, forDevice, type Numbers, type Tolerance } from './compare.js';
import { type GoldenTensor, readGoldenFile } from './safetensors-file.js';

export { assertNumbers, compareNumbers, type Numbers, type Tolerance } from './compare.js';
export { type GoldenDType, type GoldenTensor, readGoldenFile } from './safetensors-file.js';

/** A tolerance exactly as the manifest stores it; other strings are plain words for the group's test to read. */
export type ManifestTolerance =
  | string
  | {
      readonly atol?: number;
      readonly rtol?: number;
      readonly r?: number;
      readonly relative_to?: string;
      readonly per_step_atol?: readonly number[];
      readonly note?: string;
    };

/** One tensor of a case; its `name` starts with the case id. */
export interface ManifestTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly role: string;
  readonly tolerance?: ManifestTolerance;
  readonly notes?: unknown;
}

/** One case of the manifest, as stored. */
export interface ManifestCase {
  readonly id: string;
  readonly group: string;
  /** The safetensors file of the group; null for a case without tensors. */
  readonly file: string | null;
  readonly checks: string;
  readonly reference: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly tensors: readonly ManifestTensor[];
  readonly input_from?: string;
  readonly expected_values?: Readonly<Record<string, unknown>>;
  readonly expected_values_tolerance?: Readonly<Record<string, ManifestTolerance>>;
  readonly columns?: Readonly<Record<string, readonly string[]>>;
  readonly tolerance?: ManifestTolerance;
  readonly notes?: readonly string[];
  readonly json_file?: string;
  readonly binary_file?: string;
}

/** The manifest, as stored. */
export interface Manifest {
  readonly title: string;
  readonly set: string;
  readonly conventions: Readonly<Record<string, unknown>>;
  readonly cases: readonly ManifestCase[];
}

/** The golden folder: SUAVE_GOLDEN (relative to the working directory), else `tests/golden/data`. */
export function goldenFolder(): string {
  const named = process.env.SUAVE_GOLDEN;
  return named ? resolve(named) : join(dirname(fileURLToPath(import.meta.url)), 'data');
}

/** Path of a file of the golden folder. */
export function goldenPath(...parts: string[]): string {
  return join(goldenFolder(), ...parts);
}

let manifest: Manifest | undefined;

/** Reads `manifest.json` once. */
export function loadManifest(): Manifest {
  manifest ??= JSON.parse(readFileSync(goldenPath('manifest.json'), 'utf8')) as Manifest;
  return manifest;
}

const files = new Map<string, Map<string, GoldenTensor>>();

function tensorsOf(file: string | null): Map<string, GoldenTensor> {
  if (file === null) return new Map();
  let tensors = files.get(file);
  if (!tensors) {
    tensors = readGoldenFile(goldenPath(file));
    files.set(file, tensors);
  }
  return tensors;
}

/** Words of `input_from` that name tensors: they contain a slash; `*` stands for any characters. */
function inputPatterns(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word.includes('/'));
}

function matcher(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}

/** Default tolerance of expected values that name none: exact or computed from integers. */
const VALUE_TOLERANCE: Tolerance = { atol: 1e-9, rtol: 1e-9 };

/** A case with its tensors at hand. */
export class GoldenCase {
  readonly id: string;
  readonly group: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly expectedValues: Readonly<Record<string, unknown>>;
  readonly #inputs: string[];

  constructor(readonly entry: ManifestCase) {
    this.id = entry.id;
    this.group = entry.group;
    this.params = entry.params;
    this.expectedValues = entry.expected_values ?? {};
    this.#inputs = entry.input_from ? inputPatterns(entry.input_from) : [];
  }

  /** A parameter that must be a number. */
  number(name: string): number {
    const value = this.params[name];
    if (typeof value !== 'number') throw new Error(`${this.id}: expected a number in params.${name}, got ${value}.`);
    return value;
  }

  /** Names of this case's own tensors without the case id, in manifest order, of one role if given. */
  names(role?: 'input' | 'expected' | 'info'): string[] {
    return this.entry.tensors
      .filter((t) => role === undefined || t.role === role || t.role.startsWith(`${role} `))
      .map((t) => t.name.slice(this.id.length + 1));
  }

  #key(name: string): string | undefined {
    const tensors = tensorsOf(this.entry.file);
    const own = `${this.id}/${name}`;
    if (tensors.has(own)) return own;
    for (const pattern of this.#inputs) {
      const regex = matcher(pattern);
      const direct = `${pattern.slice(0, pattern.indexOf('/'))}/${name}`;
      if (tensors.has(direct) && regex.test(direct)) return direct;
      const lastName = [...tensors.keys()].find((key) => key.endsWith(`/${name}`) && regex.test(key));
      if (lastName !== undefined) return lastName;
    }
    return undefined;
  }

  /** Whether `tensor(name)` would find one. */
  has(name: string): boolean {
    return this.#key(name) !== undefined;
  }

  /** A tensor of this case, else the one of the same last name from the case that `input_from` names. */
  tensor(name: string): GoldenTensor {
    const key = this.#key(name);
    const found = key === undefined ? undefined : tensorsOf(this.entry.file).get(key);
    if (!found) throw new Error(`${this.id}: no tensor "${name}", nor one by input_from "${this.entry.input_from}".`);
    return found;
  }

  /** Names of all tensors that `input_from` brings in and the case itself does not have. */
  inheritedNames(): string[] {
    const names = new Set<string>();
    for (const pattern of this.#inputs) {
      const regex = matcher(pattern);
      for (const key of tensorsOf(this.entry.file).keys()) {
        if (regex.test(key)) names.add(key.slice(key.indexOf('/') + 1));
      }
    }
    return [...names].filter((name) => !tensorsOf(this.entry.file).has(`${this.id}/${name}`));
  }

  /** The manifest's entry of an own tensor. */
  description(name: string): ManifestTensor | undefined {
    return this.entry.tensors.find((t) => t.name === `${this.id}/${name}`);
  }

  /** The manifest's tolerance of an own tensor, resolved to numbers; throws for tolerances in plain words. */
  tolerance(name: string): Tolerance | 'exact' {
    const stored = this.description(name)?.tolerance;
    if (stored === undefined) return 'exact';
    if (typeof stored === 'string') {
      if (stored === 'exact') return 'exact';
      const product = /^([\d.e+-]+) \* (\S+)$/.exec(stored);
      if (product) return { allowed: this.#scaled(Number(product[1]), product[2]!) };
      throw new Error(`${this.id}/${name}: the tolerance "${stored}" is in words; the test must pass one of its own.`);
    }
    const allowed =
      stored.r === undefined ? undefined : this.#scaled(stored.r, (stored.relative_to ?? name).split(' ')[0]!);
    return { atol: stored.atol ?? 0, rtol: stored.rtol ?? 0, ...(allowed ? { allowed } : {}) };
  }

  #scaled(factor: number, name: string): number[] {
    return Array.from(this.tensor(name).data as ArrayLike<number>, (value) => factor * Math.abs(Number(value)));
  }

  /**
   * Compares `got` (row-major) with the expected tensor `name` under the manifest's tolerance, or under `tolerance`.
   * @throws Error naming the worst element
   */
  check(name: string, got: Numbers, tolerance: Tolerance | 'exact' = this.tolerance(name)): void {
    const expected = this.tensor(name);
    const allowed = forDevice(testDevice(), tolerance, got, expected.data);
    assertNumbers(got, expected.data, allowed, `${this.id}/${name}`, expected.shape);
  }

  /** Compares a number, flag, string or list with `expected_values[name]` under its tolerance (1e-9 without one). */
  checkValue(name: string, got: unknown): void {
    if (!(name in this.expectedValues)) throw new Error(`${this.id}: no expected value "${name}".`);
    const stored = this.entry.expected_values_tolerance?.[name];
    const tolerance = typeof stored === 'object' ? { atol: stored.atol ?? 0, rtol: stored.rtol ?? 0 } : VALUE_TOLERANCE;
    checkTree(got, this.expectedValues[name], tolerance, `${this.id}/${name}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkTree(got: unknown, expected: unknown, tolerance: Tolerance, label: string): void {
  if (typeof expected === 'number' && typeof got === 'number') {
    assertNumbers([got], [expected], forDevice(testDevice(), tolerance, [got], [expected]), label);
  } else if (Array.isArray(expected) && Array.isArray(got) && expected.length === got.length) {
    expected.forEach((value, i) => {
      checkTree(got[i], value, tolerance, `${label}[${i}]`);
    });
  } else if (isRecord(expected) && isRecord(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      checkTree(got[key], expected[key], tolerance, `${label}.${key}`);
    }
  } else if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`${label}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}.`);
  }
}

/** All cases of a group (its full name or its number, as "01"). */
export function casesOf(group: string): GoldenCase[] {
  return loadManifest()
    .cases.filter((entry) => entry.group === group || entry.group.startsWith(`${group}_`))
    .map((entry) => new GoldenCase(entry));
}

/** A check of the cases that `when` chooses: one test (`run`), or several named ones (`variants`). */
export interface Handler {
  readonly when: (golden: GoldenCase) => boolean;
  readonly run?: (golden: GoldenCase) => void | Promise<void>;
  readonly variants?: (golden: GoldenCase) => Record<string, () => void | Promise<void>>;
  /** Whether it needs no device (files, draws, integers), or which variants do not: they run once. False by default. */
  readonly hostOnly?: boolean | readonly string[];
}

/** Cases of a group that another file tests. */
export interface Elsewhere {
  readonly when: (golden: GoldenCase) => boolean;
  /** The file. */
  readonly testedIn: string;
}

/**
 * Makes a test of every case of a group on each device: the first handler whose `when` holds decides. A case that no handler
 * knows fails, so that nothing in a golden folder is passed over in silence.
 */
export function goldenGroup(group: string, handlers: readonly (Handler | Elsewhere)[], timeoutMs = 600_000): void {
  describe(`golden ${group}`, () => {
    const cases = casesOf(group);
    if (cases.length === 0) test.skip('no case of this group in the golden folder', () => {});
    const present = devices();
    let needsDevice = false;
    for (const golden of cases) {
      const handler = handlers.find((candidate) => candidate.when(golden));
      if (!handler) {
        test(golden.id, () => {
          throw new Error(`${golden.id}: no handler knows this case of ${golden.group} ("${golden.entry.checks}").`);
        });
      } else if (!('testedIn' in handler)) {
        const variants = handler.variants?.(golden) ?? {};
        if (handler.run) variants[''] = () => handler.run!(golden);
        for (const [name, body] of Object.entries(variants)) {
          const title = name ? `${golden.id} (${name})` : golden.id;
          const { hostOnly = false } = handler;
          const isHostOnly = typeof hostOnly === 'boolean' ? hostOnly : hostOnly.includes(name);
          for (const device of isHostOnly ? ['cpu'] : present) {
            const where = device === 'cpu' ? '' : ` on ${device}`;
            test(title + where, async () => runOnDevice(device, title, body), timeoutMs);
          }
          needsDevice ||= !isHostOnly;
        }
      }
    }
    if (needsDevice) mentionAbsent();
  });
}
