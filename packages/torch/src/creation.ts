/** @file Tensors from values of JavaScript: `tensor([[1, 2], [3, 4]])`. */
import { type ComplexDType, type DType, isTypedArray, type TypedArray } from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';
import { type ComplexRankOf, type DTypeOf, flatten, type NestedArray, type RankOf, shapeOf } from './nested.js';
import { checkOptions } from './options.js';
import type { Tensor } from './tensor.js';
import { type DTypeOfArray, fromTypedArray, type TensorOptions } from './typed-arrays.js';

const INTEGER_RANGES: Partial<Record<DType, readonly [bigint, bigint]>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int8: [-128n, 127n],
  uint8: [0n, 255n],
};

function toIntegers(values: readonly (number | bigint | boolean)[], dtype: DType, range: readonly [bigint, bigint]) {
  const integers = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new ArgumentError(`tensor: ${value} cannot be ${dtype}. Use a floating-point dtype, or replace it first.`);
    const integer = typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value);
    if (integer < range[0] || integer > range[1])
      throw new ArgumentError(
        `tensor: ${value} does not fit ${dtype}, which holds ${range[0]} to ${range[1]}. Use a wider dtype.`,
      );
    integers[i] = integer;
  }
  return integers;
}

/**
 * Makes a tensor from nested arrays, a single value or a typed array (PyTorch `torch.tensor`); the content is copied.
 *
 * Numbers give float32, bigints int64 (exactly), booleans bool, typed arrays their own dtype, unless a `dtype` is given. Fractions
 * are cut off in integer dtypes, as in PyTorch. For a complex dtype the innermost arrays are pairs `[re, im]`, as `toArray()` gives
 * them. The result's type says dtype and rank as far as the compiler sees the nesting.
 * @example tensor([[1, 2], [3, 4]], { requiresGrad: true }) // Tensor<'float32', 2>
 * @throws ShapeError when the nesting is ragged
 * @throws ArgumentError when kinds are mixed and no dtype is given, or NaN, an infinity or a number out of range would become an integer
 */
export function tensor<V extends NestedArray, D extends ComplexDType>(
  value: V,
  options: TensorOptions<D> & { dtype: D },
): Tensor<D, ComplexRankOf<V>>;
export function tensor<V extends NestedArray, D extends DType>(
  value: V,
  options: TensorOptions<D> & { dtype: D },
): Tensor<D, RankOf<V>>;
export function tensor<V extends NestedArray>(
  value: V,
  options?: TensorOptions & { dtype?: undefined },
): Tensor<DTypeOf<V>, RankOf<V>>;
export function tensor<T extends TypedArray>(
  value: T,
  options?: TensorOptions & { dtype?: undefined },
): Tensor<DTypeOfArray<T>, 1>;
export function tensor<D extends DType>(value: TypedArray, options: TensorOptions<D> & { dtype: D }): Tensor<D, 1>;
export function tensor(value: NestedArray | TypedArray, options?: TensorOptions): Tensor;
export function tensor(value: NestedArray | TypedArray, options: TensorOptions = {}): Tensor {
  checkOptions('tensor', options, ['dtype', 'device', 'requiresGrad']);
  if (isTypedArray(value)) {
    const pairs = options.dtype === 'complex64' || options.dtype === 'complex128';
    return fromTypedArray(value, [pairs ? value.length / 2 : value.length], options);
  }
  const shape = shapeOf(value);
  const { values, kind } = flatten(value, shape, options.dtype !== undefined);
  const dtype = options.dtype ?? (kind === 'boolean' ? 'bool' : kind === 'bigint' ? 'int64' : 'float32');
  const given = { ...options, dtype };
  if (dtype === 'bool')
    return fromTypedArray(
      Uint8Array.from(values, (x) => (x ? 1 : Number.isNaN(x) ? 1 : 0)),
      shape,
      given,
    );
  const range = INTEGER_RANGES[dtype];
  if (range !== undefined) return fromTypedArray(toIntegers(values, dtype, range), shape, given);
  if (dtype === 'complex64' || dtype === 'complex128') {
    if (values.length > 0 && shape.pop() !== 2)
      throw new ShapeError(
        `tensor: expected pairs [re, im] as innermost arrays for ${dtype}. Use tensor(x).to('${dtype}') for real numbers.`,
      );
  }
  const numbers = values.map(Number);
  const isSingle = dtype === 'float32' || dtype === 'complex64';
  return fromTypedArray(isSingle ? Float32Array.from(numbers) : Float64Array.from(numbers), shape, given);
}
