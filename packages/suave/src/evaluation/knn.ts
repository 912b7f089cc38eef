/** @file Weighted k-nearest-neighbour classification of features. Shapes: M bank rows, N queries, F features, K classes. */
import { cat, noGrad, scope, type Tensor, zeros } from '@suave/torch';
import { UsageError } from '../errors.js';
import { atLeastFloat32, normalizedRows } from '../models/index.js';

/** Features of images whose class is known. */
export interface FeatureBank {
  /** [M, F], of any length. */
  readonly features: Tensor;
  /** int64 [M], classes 0 … K−1. */
  readonly labels: Tensor;
}

/** How neighbours vote. */
export interface NeighbourOptions {
  /** k, the neighbours that vote, at most M. */
  readonly k: number;
  /** K. */
  readonly numClasses: number;
  /** T of the weights. Default 0.07, as in DINO. */
  readonly temperature?: number;
}

/** Similarities that are in memory at once. */
const chunkElements = 2 ** 26;

/**
 * Class scores by the votes of the k nearest rows of a bank, each with weight exp(cosine / T) (Wu et al. 2018; the protocol of DINO).
 * @param bank     kept
 * @param queries  [N, F]; kept. Computed in at least float32
 * @returns        [N, K], sums of weights; a new tensor. Classes without a neighbour have 0
 * @throws UsageError `USAGE_NEIGHBOURS` when k is larger than the bank
 */
export function neighbourScores(bank: FeatureBank, queries: Tensor, options: NeighbourOptions): Tensor {
  const { k, numClasses, temperature = 0.07 } = options;
  const [numBank] = bank.features.shape;
  const [numQueries] = queries.shape;
  if (!(Number.isInteger(k) && k >= 1 && k <= numBank)) {
    throw new UsageError(
      `k-NN: expected k from 1 to the ${numBank} images that are compared with, got ${k}. Choose a smaller k, or label more images.`,
      { code: 'USAGE_NEIGHBOURS' },
    );
  }
  return noGrad(() =>
    scope(() => {
      const bank_FM = normalizedRows(atLeastFloat32(bank.features)).transpose(0, 1);
      const rows = Math.max(1, Math.floor(chunkElements / numBank));
      const parts: Tensor[] = [];
      for (let start = 0; start < numQueries; start += rows) {
        const chunk = queries.narrow(0, start, Math.min(rows, numQueries - start));
        parts.push(
          scope(() => {
            const similarities = normalizedRows(atLeastFloat32(chunk)).matmul(bank_FM);
            const [nearest_nk, indices_nk] = similarities.topk(k, { dim: 1 });
            const classes_nk = bank.labels.indexSelect(0, indices_nk.flatten()).view(indices_nk.shape);
            const { dtype, device } = similarities;
            const empty = zeros([chunk.shape[0], numClasses], { dtype, device });
            return empty.scatterAdd(1, classes_nk, nearest_nk.div(temperature).exp());
          }),
        );
      }
      return parts.length === 0 ? zeros([0, numClasses]) : cat(parts);
    }),
  );
}
