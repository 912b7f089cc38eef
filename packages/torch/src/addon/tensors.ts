/** @file Functions of the addon: tensors from and to JavaScript memory, and their metadata. */
import type { Handle } from '../native.js';

export interface TensorFunctions {
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: string, device?: string): Handle;
  readBytes(tensor: Handle, into: Uint8Array): void;
  writeBytes(tensor: Handle, from: Uint8Array): void;
  item(tensor: Handle): number;
  itemBigInt(tensor: Handle): bigint;
  shape(tensor: Handle): number[];
  strides(tensor: Handle): number[];
  numel(tensor: Handle): number;
  rank(tensor: Handle): number;
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  itemSize(tensor: Handle): number;
  storageOffset(tensor: Handle): number;
  /** libtorch's name: `Strided`, `Sparse`, … */
  layout(tensor: Handle): string;
  /** Conjugated or negated by a bit, not in memory. */
  isLazy(tensor: Handle): boolean;
  /** Name of the recorded operation. */
  gradFn(tensor: Handle): string | undefined;
  isContiguous(tensor: Handle, channelsLast?: boolean): boolean;
  sameTensor(a: Handle, b: Handle): boolean;
  alias(tensor: Handle): Handle;
  /** A tensor in the memory of `bytes`. */
  borrow(bytes: Uint8Array, shape: readonly number[], dtype: string): Handle;
  /** The whole storage of a CPU tensor; keeps it alive. */
  expose(tensor: Handle): Uint8Array;
  /** Whether a typed array's memory is the tensor's storage. */
  inJavaScriptMemory(tensor: Handle): boolean;
}
