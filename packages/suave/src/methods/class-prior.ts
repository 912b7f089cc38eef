/** @file The share of the images that each prototype gets in Sinkhorn-Knopp, estimated from the labels (imbalanced data). */
import { SuaveError } from '../errors.js';

/** Options of `classPrior`. */
export interface ClassPriorOptions {
  /** Images that every class is counted as having beside its own, > 0: a rare class keeps a share. Default 1. */
  readonly smoothing?: number;
  /** n, prototypes beyond the classes, for images of unknown classes. Default 0. */
  readonly extraPrototypes?: number;
}

/**
 * Shares of the prototypes by the labels (SwAV and Suave give every prototype 1/K).
 *
 * `r_k = K/(K+n) · (c_k + α) / (Σ_j c_j + αK)` for the K classes with c_k labeled images each, and `1/(K+n)` for each of the n
 * extra prototypes: nothing is known of them, so they count as average classes. Labels that were chosen in equal numbers
 * (`data.labelsPerClass`) say nothing about the shares; the result is uniform then, every entry the same double.
 * @param counts  c [K], labeled images of each class, ≥ 0
 * @returns       r [K + n], positive, sum 1
 * @throws SuaveError without classes or for options out of range
 */
export function classPrior(counts: readonly number[], options: ClassPriorOptions = {}): number[] {
  const { smoothing = 1, extraPrototypes = 0 } = options;
  const classes = counts.length;
  const valid = classes > 0 && counts.every((count) => count >= 0) && smoothing > 0 && extraPrototypes >= 0;
  if (!valid) {
    throw new SuaveError(
      'OPTION',
      `classPrior: expected counts of 0 or more of at least one class, smoothing > 0 and no negative number of extra prototypes, ` +
        `got counts [${counts.join(', ')}], ${smoothing} and ${extraPrototypes}.`,
    );
  }
  const total = counts.reduce((sum, count) => sum + count, 0) + smoothing * classes;
  const prototypes = classes + extraPrototypes;
  // Over a common denominator: equal counts give exactly the share of an extra prototype.
  const known = counts.map((count) => (classes * (count + smoothing)) / total / prototypes);
  return [...known, ...new Array<number>(extraPrototypes).fill(1 / prototypes)];
}
