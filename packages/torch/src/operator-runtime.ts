/** @file What the generated operators share: ids resolved at first use, choosing between overloads, wrapping results. */
import { MissingOperatorError } from './errors.js';
import { OPERATORS } from './generated/table.js';
import { type HandleResults, mapHandles } from './handle-list.js';
import type { NamedTupleClass } from './named-tuple.js';
import { type Handle, native } from './native.js';
import { Tensor, wrap, wrapOptional } from './tensor.js';

const ids = new Int32Array(OPERATORS.length).fill(-1);

function resolve(index: number): number {
  const [name, call] = OPERATORS[index]!.split(':') as [string, string];
  const [positional = '', options = ''] = call.split(';');
  const names = `${positional},${options}`.split(',').filter((argument) => argument !== '');
  const [base, overload = ''] = name.split('.') as [string, string?];
  const found = native.resolve(`aten::${base}`, overload, names);
  if (found < 0) throw new MissingOperatorError(`aten::${name}`, native.version());
  ids[index] = found;
  return found;
}

/** The addon's id of an entry of the table. @throws MissingOperatorError when the loaded libtorch lacks it */
export function id(index: number): number {
  const known = ids[index]!;
  return known >= 0 ? known : resolve(index);
}

export function wrapAll(handles: unknown): Tensor[] {
  return mapHandles(handles as HandleResults, wrap);
}

/**
 * Several results by kind: T tensor (null where there is none), L list of tensors, V value.
 * @param Tuple  the class of the results' names, where they have names
 */
export function results(values: unknown, kinds: string, Tuple?: NamedTupleClass): unknown[] {
  const list = (values as unknown[]).map((value, i) => {
    if (kinds[i] === 'T') return wrapOptional(value as Handle);
    return kinds[i] === 'L' ? wrapAll(value) : value;
  });
  return Tuple === undefined ? list : new Tuple(...list);
}

export function isScalar(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

export function isTensorList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    (value.length === 0 || value[0] instanceof Tensor || value[0] === null || value[0] === undefined)
  );
}

export function isNumberList(value: unknown, orNumber: boolean): boolean {
  return Array.isArray(value) ? !(value[0] instanceof Tensor) : orNumber && typeof value === 'number';
}

export function isOptions(value: unknown): boolean {
  return (
    value === undefined ||
    (typeof value === 'object' && value !== null && !(value instanceof Tensor) && !Array.isArray(value))
  );
}

/** Whether a value names a device, not a dtype: `cpu`, `cuda`, `meta`, or any with a number. */
export function isDeviceName(value: unknown): boolean {
  return typeof value === 'string' && (value === 'cpu' || value === 'cuda' || value === 'meta' || value.includes(':'));
}

/** A tensor just made, with gradients where its options ask for them. @throws TorchError for a dtype that has none */
export function withGradient(tensor: Tensor, options: { requiresGrad?: boolean | undefined }): Tensor {
  if (options.requiresGrad !== true) return tensor;
  try {
    tensor.requiresGrad = true;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
  return tensor;
}

/** Puts functions whose first argument is a tensor onto its prototype. */
export function installMethods(
  functions: Record<string, (...values: unknown[]) => unknown>,
  names: readonly string[],
): void {
  for (const name of names) {
    const body = functions[name]!;
    const method =
      body.length <= 3
        ? function (this: Tensor, a?: unknown, b?: unknown) {
            return body(this, a, b);
          }
        : body.length <= 6
          ? function (this: Tensor, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown) {
              return body(this, a, b, c, d, e);
            }
          : function (this: Tensor, ...rest: unknown[]) {
              return body(this, ...rest);
            };
    Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
  }
}
