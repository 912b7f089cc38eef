/** @file Scaled dot-product attention. Legend: N sequences, H heads, T tokens, D size of a head. */
import type { DType } from '../dtype.js';
import { scaledDotProductAttention as fused, matmul, mul, softmax, to, transpose } from '../generated/operators.js';
import { has } from '../operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

const isHalf = (dtype: DType) => dtype === 'float16' || dtype === 'bfloat16';

/**
 * `softmax(q kᵀ / √D)` over the last dimension, in at least float32.
 * @param query  [N, H, T, D]
 * @param key    [N, H, T, D]
 * @returns      [N, H, T, T]; row t sums to 1
 */
export function attentionProbabilities(query: Tensor, key: Tensor): Tensor {
  return scope(() => {
    const scores = matmul(mul(query, query.shape.at(-1)! ** -0.5), transpose(key, -2, -1));
    return softmax(isHalf(scores.dtype) ? to(scores, 'float32') : scores, -1);
  });
}

/**
 * `softmax(q kᵀ / √D) v` (Vaswani et al. 2017, equation 1; PyTorch's F.scaled_dot_product_attention).
 *
 * Half types use libtorch's fused kernel where the loaded version has one; it never holds the [T, T] matrix. float32 and
 * float64 are composed of two products on every version: in float32 the gradients of the fused kernels leave the
 * tolerance of the reference where weights are of low rank.
 * @returns [N, H, T, D] in the dtype of `value`
 */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor): Tensor {
  if (isHalf(query.dtype) && has('aten::scaled_dot_product_attention')) return fused(query, key, value);
  return scope(() => {
    const probabilities = attentionProbabilities(query, key);
    return matmul(probabilities.dtype === value.dtype ? probabilities : to(probabilities, value.dtype), value);
  });
}
