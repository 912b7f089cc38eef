/** @file Types that say what is known of the dtype and the rank of results; the rules that use them are in `codegen/result-types.mjs`. */
import type { DType } from './dtype.js';

/** A size as operators take it: a list, or one number for one dimension. A list written in place gives the rank of the result. */
export type Size = number | readonly number[];

/** The rank of a tensor of a size: `RankOf<readonly [2, 3]>` is 2; `number` where the length is not known. */
export type RankOf<S extends Size> = S extends readonly number[] ? S['length'] : 1;

type Ups = [1, 2, 3, 4, 5, 6, 7, 8];
type Downs = [number, 0, 1, 2, 3, 4, 5, 6, 7];

/** A rank and one more, up to 8. */
export type RankUp<R extends number> = number extends R ? number : R extends keyof Ups & number ? Ups[R] : number;

/** A rank and one less, from 8. */
export type RankDown<R extends number> = number extends R ? number : R extends keyof Downs & number ? Downs[R] : number;

type IsOne<T> = [T] extends [infer U] ? (T extends unknown ? ([U] extends [T] ? true : false) : never) : never;

type Exact = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'complex64' | 'complex128';

/** Of operators that give floating-point numbers for integers and booleans (the default dtype), and keep the rest. */
export type Floating<D extends DType> = D extends Exact ? D : 'float32';

/** Of arithmetic between a tensor and a number: floating-point dtypes stay, integers may become floats. */
export type WithNumber<D extends DType> = D extends Exact ? D : DType;

/** Of arithmetic between two tensors: the dtype when both have the same, else it is left open (promotion). */
export type Together<A extends DType, B extends DType> = IsOne<A> extends true ? ([B] extends [A] ? A : DType) : DType;

/** Of broadcasting two tensors: the rank when both have the same, else it is left open. */
export type BroadcastRank<A extends number, B extends number> = number extends A | B
  ? number
  : IsOne<A> extends true
    ? [B] extends [A]
      ? A
      : number
    : number;
