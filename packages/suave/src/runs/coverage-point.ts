/** @file A point of the curve that trades answers for accuracy; pages read it too, so it needs no Node.js. */

/** What remains, and how right it is, where answers below a confidence are withheld. Fractions. */
export interface CoveragePoint {
  /** Smallest probability that counts as an answer. */
  readonly threshold: number;
  /** Share of images that get an answer. */
  readonly coverage: number;
  /** Share of right ones among them; null where none is left. */
  readonly accuracy: number | null;
}
