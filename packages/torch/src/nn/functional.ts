/** @file Functions that PyTorch's nn.functional adds to the operators. Legend: N rows, K classes. */
import { clampMin, crossEntropyLoss, div, linalgVectorNorm } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';

export { attentionProbabilities, scaledDotProductAttention } from './attention.js';
export { dropPath } from './drop-path.js';

/**
 * x / max(‖x‖₂, eps) along a dimension, differentiable.
 * @param dim  default 1
 * @param eps  lower limit of the norm, so that a zero vector stays zero; default 1e-12
 */
export function normalize(x: Tensor, { dim = 1, eps = 1e-12 }: { dim?: number; eps?: number } = {}): Tensor {
  return div(x, clampMin(linalgVectorNorm(x, { dim: [dim], keepdim: true }), eps));
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** Weight per class [K]. */
  readonly weight?: Tensor;
  readonly reduction?: 'none' | 'mean' | 'sum';
  /** Label that counts for nothing; default −100. Class labels only. */
  readonly ignoreIndex?: number;
  /** Share of the uniform distribution mixed into the target, 0 to 1. */
  readonly labelSmoothing?: number;
}

const REDUCTIONS = { none: 0, mean: 1, sum: 2 } as const;

/**
 * Cross entropy of logits and labels (PyTorch's F.cross_entropy).
 * @param logits  [N, K], unnormalized
 * @param target  int64 [N] class labels, or floats [N, K] probabilities
 * @returns       a scalar, or [N] with reduction `none`
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight, reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  return crossEntropyLoss(logits, target, { weight, reduction: REDUCTIONS[reduction], ignoreIndex, labelSmoothing });
}
