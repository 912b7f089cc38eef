/** @file What a Python pickle can hold here: plain data, as JavaScript values where there are equal ones. */

/**
 * A value of a pickle. `None` is null; int is number, beyond 2^53 bigint; `str` of both Pythons is string (Python 2's as
 * Latin-1); bytes are Uint8Array; lists are arrays, dictionaries and OrderedDicts are maps, sets are sets.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleSet
  | PickleObject;

/** A dictionary in its own order. */
export interface PickleDict extends Map<PickleValue, PickleValue> {}

/** A set or frozenset. */
export interface PickleSet extends Set<PickleValue> {}

/** Base of every other kind of value. */
export abstract class PickleObject {
  /** For messages: `a numpy array`. */
  abstract readonly kind: string;
}

/** A tuple (also `torch.Size`). */
export class PickleTuple extends PickleObject {
  readonly kind = 'a tuple';
  constructor(readonly items: readonly PickleValue[]) {
    super();
  }
}

/** An `argparse.Namespace`: attributes by name. */
export class PickleNamespace extends PickleObject {
  readonly kind = 'an argparse namespace';
  readonly attributes: PickleDict = new Map();
}

/** Element type of numpy data. */
export class NumpyDtype extends PickleObject {
  readonly kind = 'a numpy dtype';
  /** Set by the state that follows the type in the pickle. */
  isLittleEndian = true;

  constructor(
    /** `float64`, `int32`, `uint8`, `bool`, … */
    readonly name: string,
    /** Bytes of one element. */
    readonly itemSize: number,
  ) {
    super();
  }
}

/** One number of numpy, such as `numpy.float64`. */
export class NumpyScalar extends PickleObject {
  readonly kind = 'a numpy scalar';
  constructor(
    readonly dtype: string,
    readonly value: number | bigint | boolean,
  ) {
    super();
  }
}

/** A numpy array: row-major, little-endian bytes. */
export class NumpyArray extends PickleObject {
  readonly kind = 'a numpy array';
  dtype = 'uint8';
  shape: readonly number[] = [0];
  data: Uint8Array = new Uint8Array(0);
}

/** Whether a value is a dictionary. */
export function isDict(value: PickleValue | undefined): value is PickleDict {
  return value instanceof Map;
}

/** A value's kind in words, for messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'a truth value';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  if (typeof value === 'string') return 'a text';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dictionary';
  if (value instanceof Set) return 'a set';
  return value.kind;
}
