/** @file Functions of the addon: tensors from and to JavaScript memory, and their metadata. */
import type { Handle } from '../native.js';

export interface TensorFunctions {
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: string, device?: string): Handle;
  readBytes(tensor: Handle, into: Uint8Array): void;
  writeBytes(tensor: Handle, from: Uint8Array): void;
  item(tensor: Handle): number;
  shape(tensor: Handle): number[];
  strides(tensor: Handle): number[];
  numel(tensor: Handle): number;
  rank(tensor: Handle): number;
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  itemSize(tensor: Handle): number;
  isContiguous(tensor: Handle): boolean;
  sameTensor(a: Handle, b: Handle): boolean;
  alias(tensor: Handle): Handle;
}
