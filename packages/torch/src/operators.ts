/** @file Operators by name: whether one is there, and calling custom ones from a loaded library. */
import { join, resolve as resolvePath } from 'node:path';
import { MissingOperatorError } from './errors.js';
import { Generator } from './generator.js';
import { handlesOf } from './handle-list.js';
import { buildTag, native } from './native.js';
import { results, wrapAll } from './operator-runtime.js';
import { Tensor, wrapOptional } from './tensor.js';

/** Ids of operators asked for by name; each holds a plan in the addon, so it is made once. */
const resolved = new Map<string, number>();

/** The addon's id of an operator, or -1; an absent one is asked for again, since a library may bring it. */
function resolve(name: string): number {
  const qualified = name.includes('::') ? name : `aten::${name}`;
  const known = resolved.get(qualified);
  if (known !== undefined) return known;
  const dot = qualified.indexOf('.');
  const id =
    dot < 0 ? native.resolve(qualified, '') : native.resolve(qualified.slice(0, dot), qualified.slice(dot + 1));
  if (id >= 0) resolved.set(qualified, id);
  return id;
}

/** Whether the loaded libtorch has an operator: `has('aten::scaled_dot_product_attention')`, `has('add.Tensor')`. */
export function has(name: string): boolean {
  return resolve(name) >= 0;
}

/** A value that an operator called by name takes. */
export type OperatorValue =
  | Tensor
  | readonly (Tensor | null)[]
  | number
  | bigint
  | boolean
  | string
  | readonly number[]
  | readonly boolean[]
  | readonly string[]
  | Generator
  | null
  | undefined;

function convert(value: OperatorValue): unknown {
  if (value instanceof Tensor) return value.handle;
  if (value instanceof Generator) return value.id;
  if (Array.isArray(value) && (value[0] instanceof Tensor || value[0] === null)) return handlesOf(value as Tensor[]);
  return value;
}

/**
 * Any registered operator as a function of its schema's arguments, all in order; undefined takes the default.
 * @returns a Tensor, list or value; an array for several results
 * @example const rotate = ops('my_library::rotate'); const y = rotate(x, 90) as Tensor;
 * @throws MissingOperatorError when it is not registered: call `loadLibrary` first
 */
export function ops(name: string): (...values: OperatorValue[]) => unknown {
  const operator = resolve(name);
  if (operator < 0) throw new MissingOperatorError(name, native.version());
  const kinds = native.returnKinds(operator);
  return (...values) => {
    const result = native.invoke(operator, ...values.map(convert));
    if (kinds.length > 1) return results(result, kinds);
    if (kinds === 'T') return wrapOptional(result as number);
    return kinds === 'L' ? wrapAll(result) : result;
  };
}

/** Loads a library whose static initialisers register operators (`TORCH_LIBRARY`). @throws ArgumentError with the loader's reason */
export function loadLibrary(path: string): void {
  native.loadLibrary(resolvePath(path));
}

/** Path of a library of custom operators for the libtorch in use: `buildFolder/<build>/<name>.so`. */
export function operatorLibraryPath(buildFolder: string, name: string): string {
  return join(buildFolder, buildTag, `${name}.so`);
}
