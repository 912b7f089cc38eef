/** @file Short names for conversions: `x.double()`, `x.cuda()`. */
import type { DType } from './dtype.js';
import { Tensor } from './tensor.js';

declare module './tensor.js' {
  interface Tensor<D, R> {
    /** This tensor as float32; like all conversions a new handle, on the same memory where nothing changes. */
    float(): Tensor<'float32', R>;
    /** This tensor as float64. */
    double(): Tensor<'float64', R>;
    /** This tensor as float16. */
    half(): Tensor<'float16', R>;
    /** This tensor as bfloat16. */
    bfloat16(): Tensor<'bfloat16', R>;
    /** This tensor as int64. */
    long(): Tensor<'int64', R>;
    /** This tensor as int32. */
    int(): Tensor<'int32', R>;
    /** This tensor as int16. */
    short(): Tensor<'int16', R>;
    /** This tensor as uint8. */
    byte(): Tensor<'uint8', R>;
    /** This tensor as bool: whether each element is not zero. */
    bool(): Tensor<'bool', R>;
    /** This tensor as complex64. */
    cfloat(): Tensor<'complex64', R>;
    /** This tensor as complex128. */
    cdouble(): Tensor<'complex128', R>;
    /** This tensor on the CPU: on the same memory when it is there, else a copy. Waits for the device. */
    cpu(): Tensor<D, R>;
    /**
     * This tensor on an NVIDIA device, the current one by default.
     * @param options  `nonBlocking`: do not wait for a copy out of pinned memory
     */
    cuda(index?: number, options?: { nonBlocking?: boolean }): Tensor<D, R>;
  }
}

const DTYPES: Readonly<Record<string, DType>> = {
  float: 'float32',
  double: 'float64',
  half: 'float16',
  bfloat16: 'bfloat16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
  byte: 'uint8',
  bool: 'bool',
  cfloat: 'complex64',
  cdouble: 'complex128',
};

function install(name: string, value: (this: Tensor, ...values: never[]) => Tensor): void {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}

for (const [name, dtype] of Object.entries(DTYPES))
  install(name, function () {
    return this.to(dtype);
  });

install('cpu', function () {
  return this.to({ device: 'cpu' });
});

install('cuda', function (index?: number, { nonBlocking = false }: { nonBlocking?: boolean } = {}) {
  return this.to({ device: index === undefined ? 'cuda' : `cuda:${index}`, nonBlocking });
});
