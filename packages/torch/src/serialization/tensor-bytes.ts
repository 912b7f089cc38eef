/** @file Between a tensor's memory and pieces of raw little-endian bytes, without a second copy of the whole. */
import type { DType } from '../dtype.js';
import { copy_, empty, narrow, ne, reshape, view } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';

/** A contiguous tensor's memory as a vector of bytes; shares the memory. */
export function bytesOf(tensor: Tensor): Tensor {
  const flat = reshape(tensor, [-1]);
  return tensor.dtype === 'uint8' ? flat : view(flat, 'uint8');
}

/**
 * Makes a tensor on the CPU from the pieces of its contiguous bytes; call it inside a scope.
 * @param chunks  together exactly as long as dtype and shape say
 */
export function tensorFromChunks(dtype: DType, shape: readonly number[], chunks: Iterable<Uint8Array>): Tensor {
  const tensor = empty([...shape], { dtype: dtype === 'bool' ? 'uint8' : dtype });
  if (!shape.includes(0)) {
    const bytes = bytesOf(tensor);
    let offset = 0;
    for (const chunk of chunks) {
      scope(() => {
        copy_(narrow(bytes, 0, offset, chunk.length), fromTypedArray(chunk, [chunk.length]));
      });
      offset += chunk.length;
    }
  }
  // Any other byte than 0 and 1 in a bool tensor is undefined behavior: they become 1.
  return dtype === 'bool' ? ne(tensor, 0) : tensor;
}
