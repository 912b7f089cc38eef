/**
 * @file Functions that PyTorch's nn.functional has: what it adds to the operators, and the operators themselves under one
 * roof.
 */
import {
  clampMin,
  div,
  dropout as dropoutOperator,
  linalgVectorNorm,
  pad as padOperator,
} from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { PaddingMode } from './conv.js';

export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  cosineSimilarity,
  elu,
  embedding,
  gelu,
  glu,
  groupNorm,
  hardsigmoid,
  hardswish,
  layerNorm,
  leakyRelu,
  linear,
  logSigmoid,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  mish,
  oneHot,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
} from '../generated/operators.js';
export { attentionProbabilities, scaledDotProductAttention } from './attention.js';
export { dropPath } from './drop-path.js';
export { interpolate } from './interpolate.js';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  crossEntropy,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  tripletMarginLoss,
} from './losses.js';

/**
 * x / max(‖x‖ₚ, eps) along a dimension, differentiable (PyTorch's F.normalize).
 * @param options  `dim`, default 1; `eps`, lower limit of the norm, so that a zero vector stays zero, default 1e-12; `p`, order of
 *   the norm, default 2
 */
export function normalize(
  x: Tensor,
  { dim = 1, eps = 1e-12, p = 2 }: { dim?: number; eps?: number; p?: number } = {},
): Tensor {
  return scope(() => div(x, clampMin(linalgVectorNorm(x, { ord: p, dim: [dim], keepdim: true }), eps)));
}

/**
 * Zeroes each value with probability p and scales the others by 1 / (1 − p) (PyTorch's F.dropout).
 * @param options  `p`, default 0.5; `training`, default true: false returns x as it is
 */
export function dropout(x: Tensor, { p = 0.5, training = true }: { p?: number; training?: boolean } = {}): Tensor {
  return training ? dropoutOperator(x, p, true) : x;
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** What stands in the border: a constant (`zeros`, the default), or what {@link PaddingMode} says. */
  readonly mode?: PaddingMode | 'constant';
  /** The constant; default 0. Only with mode `zeros` or `constant`. */
  readonly value?: number;
}

/**
 * Adds borders (PyTorch's F.pad).
 * @param borders  [before, after] of the last dimension, then of the one before it, and so on; negative ones cut
 */
export function pad(x: Tensor, borders: readonly number[], { mode = 'constant', value }: PadOptions = {}): Tensor {
  return padOperator(x, borders, { mode: mode === 'zeros' ? 'constant' : mode, value });
}
