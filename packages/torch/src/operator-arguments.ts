/** @file What the generated operators check of their arguments before a call, and the errors when one does not fit. */
import { ArgumentError } from './errors.js';
import { OPERATORS } from './generated/table.js';
import { Generator } from './generator.js';
import { type HandleList, handlesOf } from './handle-list.js';
import type { Handle } from './native.js';
import { Tensor } from './tensor.js';

/** An entry of the table, read: `add.Tensor:self,other;alpha`; ours (`requires_grad`) stand among the options. */
interface Entry {
  readonly name: string;
  readonly positional: readonly string[];
  readonly options: readonly string[];
}

const camelCase = (name: string) =>
  name.replace(/([a-z0-9])_+([a-z0-9])/gi, (_, before: string, letter: string) => before + letter.toUpperCase());

function entryAt(index: number): Entry {
  const [name, call] = OPERATORS[index]!.split(':') as [string, string];
  const [positional, options = '', own = ''] = call.split(';') as [string, string?, string?];
  const list = (text: string) => (text === '' ? [] : text.split(',').map(camelCase));
  return { name, positional: list(positional), options: [...list(options), ...list(own)] };
}

/** Every way to call the operator of an entry, for messages: `max(self), max.dim(self, dim, { keepdim })`. */
function formsOf(index: number): string {
  const base = (entry: string) => /^[^.:]+/.exec(entry)?.[0];
  const isOut = (entry: Entry) => /(^|_)out(_|$)/.test(entry.name.split('.')[1] ?? '');
  const own = entryAt(index);
  const group = OPERATORS.flatMap((entry, i) => (base(entry) === base(own.name) ? [entryAt(i)] : []));
  return group
    .filter((entry) => isOut(entry) === isOut(own))
    .map((entry) => {
      const parts = [...entry.positional];
      if (entry.options.length > 0) parts.push(`{ ${entry.options.join(', ')} }`);
      return `${entry.name}(${parts.join(', ')})`;
    })
    .join(', ');
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof Tensor) return 'a Tensor';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${typeof value[0]}s`;
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    return keys.length === 0 ? 'an object' : `an object with ${keys.slice(0, 5).join(', ')}`;
  }
  return typeof value === 'string' ? `'${value}'` : `${typeof value} ${String(value)}`.replace('undefined ', '');
}

function refuse(index: number, place: number, expected: string, value: unknown): never {
  const { name, positional, options } = entryAt(index);
  const argument = positional[place] ?? options[place - positional.length];
  throw new ArgumentError(
    `aten::${name}: ${argument}: expected ${expected}, got ${describe(value)}. Call it as ${formsOf(index)}.`,
    `aten::${name}`,
  );
}

/** Said of a value that is no Tensor where one is needed. @throws ArgumentError always */
export function noTensor(value: unknown, index: number, place: number): never {
  return refuse(index, place, 'a Tensor', value);
}

/** The handle of an optional tensor. @throws ArgumentError when it is something else */
export function handleOrNull(
  tensor: Tensor | null | undefined,
  index: number,
  place: number,
): Handle | null | undefined {
  if (tensor === null || tensor === undefined) return tensor;
  return tensor.handle ?? refuse(index, place, 'a Tensor or null', tensor);
}

/** A list of tensors for the addon, which checks its elements. @throws ArgumentError when it is no array */
export function listOf(tensors: readonly (Tensor | null)[], index: number, place: number): HandleList {
  return Array.isArray(tensors) ? handlesOf(tensors) : refuse(index, place, 'an array of Tensors', tensors);
}

/** As `listOf`, of a list that may be left out. */
export function listOrNull(
  tensors: readonly (Tensor | null)[] | null | undefined,
  index: number,
  place: number,
): HandleList | null | undefined {
  return tensors === null || tensors === undefined ? tensors : listOf(tensors, index, place);
}

/** The addon's id of an optional generator. @throws ArgumentError when it is something else */
export function generatorOrNull(generator: unknown, index: number, place: number): number | null | undefined {
  if (generator === null || generator === undefined) return generator;
  return generator instanceof Generator ? generator.id : refuse(index, place, 'a Generator', generator);
}

const optionNames: (ReadonlySet<string> | undefined)[] = [];

function unknownOption(name: string, options: object, index: number): never {
  if (options instanceof Tensor || Array.isArray(options)) unexpected(options, index);
  const entry = entryAt(index);
  throw new ArgumentError(
    `aten::${entry.name}: unknown option '${name}'; it takes ${entry.options.join(', ')}. Call it as ${formsOf(index)}.`,
    `aten::${entry.name}`,
  );
}

/** Checks the options object of a call. @throws ArgumentError when it is something else or holds an option that the operator lacks */
export function known(options: object, index: number): void {
  if (typeof options !== 'object' || options === null) unexpected(options, index);
  let names = optionNames[index];
  if (names === undefined) {
    names = new Set(entryAt(index).options);
    optionNames[index] = names;
  }
  for (const name in options) if (!names.has(name)) unknownOption(name, options, index);
}

/** Said of a value after the last argument. @throws ArgumentError always */
export function unexpected(value: unknown, index: number): never {
  const { name, positional, options } = entryAt(index);
  const allowed =
    options.length === 0
      ? `no more than ${positional.length} argument${positional.length === 1 ? '' : 's'}`
      : `an object with options (${options.join(', ')}) as argument ${positional.length + 1}`;
  throw new ArgumentError(
    `aten::${name}: expected ${allowed}, got ${describe(value)}. Call it as ${formsOf(index)}.`,
    `aten::${name}`,
  );
}
