/** @file Element types, and the typed arrays that hold them in JavaScript. */
import { ArgumentError } from './errors.js';

/**
 * Element type of a tensor, by PyTorch's name. libtorch 2.x has more (`uint16`, `float8_e4m3fn`, …): `Tensor.dtype` gives their
 * names, and operators take them (`x.to('float8_e4m3fn' as DType)`), but JavaScript has no array for them.
 */
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
  | 'bool'
  | 'complex64'
  | 'complex128';

/** Dtypes whose elements are pairs of a real and an imaginary part. */
export type ComplexDType = 'complex64' | 'complex128';

/** A number that an operator takes as is: bigint for integers beyond 2^53. */
export type Scalar = number | bigint | boolean;

/** Where a tensor lives: `cpu`, `cuda` or `cuda:1`. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}` | (string & {});

/** A device whose name tells it from a dtype, for `x.to('cuda')`. */
export type NamedDevice = 'cpu' | 'cuda' | `cuda:${number}` | 'meta';

/** Memory layout for `memoryFormat` options. */
export type MemoryFormat = 'contiguous' | 'channelsLast' | 'channelsLast3d' | 'preserve';

/** Storage layout for `layout` options. */
export type Layout = 'strided' | 'sparseCoo' | 'sparseCsr' | 'sparseCsc' | 'sparseBsr' | 'sparseBsc';

/**
 * The typed array that `Tensor.data()` returns for each dtype; half-precision types are widened to float32, complex ones are
 * interleaved: real, imaginary, real, imaginary, …
 */
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
  complex64: Float32Array;
  complex128: Float64Array;
}

/** The typed array that `Tensor.asTypedArray()` returns for each dtype: as `data()`, but half-precision types as their raw 16 bits. */
export interface MemoryArrays extends Omit<TypedArrays, 'float16' | 'bfloat16'> {
  float16: Uint16Array;
  bfloat16: Uint16Array;
}

/** Any typed array that a tensor can be made from; `Float16Array` too, where the runtime has it. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

const CONSTRUCTORS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
} satisfies Record<DType, unknown>;

/** Dtype of the elements of each kind of typed array, by the name that survives realms; other kinds are refused. */
const DTYPES: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  BigInt64Array: 'int64',
  Int32Array: 'int32',
  Int16Array: 'int16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
};

const ADVICE: Readonly<Record<string, string>> = {
  Uint16Array: 'Use Int32Array.from(data)',
  Uint32Array: 'Use BigInt64Array.from(data, BigInt)',
  BigUint64Array: 'Use new BigInt64Array(data.buffer, data.byteOffset, data.length) where no value is above 2^63 - 1',
};

/** Whether the dtype's elements are complex. */
export function isComplexDType(dtype: DType): dtype is ComplexDType {
  return dtype === 'complex64' || dtype === 'complex128';
}

/** Whether JavaScript has an array for the dtype: all but those of newer libtorch that `DType` does not list. */
export function hasTypedArray(dtype: string): dtype is DType {
  return Object.hasOwn(CONSTRUCTORS, dtype);
}

/** A typed array over memory: `length` elements of a dtype (pairs where it is complex, raw bits where it is half precision). */
export function arrayOver(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView {
  return new CONSTRUCTORS[dtype](buffer as ArrayBuffer, byteOffset, isComplexDType(dtype) ? 2 * length : length);
}

/** Whether a value is a typed array (no DataView). */
export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** The dtype whose elements a typed array holds. @throws ArgumentError for Uint16Array, Uint32Array and BigUint64Array */
export function dtypeOf(data: TypedArray): DType {
  const kind: string = Object.prototype.toString.call(data).slice(8, -1);
  // Buffer and other derived classes answer with the name of their base.
  const dtype = DTYPES[kind];
  if (dtype === undefined)
    throw new ArgumentError(
      `dtypeOf: expected a typed array of a dtype that every libtorch has, got a ${kind}. ${ADVICE[kind] ?? 'Give a Float32Array'}.`,
    );
  return dtype;
}

/** The bytes behind a typed array, without a copy. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
