/** @file Scaled dot-product attention. Legend: N sequences, H heads, T query tokens, S key tokens, D size of a head. */
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import {
  add,
  dropout,
  scaledDotProductAttention as fusedKernel,
  logicalNot,
  maskedFill,
  matmul,
  mul,
  ones,
  softmax,
  to,
  transpose,
  tril,
} from '../generated/operators.js';
import { has } from '../operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

const isHalf = (dtype: DType) => dtype === 'float16' || dtype === 'bfloat16';

/** Fills the scores of keys that must not be seen: small enough to vanish, finite so that no row becomes NaN. */
const UNSEEN = -1e30;

/** Which keys a query sees, and how its scores are scaled. */
export interface AttentionMaskOptions {
  /**
   * Broadcasts to [N, H, T, S]: bool, true where a query sees a key; or floats that are added to the scores. A query that
   * sees no key gets zeros.
   */
  readonly attnMask?: Tensor | null;
  /** Whether query t sees only the keys up to t; not together with a mask. Default false. */
  readonly isCausal?: boolean;
  /** Factor of the scores; default 1 / √D. */
  readonly scale?: number;
}

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions extends AttentionMaskOptions {
  /** Share of the probabilities that is dropped, whatever the mode of a module: pass 0 in evaluation. Default 0. */
  readonly dropoutP?: number;
  /**
   * Whether to use libtorch's fused kernel where the loaded version has one: by default for half types, which it serves
   * without ever holding the [T, S] matrix. In float32 its gradients leave the tolerance of the reference where weights are
   * of low rank, so float32 and float64 are composed unless this says true.
   */
  readonly fused?: boolean;
}

/** Hidden keys have a probability of exactly 0, in rows that see nothing too. */
function maskedSoftmax(scores: Tensor, seen: Tensor): Tensor {
  const hidden = logicalNot(seen);
  return maskedFill(softmax(maskedFill(scores, hidden, UNSEEN), -1), hidden, 0);
}

/**
 * `softmax(scale · q kᵀ + mask)` over the last dimension, in at least float32.
 * @param query  […, T, D]
 * @param key    […, S, D]
 * @returns      […, T, S]; the row of a query that sees a key sums to 1
 * @throws ArgumentError for a mask together with `isCausal`
 */
export function attentionProbabilities(
  query: Tensor,
  key: Tensor,
  { attnMask = null, isCausal = false, scale }: AttentionMaskOptions = {},
): Tensor {
  if (attnMask !== null && isCausal)
    throw new ArgumentError(
      'scaledDotProductAttention: expected a mask or isCausal, got both. Put causality into the mask.',
    );
  return scope(() => {
    const products = matmul(mul(query, scale ?? query.shape.at(-1)! ** -0.5), transpose(key, -2, -1));
    const scores = isHalf(products.dtype) ? to(products, 'float32') : products;
    if (isCausal) {
      const square = scores.shape.slice(-2);
      return maskedSoftmax(scores, tril(ones(square, { dtype: 'bool', device: scores.device })));
    }
    if (attnMask === null) return softmax(scores, -1);
    return attnMask.dtype === 'bool' ? maskedSoftmax(scores, attnMask) : softmax(add(scores, attnMask), -1);
  });
}

/**
 * `softmax(q kᵀ / √D) v` (Vaswani et al. 2017, equation 1; PyTorch's F.scaled_dot_product_attention), with the fused
 * kernel where `fused` says so and the loaded libtorch has it, else composed of two products.
 * @param query  […, T, D], usually [N, H, T, D]
 * @param key    […, S, D]
 * @param value  […, S, E]
 * @returns      […, T, E] in the dtype of `value`
 * @throws ArgumentError for a mask together with `isCausal`
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const { attnMask = null, dropoutP = 0, isCausal = false, scale, fused = isHalf(query.dtype) } = options;
  if (fused && has('aten::scaled_dot_product_attention') && (attnMask === null || !isCausal))
    return fusedKernel(query, key, value, { attnMask, dropoutP, isCausal, scale });
  return scope(() => {
    const probabilities = attentionProbabilities(query, key, { attnMask, isCausal, scale });
    const kept = dropoutP > 0 ? dropout(probabilities, dropoutP, true) : probabilities;
    return matmul(kept.dtype === value.dtype ? kept : to(kept, value.dtype), value);
  });
}
