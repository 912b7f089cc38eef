/** @file Numpy's part of a pickle: element types, scalars and arrays, read from their state without numpy. */
import type { AllocationBudget } from './allocation-budget.js';
import { type AllowedGlobal, expectArguments, GlobalReference, latin1Bytes, PickleRefusal } from './pickle-allowed.js';
import { kindOf, NumpyArray, NumpyDtype, NumpyScalar, PickleTuple, type PickleValue } from './pickle-values.js';

/** Type codes of numpy: kind and bytes of one element. */
const DTYPES: ReadonlyMap<string, readonly [name: string, itemSize: number]> = new Map([
  ['f8', ['float64', 8]],
  ['f4', ['float32', 4]],
  ['f2', ['float16', 2]],
  ['i8', ['int64', 8]],
  ['i4', ['int32', 4]],
  ['i2', ['int16', 2]],
  ['i1', ['int8', 1]],
  ['u8', ['uint64', 8]],
  ['u4', ['uint32', 4]],
  ['u2', ['uint16', 2]],
  ['u1', ['uint8', 1]],
  ['b1', ['bool', 1]],
]);

const dtypeGlobal: AllowedGlobal = {
  call(args) {
    expectArguments('numpy.dtype', args, 1, 3);
    const [code] = args;
    const found = typeof code === 'string' ? DTYPES.get(code) : undefined;
    if (found === undefined)
      throw new PickleRefusal(`a numpy type "${String(code).slice(0, 20)}" that is no plain number`);
    return new NumpyDtype(...found);
  },
};

/** The bytes of a numpy value: bytes, or a Python 2 string. */
function rawBytes(value: PickleValue | undefined, budget: AllocationBudget): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return latin1Bytes(value, budget);
  throw new PickleRefusal(`numpy data in ${kindOf(value)} instead of bytes`);
}

function littleEndian(dtype: PickleValue | undefined): NumpyDtype {
  if (!(dtype instanceof NumpyDtype)) throw new PickleRefusal(`${kindOf(dtype)} instead of a numpy type`);
  if (!dtype.isLittleEndian && dtype.itemSize > 1) throw new PickleRefusal('big-endian numpy data');
  return dtype;
}

/** The IEEE half-precision number of 16 bits. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function scalarValue({ name, itemSize }: NumpyDtype, bytes: Uint8Array): number | bigint | boolean {
  if (bytes.length !== itemSize) throw new PickleRefusal(`a numpy ${name} of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, itemSize);
  const integer = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
  switch (name) {
    case 'float64':
      return view.getFloat64(0, true);
    case 'float32':
      return view.getFloat32(0, true);
    case 'float16':
      return half(view.getUint16(0, true));
    case 'int64':
      return integer(view.getBigInt64(0, true));
    case 'uint64':
      return integer(view.getBigUint64(0, true));
    case 'int32':
      return view.getInt32(0, true);
    case 'uint32':
      return view.getUint32(0, true);
    case 'int16':
      return view.getInt16(0, true);
    case 'uint16':
      return view.getUint16(0, true);
    case 'int8':
      return view.getInt8(0);
    case 'bool':
      return view.getUint8(0) !== 0;
    default:
      return view.getUint8(0);
  }
}

const scalarGlobal: AllowedGlobal = {
  call(args, budget) {
    expectArguments('numpy scalar', args, 2);
    const dtype = littleEndian(args[0]);
    return new NumpyScalar(dtype.name, scalarValue(dtype, rawBytes(args[1], budget)));
  },
};

const ndarrayGlobal: AllowedGlobal = {
  call() {
    throw new PickleRefusal('numpy.ndarray is called itself');
  },
};

/** Makes an empty array, which its state fills. */
const reconstructGlobal: AllowedGlobal = {
  call(args) {
    expectArguments('numpy _reconstruct', args, 3);
    const [type] = args;
    if (!(type instanceof GlobalReference) || type.meaning !== ndarrayGlobal)
      throw new PickleRefusal('numpy _reconstruct of something else than an array');
    return new NumpyArray();
  },
};

/** Column-major content in row-major order. */
function rowMajor(data: Uint8Array, shape: readonly number[], itemSize: number, budget: AllocationBudget): Uint8Array {
  budget.take(data.length);
  const result = new Uint8Array(data.length);
  const index = new Array<number>(shape.length).fill(0);
  const strides: number[] = [];
  let stride = itemSize;
  for (const size of shape) {
    strides.push(stride);
    stride *= size;
  }
  for (let to = 0; to < data.length; to += itemSize) {
    let from = 0;
    for (let axis = 0; axis < shape.length; axis++) from += index[axis]! * strides[axis]!;
    for (let i = 0; i < itemSize; i++) result[to + i] = data[from + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

function isSize(value: PickleValue): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function buildArray(array: NumpyArray, state: PickleValue, budget: AllocationBudget): void {
  const items = state instanceof PickleTuple ? state.items : [];
  if (items.length !== 5) throw new PickleRefusal('a numpy array without its state');
  const [, shape, type, isFortran, raw] = items;
  if (!(shape instanceof PickleTuple) || shape.items.length > 32 || !shape.items.every(isSize))
    throw new PickleRefusal('a numpy array without a valid shape');
  const dtype = littleEndian(type);
  const data = rawBytes(raw, budget);
  const sizes = shape.items as readonly number[];
  if (sizes.reduce((product, size) => product * size, dtype.itemSize) !== data.length)
    throw new PickleRefusal(`a numpy array of shape (${sizes.join(', ')}) in ${data.length} bytes`);
  array.dtype = dtype.name;
  array.shape = sizes;
  array.data = isFortran === true && sizes.length > 1 ? rowMajor(data, sizes, dtype.itemSize, budget) : data;
}

function buildDtype(dtype: NumpyDtype, state: PickleValue): void {
  const order = state instanceof PickleTuple ? state.items[1] : undefined;
  if (order !== '<' && order !== '|' && order !== '>' && order !== '=')
    throw new PickleRefusal('a numpy type without a byte order');
  dtype.isLittleEndian = order !== '>';
}

/**
 * Gives a numpy object its state.
 * @returns false when it is none
 */
export function buildNumpy(object: PickleValue, state: PickleValue, budget: AllocationBudget): boolean {
  if (object instanceof NumpyArray) buildArray(object, state, budget);
  else if (object instanceof NumpyDtype) buildDtype(object, state);
  else return false;
  return true;
}

/** Numpy's names, old and new. */
export const numpyGlobals: readonly (readonly [string, AllowedGlobal])[] = [
  ['numpy dtype', dtypeGlobal],
  ['numpy ndarray', ndarrayGlobal],
  ...['numpy.core.multiarray', 'numpy._core.multiarray'].flatMap((module) => [
    [`${module} scalar`, scalarGlobal] as const,
    [`${module} _reconstruct`, reconstructGlobal] as const,
  ]),
];
