/**
 * @file Numbers that only watch: use of the prototypes, accuracy of pseudo-labels, labeled rows and online heads (fractions), on the device.
 * Shapes: B unlabeled images, L' labeled rows, K classes or prototypes.
 */
import { cat, noGrad, scope, softmax, specialEntr, type Tensor } from '@suave/torch';
import { topkAccuracy } from './accuracy.js';
import { assignmentEntropy } from './automatic-epsilon.js';
import { type LabeledBatch, onlineRows } from './batch-parts.js';

const KS = [1, 5] as const;

function average(values: readonly Tensor[]): Tensor {
  return values.reduce((left, right) => left.add(right)).div(values.length);
}

/**
 * How assignments use the prototypes. `prototypes_used`: their effective number, `exp(H(mean of q))`, from 1 (one has all images) to K
 * (all have as much); of several layers the mean. `assignment_entropy`: see `assignmentEntropy`.
 * @param layers  [B, K_i] per prototype layer and assignment crop, rows sum to 1
 */
export function assignmentTerms(layers: readonly (readonly Tensor[])[]): Record<string, Tensor> {
  return noGrad(() =>
    scope(() => {
      const used = layers.map((crops) =>
        specialEntr(cat([...crops]).mean(0, { dtype: 'float64' }))
          .sum()
          .exp(),
      );
      return { prototypes_used: average(used), assignment_entropy: assignmentEntropy(layers.flat()) };
    }),
  );
}

/**
 * Quality of the pseudo-labels: accuracy against the hidden labels, mean over the assignment crops.
 * @param assignments   [B, K] per assignment crop
 * @param hiddenLabels  int64 [B]; −1 where unknown counts as wrong
 */
export function pseudoLabelTerms(assignments: readonly Tensor[], hiddenLabels: Tensor): Record<string, Tensor> {
  return noGrad(() =>
    scope(() => {
      const perCrop = assignments.map((q) => topkAccuracy(q, hiddenLabels, KS));
      return {
        pseudo_label_top1: average(perCrop.map(([top1]) => top1)),
        pseudo_label_top5: average(perCrop.map(([, top5]) => top5)),
      };
    }),
  );
}

/** Accuracy of the labeled rows, mixed ones included (their label is the heavier of the two). */
export function labeledTerms(scores_LK: Tensor, targets_LK: Tensor): Record<string, Tensor> {
  const [labeled_top1, labeled_top5] = topkAccuracy(scores_LK, targets_LK, KS);
  return { labeled_top1, labeled_top5 };
}

/**
 * Accuracy of each online head on the rows that they learn from, and of the ensemble: the sum of the softmaxes of prototypes and heads,
 * or the ensemble head alone where the model has one (it is the last of `online`).
 * @param probabilities_LK  softmax of the prototype scores at the training temperature
 * @param online            logits of the online heads, the same rows
 */
function onlineTerms(
  probabilities_LK: Tensor,
  online: readonly Tensor[],
  targets_LK: Tensor,
  hasEnsembleHead: boolean,
): Record<string, Tensor> {
  return noGrad(() =>
    scope(() => {
      const heads = hasEnsembleHead ? online.slice(0, -1) : online;
      const ensemble = hasEnsembleHead
        ? online[online.length - 1]
        : heads.reduce((sum, logits) => sum.add(softmax(logits, 1)), probabilities_LK);
      const terms: Record<string, Tensor> = {};
      for (const [i, logits] of heads.entries()) [terms[`online_top1_${i}`]] = topkAccuracy(logits, targets_LK, [1]);
      [terms.ensemble_top1] = topkAccuracy(ensemble, targets_LK, [1]);
      return terms;
    }),
  );
}

/**
 * What labeled rows tell: `labeledTerms` of all of them, `onlineTerms` of those that online heads learn from.
 * @param logProbs_LK  the classifier's log-probabilities at the training temperature
 * @param online       logits of the online heads, rows as in `logProbs_LK`
 */
export function supervisedTerms(
  logProbs_LK: Tensor,
  online: readonly Tensor[],
  labeled: LabeledBatch,
  hasEnsembleHead = false,
): Record<string, Tensor> {
  return scope(() => {
    const watched = (rows: Tensor) => rows.detach().narrow(0, 0, onlineRows(labeled));
    const probabilities = watched(logProbs_LK).exp();
    const ofOnline = onlineTerms(probabilities, online.map(watched), watched(labeled.targets), hasEnsembleHead);
    return { ...labeledTerms(logProbs_LK, labeled.targets), ...ofOnline };
  });
}
