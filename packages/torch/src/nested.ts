/** @file Nested arrays: what they say about shape and dtype, also to the compiler, and the way from them and back. */
import { type ComplexDType, type DType, isComplexDType } from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';

/** Nested arrays of numbers, of bigints or of booleans; the nesting is the shape. */
export type NestedArray = number | bigint | boolean | readonly NestedArray[];

type Depth<V, Counted extends unknown[] = []> = Counted['length'] extends 8
  ? number
  : [V] extends [readonly (infer Element)[]]
    ? [Element] extends [never]
      ? [...Counted, unknown]['length']
      : Depth<Element, [...Counted, unknown]>
    : [V] extends [number | bigint | boolean]
      ? Counted['length']
      : number;

/** Rank of the tensor that nested arrays make, where their type tells it, else `number`. */
export type RankOf<V> = Depth<V> extends infer Rank extends number ? Rank : number;

/** Rank where pairs `[re, im]` are elements. */
export type ComplexRankOf<V> = V extends readonly (infer Element)[] ? RankOf<Element> : number;

type Leaf<V, Counted extends unknown[] = []> = Counted['length'] extends 8
  ? unknown
  : V extends readonly (infer Element)[]
    ? Leaf<Element, [...Counted, unknown]>
    : V;

/** Dtype of the tensor that nested arrays make when none is asked for. */
export type DTypeOf<V> = [Leaf<V>] extends [never]
  ? 'float32'
  : [Leaf<V>] extends [number]
    ? 'float32'
    : [Leaf<V>] extends [bigint]
      ? 'int64'
      : [Leaf<V>] extends [boolean]
        ? 'bool'
        : DType;

type ElementOf<D extends DType> = D extends 'bool' ? boolean : D extends ComplexDType ? [number, number] : number;

/** What `toArray()` of a tensor gives, as far as dtype and rank are known when compiling. */
export type ArrayOf<D extends DType, R extends number> = R extends keyof Nestings<unknown>
  ? Nestings<ElementOf<D>>[R]
  : NestedArray;

// A lookup with the rank on the left only: any other form would make Tensor<D, 2> no Tensor<D>.
interface Nestings<E> {
  0: E;
  1: E[];
  2: E[][];
  3: E[][][];
  4: E[][][][];
  5: E[][][][][];
}

/** Nested arrays of a shape from elements in row-major order. @throws ArgumentError for an integer beyond 2^53 */
export function nest(data: ArrayLike<number | bigint>, shape: readonly number[], dtype: DType): NestedArray {
  const pairs = isComplexDType(dtype);
  const sizes = pairs ? [...shape, 2] : shape;
  const element = (value: number | bigint): number | boolean => {
    if (dtype === 'bool') return value !== 0;
    if (typeof value === 'number') return value;
    const number = Number(value);
    if (Math.abs(number) > 2 ** 53 || BigInt(number) !== value)
      throw new ArgumentError(
        `toArray: ${value} is beyond 2^53, where a number is not exact. Use data(), which gives bigints.`,
      );
    return number;
  };
  let next = 0;
  const build = (dimension: number): NestedArray => {
    const size = sizes[dimension];
    if (size === undefined) return element(data[next++] ?? 0);
    return Array.from({ length: size }, () => build(dimension + 1));
  };
  return build(0);
}

/** The shape that the first elements say; `flatten` finds whether the others agree. */
export function shapeOf(value: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray | undefined = value;
  while (Array.isArray(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : typeof value;
}

/** The elements in row-major order, and what kind they are. */
export interface Flat {
  readonly values: (number | bigint | boolean)[];
  readonly kind: 'number' | 'bigint' | 'boolean';
}

/**
 * Flattens nested arrays.
 * @param mayMix  whether numbers, bigints and booleans may stand side by side, since a dtype was asked for
 * @throws ShapeError for a ragged nesting, ArgumentError for elements of several kinds or of none of them
 */
export function flatten(value: NestedArray, shape: readonly number[], mayMix: boolean): Flat {
  const values: (number | bigint | boolean)[] = [];
  let kind: string | undefined;
  const path: number[] = [];
  const place = (): string => path.map((i) => `[${i}]`).join('');
  const walk = (part: NestedArray): void => {
    const depth = path.length;
    if (Array.isArray(part)) {
      if (depth >= shape.length || part.length !== shape[depth])
        throw new ShapeError(
          `tensor: expected nested arrays of equal length, got a ragged nesting: ${
            depth >= shape.length
              ? `an array at ${place()} where others have a value`
              : `${part.length} elements at ${place() || 'the top'} where others have ${shape[depth]}`
          }.`,
        );
      path.push(0);
      for (let i = 0; i < part.length; i++) {
        path[depth] = i;
        walk(part[i]);
      }
      path.pop();
      return;
    }
    const own = typeof part;
    if (own !== 'number' && own !== 'bigint' && own !== 'boolean')
      throw new ArgumentError(
        `tensor: expected numbers, bigints or booleans in nested arrays, got ${nameOf(part)}${depth > 0 ? ` at ${place()}` : ''}.`,
      );
    if (depth !== shape.length)
      throw new ShapeError(
        `tensor: expected nested arrays of equal length, got a ragged nesting: a value at ${place()} where others have an array.`,
      );
    kind ??= own;
    if (own !== kind && !mayMix)
      throw new ArgumentError(
        `tensor: expected elements of one kind, got a ${kind} and, at ${place()}, a ${own}. Give a dtype, or values of one kind.`,
      );
    values.push(part as number | bigint | boolean);
  };
  walk(value);
  return { values, kind: (kind ?? 'number') as Flat['kind'] };
}
