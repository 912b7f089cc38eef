/** @file Element types, and the typed arrays that hold them in JavaScript. */

/** Element type of a tensor, by PyTorch's name. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** A number that an operator takes as is: bigint for integers beyond 2^53. */
export type Scalar = number | bigint | boolean;

/** Where a tensor lives: `cpu`, `cuda` or `cuda:1`. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}` | (string & {});

/** Memory layout for `memoryFormat` options. */
export type MemoryFormat = 'contiguous' | 'channelsLast' | 'channelsLast3d' | 'preserve';

/** Storage layout for `layout` options. */
export type Layout = 'strided' | 'sparseCoo' | 'sparseCsr' | 'sparseCsc' | 'sparseBsr' | 'sparseBsc';

/** The typed array that `Tensor.data()` returns for each dtype; half-precision types are widened to float32. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Float32Array;
  bfloat16: Float32Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** Any typed array that a tensor can be made from. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** A new typed array of `length` elements for a dtype that has one (not float16 and bfloat16). */
export function allocate(dtype: Exclude<DType, 'float16' | 'bfloat16'>, length: number): TypedArray {
  return new constructors[dtype](length);
}

/** The dtype whose elements a typed array holds. */
export function dtypeOf(data: TypedArray): Exclude<DType, 'float16' | 'bfloat16' | 'bool'> {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int8Array) return 'int8';
  return 'uint8';
}

/** The bytes behind a typed array, without a copy. */
export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
