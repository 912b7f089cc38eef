/**
 * @file Tensors from typed arrays and bytes, and typed arrays over tensors: copied, or one memory for both.
 *
 * Shared memory is written to by both sides without either knowing: autograd does not see what JavaScript writes.
 */
import { markAsUntransferable } from 'node:worker_threads';
import {
  arrayOver,
  bytesOf,
  type Device,
  type DType,
  dtypeOf,
  hasTypedArray,
  isComplexDType,
  type MemoryArrays,
  type TypedArray,
} from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';
import { native } from './native.js';
import { withGradient } from './operator-runtime.js';
import { checkOptions } from './options.js';
import { Tensor, wrap } from './tensor.js';

/** How to make a tensor. */
export interface TensorOptions<D extends DType = DType> {
  /** Element type; by default that of the typed array, or the one that the values ask for. */
  dtype?: D | undefined;
  /** Where it lives; `cpu` by default. */
  device?: Device | undefined;
  /** Record operations on it for `backward`; false by default. */
  requiresGrad?: boolean | undefined;
}

/** How to make a tensor from a typed array. */
export interface TypedArrayOptions<D extends DType = DType> extends TensorOptions<D> {
  /** Whether the tensor gets memory of its own (true, the default) or lives in that of the array. */
  copy?: boolean | undefined;
}

/** Dtype of the tensor that a typed array makes when none is asked for. */
export type DTypeOfArray<T extends TypedArray> = T extends Float32Array
  ? 'float32'
  : T extends Float64Array
    ? 'float64'
    : T extends BigInt64Array
      ? 'int64'
      : T extends Int32Array
        ? 'int32'
        : T extends Int16Array
          ? 'int16'
          : T extends Int8Array
            ? 'int8'
            : T extends Uint8Array | Uint8ClampedArray
              ? 'uint8'
              : DType;

function refuseTransfer(): never {
  throw new TypeError(
    'ArrayBuffer.transfer: a tensor lives in this memory (fromTypedArray with copy: false, or asTypedArray). Copy it with slice().',
  );
}

/** Memory that a tensor uses must stay where it is: neither messages nor `transfer()` may take it away. */
function pin(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer)) return; // shared memory is never transferred
  markAsUntransferable(buffer);
  for (const name of ['transfer', 'transferToFixedLength'])
    if (name in buffer && !Object.hasOwn(buffer, name)) Object.defineProperty(buffer, name, { value: refuseTransfer });
}

function borrow(data: TypedArray, shape: readonly number[], own: DType, options: TypedArrayOptions): Tensor {
  const refuse = (problem: string): never => {
    throw new ArgumentError(`fromTypedArray: copy: false needs ${problem}. Leave out copy: false.`);
  };
  const wanted = options.dtype ?? own;
  const isPairs = (wanted === 'complex64' && own === 'float32') || (wanted === 'complex128' && own === 'float64');
  if (wanted !== own && !isPairs) refuse(`the array's own dtype ${own}, got dtype ${wanted}`);
  if (options.device !== undefined && options.device !== 'cpu')
    refuse(`the device cpu, where the array is, got ${options.device}`);
  const { buffer } = data as { buffer: ArrayBufferLike & { resizable?: boolean } };
  if (buffer.resizable === true) refuse('memory of fixed size, got a resizable ArrayBuffer');
  const tensor = wrap(native.borrow(bytesOf(data), shape, wanted));
  pin(buffer);
  return tensor;
}

/**
 * Makes a tensor from a typed array and a shape. Complex dtypes take interleaved real and imaginary parts.
 *
 * The content is copied, unless `copy: false`: then the tensor lives in the array's memory for as long as any tensor uses it, and
 * what one side writes the other sees. That memory can never be transferred afterwards, and growing the tensor in place fails.
 * A `SharedArrayBuffer` may be used by tensors of several threads at once; who writes when is yours to order. Memory of a
 * `WebAssembly.Memory` must be copied: it moves when it grows.
 * @param shape  sizes of the dimensions; by default one dimension
 * @throws ShapeError when the shape does not hold as many elements as the array
 * @throws ArgumentError for Uint16Array, Uint32Array and BigUint64Array; with `copy: false` for another dtype or device than the
 *   array's, and for resizable or misaligned memory
 */
export function fromTypedArray<T extends TypedArray, const S extends readonly number[]>(
  data: T,
  shape: S,
  options?: TypedArrayOptions & { dtype?: undefined },
): Tensor<DTypeOfArray<T>, S['length']>;
export function fromTypedArray<D extends DType, const S extends readonly number[]>(
  data: TypedArray,
  shape: S,
  options: TypedArrayOptions<D> & { dtype: D },
): Tensor<D, S['length']>;
export function fromTypedArray(data: TypedArray, shape: readonly number[], options?: TypedArrayOptions): Tensor;
export function fromTypedArray(data: TypedArray, shape: readonly number[], options: TypedArrayOptions = {}): Tensor {
  checkOptions('fromTypedArray', options, ['dtype', 'device', 'requiresGrad', 'copy']);
  const own = dtypeOf(data);
  const wanted = options.dtype ?? own;
  const numel = shape.reduce((product, size) => product * size, 1);
  if ((isComplexDType(wanted) ? 2 * numel : numel) !== data.length)
    throw new ShapeError(
      `fromTypedArray: expected ${isComplexDType(wanted) ? `${2 * numel} parts of ${numel}` : numel} elements for shape [${shape.join(', ')}], got ${data.length}. Give the shape of the data.`,
    );
  const tensor = options.copy === false ? borrow(data, shape, own, options) : copyOf(data, shape, own, wanted, options);
  return withGradient(tensor, options);
}

function copyOf(
  data: TypedArray,
  shape: readonly number[],
  own: DType,
  wanted: DType,
  { device }: TypedArrayOptions,
): Tensor {
  let direct = wanted === own ? wanted : wanted === 'bool' && own === 'uint8' ? undefined : own;
  if (isComplexDType(wanted)) {
    if (own !== 'float32' && own !== 'float64')
      throw new ArgumentError(
        `fromTypedArray: expected a Float32Array or Float64Array of real and imaginary parts for ${wanted}, got ${own}.`,
      );
    direct = own === 'float32' ? 'complex64' : 'complex128';
  }
  // A byte of a bool tensor must be 0 or 1: any other is made so.
  const bytes = direct === undefined ? Uint8Array.from(data as Uint8Array, (x) => (x === 0 ? 0 : 1)) : bytesOf(data);
  const made = wrap(native.fromBytes(bytes, shape, direct ?? 'bool', device));
  if ((direct ?? 'bool') === wanted) return made;
  const converted = made.to(wanted);
  made.dispose();
  return converted;
}

/**
 * Makes a tensor from raw little-endian bytes of the given dtype (float16 and bfloat16 too); the content is copied.
 * @throws ArgumentError when the length does not fit shape and dtype
 */
export function fromBytes<D extends DType>(
  bytes: Uint8Array,
  shape: readonly number[],
  options: { dtype: D; device?: Device | undefined },
): Tensor<D> {
  return wrap(native.fromBytes(bytes, shape, options.dtype, options.device)) as Tensor<D>;
}

/** See `Tensor.asTypedArray`. */
export function asTypedArray<D extends DType>(tensor: Tensor<D>): MemoryArrays[D] {
  const { handle } = tensor;
  const refuse = (problem: string, advice: string): never => {
    throw new ArgumentError(`asTypedArray: expected ${problem}. ${advice}, or data() for a copy.`);
  };
  const dtype: string = tensor.dtype;
  if (!hasTypedArray(dtype))
    return refuse(`a dtype that JavaScript has an array for, got ${dtype}`, "Use to('float32')");
  if (tensor.device !== 'cpu') refuse(`a tensor on the cpu, got ${tensor.device}`, 'Use cpu()');
  if (native.layout(handle) !== 'Strided') refuse('a dense tensor, got a sparse one', 'Use toDense()');
  if (tensor.requiresGrad) refuse('a tensor without gradient, which writing would not know of', 'Use detach()');
  if (native.isLazy(handle)) refuse('numbers in memory, got a lazy conjugate', 'Use resolveConj()');
  if (!tensor.isContiguous()) refuse('a contiguous tensor', 'Use contiguous()');
  const { numel } = tensor;
  const storage = native.expose(handle);
  pin(storage.buffer);
  const offset = numel === 0 ? 0 : native.storageOffset(handle) * tensor.itemSize;
  return arrayOver(dtype, storage.buffer, storage.byteOffset + offset, numel) as MemoryArrays[D];
}

declare module './tensor.js' {
  interface Tensor<D, R> {
    /**
     * A typed array over the tensor's own memory, in row-major order: no copy, and what one side writes the other sees. Half
     * precision shows as raw 16-bit patterns, complex numbers interleaved. The array keeps the memory alive: it stays valid when
     * the tensor is disposed of or its scope ends. That memory can no longer grow in place or be transferred to another thread.
     * @throws ArgumentError unless the tensor is dense, contiguous, on the CPU and without gradient
     */
    asTypedArray<E extends DType>(this: Tensor<E, number>): MemoryArrays[E];
  }
}

Object.defineProperty(Tensor.prototype, 'asTypedArray', {
  value: function (this: Tensor) {
    return asTypedArray(this);
  },
  writable: true,
  configurable: true,
});
