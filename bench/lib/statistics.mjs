/** @file Median and spread of paired measurements. */

/** The value below which a share of the sorted values lies, interpolated. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

const rounded = (value) => Number(value.toPrecision(5));

/** Minimum, quartiles and maximum. */
function spread(values) {
  return {
    min: rounded(Math.min(...values)),
    quartiles: [0.25, 0.5, 0.75].map((share) => rounded(quantile(values, share))),
    max: rounded(Math.max(...values)),
  };
}

/**
 * Compares alternated measurements, pair by pair: what disturbs the machine for a while disturbs both sides.
 * @param ours, theirs  seconds of the samples, in order
 * @param calls         calls in a sample
 */
export function comparePairs(ours, theirs, calls) {
  const ratios = ours.map((seconds, i) => seconds / theirs[i]);
  return {
    ratio: rounded(quantile(ratios, 0.5)),
    spread: spread(ratios),
    n: ratios.length,
    seconds: { ours: spread(ours.map((s) => s / calls)), theirs: spread(theirs.map((s) => s / calls)) },
  };
}
