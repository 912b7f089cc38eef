/**
 * @file The losses of the SwAV family as pure functions. Shapes: B unlabeled images, V unmixed views, M mixed views,
 * L' labeled rows, K prototypes = classes. `CE(q, z) = −Σ_k q_k log softmax(z)_k`.
 */
import { logSoftmax, noGrad, oneHot, scope, stack, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { atLeastFloat32 } from '../models/index.js';
import { type LabeledBatch, onlineRows } from './batch-parts.js';

/** Log-probabilities of scores divided by a temperature, in at least float32. */
export function logProbabilities(scores_NK: Tensor, temperature: number): Tensor {
  return scope(() => {
    const wide = atLeastFloat32(scores_NK);
    return logSoftmax(temperature === 1 ? wide : wide.div(temperature), 1);
  });
}

/** `−Σ targets · logProbs` over everything: the sum of the rows' cross entropies. */
function crossEntropySum(targets: Tensor, logProbs: Tensor): Tensor {
  return targets.mul(logProbs).sum().neg();
}

/** `(1 − s)·y + s/K`. */
export function smoothTargets(targets_NK: Tensor, smoothing: number): Tensor {
  if (smoothing === 0) return targets_NK;
  return scope(() => targets_NK.mul(1 - smoothing).add(smoothing / targets_NK.shape[1]));
}

/** Options of `softCrossEntropy`. */
export interface CrossEntropyOptions {
  /** T, divides the scores. Default 1. */
  readonly temperature?: number;
  /** s in [0, 1). Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Mean over the rows of `CE((1−s)·y + s/K, scores / T)`, as PyTorch's `cross_entropy` with label smoothing.
 * @param scores_NK  [N, K]; half types are widened to float32
 * @param targets    floating [N, K], rows that sum to 1, or int64 class indices [N]; no gradient flows into them
 * @returns          a scalar
 */
export function softCrossEntropy(scores_NK: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return scope(() =>
    crossEntropyOf(logProbabilities(scores_NK, options.temperature ?? 1), targets, options.labelSmoothing ?? 0),
  );
}

/** As `softCrossEntropy`, from log-probabilities [N, K] that are there already. */
export function crossEntropyOf(logProbs_NK: Tensor, targets: Tensor, labelSmoothing: number): Tensor {
  return scope(() => {
    const [rows, classes] = logProbs_NK.shape;
    const smoothed = noGrad(() => {
      const soft = targets.rank === 1 ? oneHot(targets, { numClasses: classes }).to(logProbs_NK.dtype) : targets;
      return smoothTargets(soft.detach(), labelSmoothing);
    });
    return crossEntropySum(smoothed, logProbs_NK).div(rows);
  });
}

/**
 * Swapped prediction: every view is asked for the assignments of each assignment crop but its own (SwAV, Eq. 2).
 *
 * `L_u = 1/|A| Σ_a 1/(V−1) Σ_{v≠a} mean_b CE(q_a[b], o_v[b]/T)`
 * @param logProbs         V tensors [B, K], log-probabilities of the unmixed views
 * @param assignments      one [B, K] per assignment crop, constants
 * @param assignmentCrops  the views that made them
 */
export function swappedLoss(
  logProbs: readonly Tensor[],
  assignments: readonly Tensor[],
  assignmentCrops: readonly number[],
): Tensor {
  const views = logProbs.length;
  if (views < 2) {
    throw new SuaveError('BATCH', `swappedLoss: expected at least two unmixed views, got ${views}. Add a crop.`);
  }
  return scope(() => {
    const all = stack([...logProbs]).sum([0]);
    const terms = assignments.map((q, i) => crossEntropySum(q, all.sub(logProbs[assignmentCrops[i]])));
    const sum = terms.reduce((left, right) => left.add(right));
    return sum.div(assignments.length * (views - 1) * logProbs[0].shape[0]);
  });
}

/**
 * Mixed views against the equally mixed assignments of the two global crops (Suave).
 *
 * `L_m = 1/M Σ_m mean_b CE(λ_m q_0[b] + (1−λ_m) q_1[B−1−b], x̃_m[b]/T)`
 * @param logProbs  M tensors [B, K], log-probabilities of the mixed views
 * @param lambdas   λ_m, one per mixed view
 */
export function mixedLoss(
  logProbs: readonly Tensor[],
  lambdas: readonly (number | Tensor)[],
  assignments: readonly Tensor[],
): Tensor {
  if (assignments.length < 2 || lambdas.length !== logProbs.length) {
    throw new SuaveError(
      'BATCH',
      `mixedLoss: expected two assignment crops and one lambda per mixed view, got ${assignments.length} crops, ` +
        `${logProbs.length} mixed views and ${lambdas.length} lambdas.`,
    );
  }
  return scope(() => {
    const flipped = assignments[1].flip([0]);
    const terms = logProbs.map((logP, m) => crossEntropySum(blended(assignments[0], flipped, lambdas[m]), logP));
    return terms.reduce((left, right) => left.add(right)).div(logProbs.length * logProbs[0].shape[0]);
  });
}

/**
 * Sum of the online heads' losses on their rows (`onlineRows`), without temperature; null without heads. Heads see detached
 * features, so no gradient reaches the trunk.
 * @param online  scores [L', K] of each head, unmixed rows first
 */
export function onlineLoss(online: readonly Tensor[], labeled: LabeledBatch, labelSmoothing: number): Tensor | null {
  if (online.length === 0) return null;
  return scope(() => {
    const rows = onlineRows(labeled);
    const targets = labeled.targets.narrow(0, 0, rows);
    const losses = online.map((scores) => softCrossEntropy(scores.narrow(0, 0, rows), targets, { labelSmoothing }));
    return losses.reduce((left, right) => left.add(right));
  });
}

/** λ·first + (1 − λ)·second. */
function blended(first: Tensor, second: Tensor, lambda: number | Tensor): Tensor {
  if (typeof lambda === 'number') return first.mul(lambda).add(second, { alpha: 1 - lambda });
  return first.mul(lambda).add(second.mul(lambda.rsub(1)));
}

/** What `m` in the weights counts: mixed views, as the published numbers were made, or mixed samples. */
export type MixedWeight = 'views' | 'samples';

/** Shares of the loss terms; the first three sum to 1. */
export interface LossWeights {
  readonly unlabeled: number;
  readonly labeled: number;
  readonly mixed: number;
  readonly online: number;
  /** The number of rows (or rows and views) that the shares divide. */
  readonly total: number;
}

/**
 * Shares by the number of rows that each term sees: `tot = B·V + L' + m`, `m = M` or `M·B`.
 * @param numOriginal  unmixed labeled rows, which the online heads learn from; all of them where none is unmixed
 */
export function lossWeights(
  rows: { batch: number; views: number; labeled: number; mixedViews: number; numOriginal: number },
  mixedWeight: MixedWeight = 'views',
): LossWeights {
  const mixed = mixedWeight === 'views' ? rows.mixedViews : rows.mixedViews * rows.batch;
  const total = rows.batch * rows.views + rows.labeled + mixed;
  return {
    unlabeled: (rows.batch * rows.views) / total,
    labeled: rows.labeled / total,
    mixed: mixed / total,
    online: rows.numOriginal / total,
    total,
  };
}

/** Losses of a step by the name of their share; null or missing where the step has no such term. */
export type Losses = Partial<Readonly<Record<Exclude<keyof LossWeights, 'total'>, Tensor | null>>>;

function present(losses: Losses): [keyof Losses, Tensor][] {
  return (Object.entries(losses) as [keyof Losses, Tensor | null][]).filter(
    (entry): entry is [keyof Losses, Tensor] => entry[1] !== null,
  );
}

/** The loss of a step: its terms times their shares. */
export function weightedSum(losses: Losses, weights: LossWeights): Tensor {
  return present(losses)
    .map(([name, loss]) => loss.mul(weights[name]))
    .reduce((left, right) => left.add(right));
}

/** The terms as metrics, detached: `loss_unlabeled`, `loss_labeled`, … */
export function lossTerms(losses: Losses): Record<string, Tensor> {
  return Object.fromEntries(present(losses).map(([name, loss]) => [`loss_${name}`, loss.detach()]));
}
