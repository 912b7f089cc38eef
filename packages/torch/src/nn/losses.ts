/**
 * @file Losses with PyTorch's reductions. Legend: N rows, K classes.
 *
 * The operators of the same names take the reduction as libtorch's number and broadcast in silence; these take its name and
 * refuse shapes that differ.
 */
import { ArgumentError, ShapeError } from '../errors.js';
import * as operators from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { shapeText } from './sizes.js';

/** What becomes of the losses of single elements or rows: kept as they are, averaged (the default), or added up. */
export type Reduction = 'none' | 'mean' | 'sum';

/** Options of losses without others. */
export interface LossOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

const REDUCTIONS = { none: 0, mean: 1, sum: 2 } as const;

/** libtorch's number of a reduction. @throws ArgumentError for another name */
function reductionNumber(where: string, reduction: Reduction): number {
  const number = REDUCTIONS[reduction] as number | undefined;
  if (number === undefined)
    throw new ArgumentError(`${where}: expected a reduction 'none', 'mean' or 'sum', got '${String(reduction)}'.`);
  return number;
}

/** Differs: PyTorch only warns, and broadcasts. */
function checkSameShape(where: string, input: Tensor, target: Tensor): void {
  const [wanted, got] = [input.shape, target.shape];
  if (wanted.length === got.length && wanted.every((size, i) => size === got[i])) return;
  throw new ShapeError(
    `${where}: expected a target of the input's shape ${shapeText(wanted)}, got ${shapeText(got)}. Use view or expand.`,
  );
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends LossOptions {
  /** Weight per class [K]. */
  readonly weight?: Tensor | null;
  /** Label that counts for nothing; default −100. Class labels only. */
  readonly ignoreIndex?: number;
  /** Share of the uniform distribution mixed into the target, 0 to 1; default 0. */
  readonly labelSmoothing?: number;
}

/** What a loss over classes says of shapes that do not go together; else the error itself. */
function explainedClasses(error: unknown, where: string, input: Tensor, target: Tensor): unknown {
  const [logits, labels] = [input.shape, target.shape];
  const isIndices = target.dtype === 'int64' || target.dtype === 'uint8';
  const expected = !isIndices ? logits : logits.length === 1 ? [] : logits.filter((_, i) => i !== 1);
  if (isIndices && String(expected) === String(labels)) return error;
  if (!isIndices && String(expected) === String(labels)) return error;
  const kind = isIndices ? 'labels' : 'probabilities';
  return new ShapeError(
    `${where}: expected ${kind} ${shapeText(expected)} for scores ${shapeText(logits)}, got ${shapeText(labels)} ${target.dtype}. ` +
      'Labels are int64, without the dimension of the classes.',
  );
}

/**
 * Cross entropy of logits and labels (PyTorch's F.cross_entropy).
 * @param logits  [N, K] or [N, K, …], unnormalized
 * @param target  int64 [N] or [N, …] class labels, or floats of the logits' shape: probabilities
 * @returns       a scalar, or the labels' shape with reduction `none`
 * @throws ShapeError when the target does not fit the logits
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight, reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  const options = { weight, reduction: reductionNumber('crossEntropy', reduction), ignoreIndex, labelSmoothing };
  try {
    return operators.crossEntropyLoss(logits, target, options);
  } catch (error) {
    throw explainedClasses(error, 'crossEntropy', logits, target);
  }
}

/** Options of {@link nllLoss}. */
export type NLLLossOptions = Omit<CrossEntropyOptions, 'labelSmoothing'>;

/**
 * Negative log-likelihood (PyTorch's F.nll_loss): −weight[label] · logProbabilities[label].
 * @param logProbabilities  [N, K] or [N, K, …], e.g. from `logSoftmax`
 * @param target            int64 [N] or [N, …] class labels
 * @throws ShapeError when the target does not fit
 */
export function nllLoss(
  logProbabilities: Tensor,
  target: Tensor,
  { weight, reduction = 'mean', ignoreIndex = -100 }: NLLLossOptions = {},
): Tensor {
  const options = { weight, reduction: reductionNumber('nllLoss', reduction), ignoreIndex };
  try {
    return operators.nllLossNd(logProbabilities, target, options);
  } catch (error) {
    throw explainedClasses(error, 'nllLoss', logProbabilities, target);
  }
}

/** (input − target)² (PyTorch's F.mse_loss). @throws ShapeError when the shapes differ */
export function mseLoss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  checkSameShape('mseLoss', input, target);
  return operators.mseLoss(input, target, { reduction: reductionNumber('mseLoss', reduction) });
}

/** |input − target| (PyTorch's F.l1_loss). @throws ShapeError when the shapes differ */
export function l1Loss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  checkSameShape('l1Loss', input, target);
  return operators.l1Loss(input, target, { reduction: reductionNumber('l1Loss', reduction) });
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola becomes a line, ≥ 0; default 1. With 0 it is {@link l1Loss}. */
  readonly beta?: number;
}

/** d²/(2·beta) where |d| < beta, else |d| − beta/2, d = input − target (PyTorch's F.smooth_l1_loss). @throws ShapeError when the shapes differ */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', beta = 1 }: SmoothL1LossOptions = {},
): Tensor {
  checkSameShape('smoothL1Loss', input, target);
  return operators.smoothL1Loss(input, target, { reduction: reductionNumber('smoothL1Loss', reduction), beta });
}

/** Options of {@link huberLoss}. */
export interface HuberLossOptions extends LossOptions {
  /** Where the parabola becomes a line, > 0; default 1. */
  readonly delta?: number;
}

/** d²/2 where |d| ≤ delta, else delta·(|d| − delta/2), d = input − target (PyTorch's F.huber_loss). @throws ShapeError when the shapes differ */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', delta = 1 }: HuberLossOptions = {},
): Tensor {
  checkSameShape('huberLoss', input, target);
  return operators.huberLoss(input, target, { reduction: reductionNumber('huberLoss', reduction), delta });
}

/** Options of {@link binaryCrossEntropy}. */
export interface BCELossOptions extends LossOptions {
  /** Weight of each element; broadcasts to the input. */
  readonly weight?: Tensor | null;
}

/**
 * −(y·log p + (1 − y)·log(1 − p)), logarithms limited to −100 (PyTorch's F.binary_cross_entropy).
 * @param probabilities  from 0 to 1; prefer logits and {@link binaryCrossEntropyWithLogits}
 * @throws ShapeError when the shapes differ
 */
export function binaryCrossEntropy(
  probabilities: Tensor,
  target: Tensor,
  { weight, reduction = 'mean' }: BCELossOptions = {},
): Tensor {
  checkSameShape('binaryCrossEntropy', probabilities, target);
  const number = reductionNumber('binaryCrossEntropy', reduction);
  const { shape } = probabilities;
  return scope(() =>
    operators.binaryCrossEntropy(probabilities, target, { weight: weight?.expand(shape), reduction: number }),
  );
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface BCEWithLogitsLossOptions extends BCELossOptions {
  /** Weight of the positive examples of each class; broadcasts to the input. */
  readonly posWeight?: Tensor | null;
}

/** {@link binaryCrossEntropy} of sigmoid(logits), computed without loss of precision (PyTorch's F.binary_cross_entropy_with_logits). @throws ShapeError when the shapes differ */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  { weight, posWeight, reduction = 'mean' }: BCEWithLogitsLossOptions = {},
): Tensor {
  checkSameShape('binaryCrossEntropyWithLogits', logits, target);
  const number = reductionNumber('binaryCrossEntropyWithLogits', reduction);
  return operators.binaryCrossEntropyWithLogits(logits, target, { weight, posWeight, reduction: number });
}

/** Options of {@link klDiv}. */
export interface KLDivLossOptions {
  /** Default `mean` as in PyTorch, over all elements; `batchmean` divides by N, which is the divergence. */
  readonly reduction?: Reduction | 'batchmean';
  /** Whether the target holds logarithms too. Default false. */
  readonly logTarget?: boolean;
}

/**
 * target·(log target − input) (PyTorch's F.kl_div).
 * @param input   logarithms of probabilities
 * @param target  probabilities, or their logarithms
 * @throws ShapeError when the shapes differ
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', logTarget = false }: KLDivLossOptions = {},
): Tensor {
  checkSameShape('klDiv', input, target);
  const perRow = reduction === 'batchmean';
  const number = perRow ? REDUCTIONS.sum : reductionNumber('klDiv', reduction);
  return scope(() => {
    const loss = operators.klDiv(input, target, { reduction: number, logTarget });
    return perRow ? loss.div(input.shape[0]!) : loss;
  });
}

/** Options of {@link cosineEmbeddingLoss}. */
export interface CosineEmbeddingLossOptions extends LossOptions {
  /** Cosine below which different rows cost nothing, −1 to 1; default 0. */
  readonly margin?: number;
}

/**
 * 1 − cos(a, b) for pairs that belong together, max(0, cos(a, b) − margin) for others (PyTorch's F.cosine_embedding_loss).
 * @param target  [N], 1 or −1
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { reduction = 'mean', margin = 0 }: CosineEmbeddingLossOptions = {},
): Tensor {
  checkSameShape('cosineEmbeddingLoss', a, b);
  const number = reductionNumber('cosineEmbeddingLoss', reduction);
  return operators.cosineEmbeddingLoss(a, b, target, { margin, reduction: number });
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginLossOptions extends LossOptions {
  /** Default 1. */
  readonly margin?: number;
  /** Order of the norm; default 2. */
  readonly p?: number;
  /** Default 1e-6. */
  readonly eps?: number;
  /** Whether the distance from positive to negative counts where it is smaller. Default false. */
  readonly swap?: boolean;
}

/** max(0, ‖anchor − positive‖ − ‖anchor − negative‖ + margin) of rows [N, D] (PyTorch's F.triplet_margin_loss). */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { reduction = 'mean', margin = 1, p = 2, eps = 1e-6, swap = false }: TripletMarginLossOptions = {},
): Tensor {
  checkSameShape('tripletMarginLoss', anchor, positive);
  checkSameShape('tripletMarginLoss', anchor, negative);
  const number = reductionNumber('tripletMarginLoss', reduction);
  return operators.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction: number });
}
