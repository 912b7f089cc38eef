/**
 * @file The tensor: a handle on native memory, its metadata, reading back, ownership and gradients.
 *
 * Every operator whose first argument is `self` is a method too; `generated/methods.ts` adds them.
 */
import { allocate, bytesOf, type Device, type DType, dtypeOf, type TypedArray, type TypedArrays } from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';
import { handlesOf } from './handle-list.js';
import { inspectCustom } from './inspect-custom.js';
import { type Handle, native } from './native.js';
import { formatTensor } from './print.js';

export type { DType } from './dtype.js';

/** Nested arrays of numbers; the nesting is the shape. */
export type NestedArray = number | boolean | readonly NestedArray[];

/** How to make a tensor. */
export interface TensorOptions<D extends DType = DType> {
  /** Element type; by default that of the typed array, else float32. */
  dtype?: D;
  /** Where it lives; `cpu` by default. */
  device?: Device;
  /** Record operations on it for `backward`; false by default. */
  requiresGrad?: boolean;
}

/** Frees tensors that were made outside every scope and then forgotten; the handle's generation makes a late call harmless. */
const finalization = new FinalizationRegistry<Handle>((handle) => native.release(handle));

/** Scopes that are open; less by `TRACKING` while each new tensor is told of, so that one comparison serves both. */
let openScopes = 0;
const TRACKING = 2 ** 30;
let listener: ((handle: Handle) => void) | null = null;

/** Has `listener` called for each tensor that gets an object; null for nobody. */
export function onWrap(next: ((handle: Handle) => void) | null): void {
  if (listener === null && next !== null) openScopes -= TRACKING;
  if (listener !== null && next === null) openScopes += TRACKING;
  listener = next;
}

/** Called by `scope` as it opens (+1) and closes (-1). */
export function countScopes(change: 1 | -1): void {
  openScopes += change;
}

/** Gives a handle from the addon its object; outside every scope the object joins the finalization net. */
export function wrap(handle: Handle): Tensor {
  const tensor = new Tensor(handle);
  if (openScopes <= 0) attend(tensor, handle);
  return tensor;
}

function attend(tensor: Tensor, handle: Handle): void {
  listener?.(handle);
  if (openScopes === 0 || openScopes === -TRACKING) finalization.register(tensor, handle);
}

/** As `wrap`, with 0 for no tensor. */
export function wrapOptional(handle: Handle): Tensor | null {
  return handle === 0 ? null : wrap(handle);
}

/** Puts a kept tensor into the finalization net. */
export function watch(tensor: Tensor): void {
  finalization.register(tensor, tensor.handle);
}

/**
 * A multi-dimensional array of one dtype on one device, in libtorch's memory.
 *
 * V8 does not see that memory: a tensor lives until its scope ends, or `dispose()`; use after that is a `DisposedTensorError`.
 * @typeParam D dtype, @typeParam R rank, as far as known when compiling
 */
// Merged with the generated methods, which are installed on the prototype.
export class Tensor<D extends DType = DType, R extends number = number> {
  /** @internal */
  constructor(
    /** Slot and generation in the native table. */
    readonly handle: Handle,
  ) {}

  /**
   * Carries `D` and `R` for the compiler alone; there is no such method. As the parameters of a method they are compared both
   * ways: a tensor of unknown dtype or rank may stand where a known one is wanted and the other way round, two different
   * known ones may not.
   * @internal
   */
  __known?(dtype: D, rank: R): void;

  /** Sizes of the dimensions, as a new array. */
  get shape(): number[] {
    return native.shape(this.handle);
  }

  /** Number of dimensions. */
  get rank(): number {
    return native.rank(this.handle);
  }

  /** Number of elements. */
  get numel(): number {
    return native.numel(this.handle);
  }

  /** Element type. */
  get dtype(): DType {
    return native.dtype(this.handle) as DType;
  }

  /** Device, e.g. `cpu` or `cuda:0`. */
  get device(): string {
    return native.device(this.handle);
  }

  /** Steps, in elements, between neighbours along each dimension. */
  get strides(): number[] {
    return native.strides(this.handle);
  }

  /** Bytes of one element. */
  get itemSize(): number {
    return native.itemSize(this.handle);
  }

  /** Whether operations on it are recorded; can be set on leaves only. */
  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  set requiresGrad(value: boolean) {
    native.setRequiresGrad(handlesOf([this]), value);
  }

  /** Whether it was made by the user, not by a recorded operation. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** Gradient that `backward` accumulated, or null; the tensor belongs to the current scope, the gradient itself to this leaf. */
  get grad(): Tensor<D, R> | null {
    return wrapOptional(native.gradient(this.handle)) as Tensor<D, R> | null;
  }

  set grad(value: Tensor | null) {
    native.setGradients(handlesOf([this]), value === null ? null : handlesOf([value]));
  }

  /** Whether its memory was given back. */
  get isDisposed(): boolean {
    return !native.alive(this.handle);
  }

  /**
   * The value of a tensor of one element, as a number (bool gives 0 or 1). Waits for the device.
   * @throws ArgumentError when it has more or fewer elements
   */
  item(): number {
    return native.item(this.handle);
  }

  /** A copy of the content in row-major order; float16 and bfloat16 are widened to float32. Waits for the device. */
  data<E extends DType>(this: Tensor<E, number>): TypedArrays[E] {
    const { dtype } = this;
    if (dtype === 'float16' || dtype === 'bfloat16') {
      const wide = this.to('float32');
      try {
        return wide.data() as TypedArrays[E];
      } finally {
        wide.dispose();
      }
    }
    const array = allocate(dtype as Exclude<DType, 'float16' | 'bfloat16'>, this.numel);
    native.readBytes(this.handle, bytesOf(array));
    return array as TypedArrays[E];
  }

  /** The raw little-endian bytes in row-major order, in the dtype as it is. Waits for the device. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.numel * this.itemSize);
    native.readBytes(this.handle, bytes);
    return bytes;
  }

  /**
   * Replaces the content by raw little-endian bytes in row-major order, in place, outside autograd and without taking memory:
   * the counterpart of `bytes()`. Waits for the device.
   * @param bytes  as many as the tensor has
   * @throws TorchError when there are more or fewer
   */
  setBytes_(bytes: Uint8Array): this {
    native.writeBytes(this.handle, bytes);
    return this;
  }

  /** The content as nested arrays of numbers (int64 beyond 2^53 is rounded, bool gives booleans). Waits for the device. */
  toArray(): NestedArray {
    const data = this.data() as ArrayLike<number | bigint>;
    const { shape } = this;
    const isBool = this.dtype === 'bool';
    const build = (dimension: number, offset: number, stride: number): NestedArray => {
      if (dimension === shape.length) return isBool ? data[offset] !== 0 : Number(data[offset]);
      const size = shape[dimension]!;
      const inner = stride / size;
      return Array.from({ length: size }, (_, i) => build(dimension + 1, offset + i * inner, inner));
    };
    return build(0, 0, Math.max(1, this.numel));
  }

  /** Accumulates gradients of this tensor into the leaves it depends on (PyTorch `Tensor.backward`). */
  backward(gradient?: Tensor | null, options: { retainGraph?: boolean; createGraph?: boolean } = {}): void {
    native.backward(
      this.handle,
      gradient?.handle ?? 0,
      options.retainGraph ?? options.createGraph ?? false,
      options.createGraph ?? false,
    );
  }

  /**
   * Keeps the gradient of a tensor inside the graph: after `backward` it is in `grad`, as for leaves (PyTorch
   * `Tensor.retain_grad`); harmless for leaves.
   * @throws ArgumentError when it does not require grad
   */
  retainGrad(): this {
    native.retainGrad(this.handle);
    return this;
  }

  /** This tensor on the CPU: itself when it is there, else a copy. Waits for the device. */
  cpu(): Tensor<D, R> {
    return (this as unknown as Tensor).to({ device: 'cpu' }) as unknown as Tensor<D, R>;
  }

  /**
   * This tensor on a CUDA device: itself when it is there, else a copy.
   * @param device               the current CUDA device by default
   * @param options.nonBlocking  the host does not wait when the tensor is in pinned memory (`pinMemory()`); then do not change it
   *   before the copy is done. False by default
   * @throws DeviceError without CUDA
   */
  cuda(device: Device = 'cuda', options: { nonBlocking?: boolean } = {}): Tensor<D, R> {
    const nonBlocking = options.nonBlocking ?? false;
    return (this as unknown as Tensor).to({ device, nonBlocking }) as unknown as Tensor<D, R>;
  }

  /** Gives the memory back now; doing it twice is harmless. */
  dispose(): void {
    native.release(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As PyTorch prints it: aligned, the middle of large tensors left out, with dtype, device and gradient when notable. */
  toString(): string {
    return formatTensor(this as unknown as Tensor);
  }

  [inspectCustom](): string {
    return this.toString();
  }

  /** Tensors have no JSON form. @throws ArgumentError always */
  toJSON(): never {
    throw new ArgumentError('Tensor.toJSON: a tensor has no JSON form. Use toArray(), or writeSafetensors for files.');
  }
}

function shapeOf(value: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray = value;
  while (typeof level === 'object') {
    shape.push(level.length);
    if (level.length === 0) break;
    level = level[0]!;
  }
  return shape;
}

function flatten(value: NestedArray, shape: readonly number[], depth: number, into: number[]): void {
  if (typeof value !== 'object') {
    if (depth !== shape.length)
      throw new ShapeError('tensor: expected nested arrays of equal length, got a ragged nesting');
    into.push(Number(value));
    return;
  }
  if (depth >= shape.length || value.length !== shape[depth])
    throw new ShapeError('tensor: expected nested arrays of equal length, got a ragged nesting');
  for (const element of value) flatten(element, shape, depth + 1, into);
}

function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/**
 * Makes a tensor from a typed array and a shape; the content is copied.
 * @throws ShapeError when the shape does not hold as many elements as the array
 */
export function fromTypedArray<D extends DType = DType>(
  data: TypedArray,
  shape: readonly number[],
  options: TensorOptions<D> = {},
): Tensor<D> {
  const numel = shape.reduce((product, size) => product * size, 1);
  if (numel !== data.length)
    throw new ShapeError(
      `fromTypedArray: expected ${numel} elements for shape [${shape.join(', ')}], got ${data.length}. Give the shape of the data.`,
    );
  const own = dtypeOf(data);
  const wanted = options.dtype ?? own;
  const direct = wanted === own || (wanted === 'bool' && own === 'uint8');
  let tensor = wrap(native.fromBytes(bytesOf(data), shape, direct ? wanted : own, options.device));
  if (!direct) {
    const converted = tensor.to(wanted);
    tensor.dispose();
    tensor = converted;
  }
  if (options.requiresGrad === true) tensor.requiresGrad = true;
  return tensor as Tensor<D>;
}

/**
 * Makes a tensor from raw little-endian bytes of the given dtype (float16 and bfloat16 too); the content is copied.
 * @throws ArgumentError when the length does not fit shape and dtype
 */
export function fromBytes<D extends DType>(
  bytes: Uint8Array,
  shape: readonly number[],
  options: { dtype: D; device?: Device },
): Tensor<D> {
  return wrap(native.fromBytes(bytes, shape, options.dtype, options.device)) as Tensor<D>;
}

/**
 * Makes a tensor from nested arrays, a number or a typed array (PyTorch `torch.tensor`); float32 unless said otherwise,
 * booleans give `bool`, typed arrays keep their own type.
 * @example tensor([[1, 2], [3, 4]], { requiresGrad: true })
 * @throws ShapeError when the nesting is ragged
 */
export function tensor<D extends DType = DType>(
  value: NestedArray | TypedArray,
  options: TensorOptions<D> = {},
): Tensor<D> {
  if (isTypedArray(value)) return fromTypedArray(value, [value.length], options);
  const shape = shapeOf(value);
  const flat: number[] = [];
  flatten(value, shape, 0, flat);
  let first: NestedArray | undefined = value;
  while (typeof first === 'object') first = first[0];
  const dtype: DType = options.dtype ?? (typeof first === 'boolean' ? 'bool' : 'float32');
  if (dtype === 'bool')
    return fromTypedArray(
      Uint8Array.from(flat, (x) => (x === 0 ? 0 : 1)),
      shape,
      { ...options, dtype: 'bool' },
    ) as unknown as Tensor<D>;
  if (dtype === 'int64')
    return fromTypedArray(
      BigInt64Array.from(flat, (x) => BigInt(x)),
      shape,
      options,
    );
  return fromTypedArray(dtype === 'float32' ? Float32Array.from(flat) : Float64Array.from(flat), shape, {
    ...options,
    dtype: dtype as D,
  });
}
