/** @file How sure a share of images is: 95 % intervals of one share, and of the difference of two on the same images. */
import type { Estimate } from './report-data.js';

/** 97.5 % quantile of the normal distribution. */
const z = 1.959963984540054;

/**
 * A share with Wilson's 95 % interval (1927), which stays within 0 and 1 and holds for few images too.
 * @param hits    images that count, 0 … images
 * @param images  at least 1
 */
export function wilson(hits: number, images: number): Estimate {
  const value = hits / images;
  const center = (value + z ** 2 / (2 * images)) / (1 + z ** 2 / images);
  const half = (z / (1 + z ** 2 / images)) * Math.sqrt((value * (1 - value)) / images + z ** 2 / (4 * images ** 2));
  // at the ends the formula gives 0 and 1 but for rounding
  const low = hits === 0 ? 0 : center - half;
  return { value, low, high: hits === images ? 1 : center + half, images };
}

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
