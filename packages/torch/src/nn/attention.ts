/** @file Scaled dot-product attention. Legend: N sequences, H heads, T tokens, D size of a head. */
import { scaledDotProductAttention as fused, matmul, mul, softmax, to, transpose } from '../generated/operators.js';
import { has } from '../operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

/**
 * `softmax(q kᵀ / √D)` over the last dimension, in at least float32.
 * @param query  [N, H, T, D]
 * @param key    [N, H, T, D]
 * @returns      [N, H, T, T]; row t sums to 1
 */
export function attentionProbabilities(query: Tensor, key: Tensor): Tensor {
  return scope(() => {
    const scores = matmul(mul(query, query.shape.at(-1)! ** -0.5), transpose(key, -2, -1));
    const half = scores.dtype === 'float16' || scores.dtype === 'bfloat16';
    return softmax(half ? to(scores, 'float32') : scores, -1);
  });
}

/**
 * `softmax(q kᵀ / √D) v` (Vaswani et al. 2017, equation 1; PyTorch's F.scaled_dot_product_attention). libtorch's fused
 * kernel where the loaded version has one, which never holds the [T, T] matrix; else composed of two products.
 * @returns [N, H, T, D] in the dtype of `value`
 */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor): Tensor {
  if (has('aten::scaled_dot_product_attention')) return fused(query, key, value);
  return scope(() => {
    const probabilities = attentionProbabilities(query, key);
    return matmul(probabilities.dtype === value.dtype ? probabilities : to(probabilities, value.dtype), value);
  });
}
