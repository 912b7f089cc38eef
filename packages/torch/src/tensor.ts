/**
 * @file The tensor: a handle on native memory, its metadata, reading back, ownership and gradients.
 *
 * Every operator whose first argument is `self` is a method too; `generated/methods.ts` adds them.
 */
import { arrayOver, bytesOf, type DType, hasTypedArray, type MemoryFormat, type TypedArrays } from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';
import { handlesOf } from './handle-list.js';
import { inspectCustom } from './inspect-custom.js';
import { type Handle, native } from './native.js';
import { type ArrayOf, nest } from './nested.js';
import { formatTensor, inspectTensor } from './print.js';

export type { DType } from './dtype.js';

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

  /** Number of dimensions, as PyTorch calls it; the same as `rank`. */
  get ndim(): number {
    return this.rank;
  }

  /** Sizes of the dimensions as a new array, or of one dimension; negative counts from the end (PyTorch `Tensor.size`). */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    const { shape } = this;
    if (dim === undefined) return shape;
    const size = shape.at(dim);
    if (size === undefined || dim < -shape.length)
      throw new ShapeError(`size: expected a dimension from ${-shape.length} to ${shape.length - 1}, got ${dim}`);
    return size;
  }

  /** Element type. A dtype that only newer libtorch has gives its name too, e.g. `float8_e4m3fn`. */
  get dtype(): DType {
    return native.dtype(this.handle) as DType;
  }

  /** Device, e.g. `cpu` or `cuda:0`. */
  get device(): string {
    return native.device(this.handle);
  }

  /** Whether it lives on an NVIDIA device. */
  get isCuda(): boolean {
    return this.device.startsWith('cuda');
  }

  /** Whether its elements lie in row-major order without gaps, or for `channelsLast` in the order of images with channels last. */
  isContiguous(memoryFormat: Exclude<MemoryFormat, 'preserve'> = 'contiguous'): boolean {
    return native.isContiguous(this.handle, memoryFormat === 'channelsLast');
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

  /** Name of the recorded operation that made it, e.g. `MulBackward0`; null for leaves and without gradient. */
  get gradFn(): string | null {
    return native.gradFn(this.handle) ?? null;
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
   * @throws ArgumentError when it has more or fewer elements, is complex, or an integer beyond 2^53, which a number cannot hold
   *   exactly: `itemBigInt()` does
   */
  item(): number {
    return native.item(this.handle);
  }

  /**
   * The exact value of a tensor of one integer or boolean. Waits for the device.
   * @throws ArgumentError when it has more or fewer elements, or is of a floating-point dtype
   */
  itemBigInt(): bigint {
    return native.itemBigInt(this.handle);
  }

  /**
   * A copy of the content in row-major order: float16 and bfloat16 are widened to float32, complex numbers are interleaved, int64 is
   * exact as bigint. Waits for the device.
   * @throws ArgumentError for a dtype of newer libtorch that has no typed array
   */
  data<E extends DType>(this: Tensor<E, number>): TypedArrays[E] {
    const dtype: string = this.dtype;
    if (dtype === 'float16' || dtype === 'bfloat16') {
      const wide = this.to('float32');
      try {
        return wide.data() as TypedArrays[E];
      } finally {
        wide.dispose();
      }
    }
    if (!hasTypedArray(dtype))
      throw new ArgumentError(`data: JavaScript has no typed array for ${dtype}. Use to('float32') first, or bytes().`);
    const { numel } = this;
    const array = arrayOver(dtype, new ArrayBuffer(numel * this.itemSize), 0, numel);
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

  /**
   * The content as nested arrays: bool gives booleans, complex numbers `[re, im]`, all others numbers. A tensor without dimensions
   * gives its value. Waits for the device.
   * @throws ArgumentError when an int64 is beyond 2^53, which a number cannot hold exactly: `data()` gives bigints
   */
  toArray<E extends DType, Q extends number>(this: Tensor<E, Q>): ArrayOf<E, Q> {
    return nest(this.data() as ArrayLike<number | bigint>, this.shape, this.dtype) as ArrayOf<E, Q>;
  }

  /**
   * Accumulates gradients of this tensor into the leaves it depends on (PyTorch `Tensor.backward`).
   * @param gradient  that comes into this tensor, of its shape; null, the default, for a scalar
   */
  backward(gradient?: Tensor | null, options: { retainGraph?: boolean; createGraph?: boolean } = {}): void {
    if (gradient !== undefined && gradient !== null && !(gradient instanceof Tensor))
      throw new ArgumentError(
        'backward: expected the gradient, a Tensor or null, as the first argument. Options come second: backward(null, { retainGraph: true }).',
      );
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

  [inspectCustom](depth: number | null, options: { depth?: number | null | undefined }): string {
    // Without a limit of depth the level is unknown: then as inside an object, which is aligned everywhere.
    const isNested = depth === null || depth === Number.POSITIVE_INFINITY || depth !== options.depth;
    return inspectTensor(this as unknown as Tensor, depth, isNested);
  }

  /** Tensors have no JSON form. @throws ArgumentError always */
  toJSON(): never {
    throw new ArgumentError('Tensor.toJSON: a tensor has no JSON form. Use toArray(), or writeSafetensors for files.');
  }
}
