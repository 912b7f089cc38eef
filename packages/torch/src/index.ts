/// <reference lib="esnext.disposable" preserve="true" />
/**
 * @file The door of @suave/torch: libtorch for TypeScript.
 * @example
 * import * as torch from '@suave/torch';
 * const x = torch.tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * torch.scope(() => x.mul(x).sum().backward());
 * console.log(x.grad?.toArray()); // [[2, 4], [6, 8]]
 */
import './conversions.js';
import './generated/methods.js';

export * from './autograd/index.js';
export { tensor } from './creation.js';
export * as backends from './devices/backends.js';
export * as cuda from './devices/cuda.js';
export {
  areDeterministicAlgorithmsEnabled,
  type Float32MatmulPrecision,
  getFloat32MatmulPrecision,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  setFloat32MatmulPrecision,
  useDeterministicAlgorithms,
} from './devices/precision.js';
export { forkRng, getRngState, setRngState } from './devices/random.js';
export * from './distributed/index.js';
export {
  type ComplexDType,
  type Device,
  type DType,
  dtypeOf,
  type Layout,
  type MemoryArrays,
  type MemoryFormat,
  type NamedDevice,
  type Scalar,
  type TypedArray,
  type TypedArrays,
} from './dtype.js';
export {
  AnomalyError,
  ArgumentError,
  CaptureError,
  DeviceError,
  DisposedTensorError,
  GradCheckError,
  LibtorchNotFoundError,
  MissingOperatorError,
  OutOfMemoryError,
  ShapeError,
  TorchError,
} from './errors.js';
export type * from './generated/named.js';
export * from './generated/operators.js';
export * from './generated/out.js';
export { Generator, manualSeed } from './generator.js';
export { at, type Index, type Slice, setAt, slice } from './indexing.js';
export type { ArrayOf, NestedArray } from './nested.js';
export * as nn from './nn/index.js';
export { has, loadLibrary, type OperatorValue, operatorLibraryPath, ops } from './operators.js';
export * as optim from './optim/index.js';
export { type PrintOptions, printOptions, setPrintOptions } from './print-options.js';
export { getNumThreads, libtorchInfo, libtorchVersion, setNumThreads } from './runtime.js';
export { keep, liveTensors, liveTensorsByDevice, peakLiveTensors, releaseFreeMemory, scope } from './scope.js';
export * from './serialization/index.js';
export { Tensor } from './tensor.js';
export { disposeShared, fromShared, type SharedTensor, sharedTensors, shareTensor } from './threads.js';
export {
  type CallCount,
  countCalls,
  diffTraces,
  type OperatorTrace,
  type TracedCall,
  type TracedTensor,
  type TracedValue,
  traceOperators,
} from './trace.js';
export { type TensorTracker, type TrackedPlace, trackTensors } from './track.js';
export { fromBytes, fromTypedArray, type TensorOptions, type TypedArrayOptions } from './typed-arrays.js';
