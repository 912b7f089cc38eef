/** @file How sure the difference of two shares of the same images is. */
import { type Estimate, wilson } from '../evaluation/intervals.js';

/**
 * Difference of two shares of the same images, with the 95 % interval of Newcombe (1998, method 10): Wilson's intervals of both,
 * combined with the correlation of the pairs. Not of width zero where the two agree on every image.
 * @param first   1 where the first hits, one entry an image, at least one
 * @param second  the same of the second, which is subtracted
 */
export function pairedDifference(first: Uint8Array, second: Uint8Array): Estimate {
  const images = first.length;
  let both = 0;
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let i = 0; i < images; i++) {
    if (first[i] && second[i]) both++;
    else if (first[i]) onlyFirst++;
    else if (second[i]) onlySecond++;
  }
  const neither = images - both - onlyFirst - onlySecond;
  const a = wilson(both + onlyFirst, images);
  const b = wilson(both + onlySecond, images);
  const phi = correlation(both, onlyFirst, onlySecond, neither);
  const value = a.value - b.value;
  const width = (ofA: number, ofB: number): number => Math.sqrt(Math.max(0, ofA ** 2 - 2 * phi * ofA * ofB + ofB ** 2));
  return {
    value,
    low: value - width(a.value - a.low, b.high - b.value),
    high: value + width(a.high - a.value, b.value - b.low),
    images,
  };
}

/** Phi coefficient of a table of pairs with Newcombe's continuity correction; 0 where a margin is empty. */
function correlation(both: number, onlyFirst: number, onlySecond: number, neither: number): number {
  const margins = [both + onlyFirst, onlySecond + neither, both + onlySecond, onlyFirst + neither];
  const product = margins.reduce((left, right) => left * right, 1);
  if (product === 0) return 0;
  const images = both + onlyFirst + onlySecond + neither;
  const determinant = both * neither - onlyFirst * onlySecond;
  const corrected = determinant > 0 ? Math.max(determinant - images / 2, 0) : determinant;
  return corrected / Math.sqrt(product);
}
