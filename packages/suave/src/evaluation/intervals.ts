/** @file How sure a share of images is. */

/** A fraction measured on a finite number of images. */
export interface Estimate {
  readonly value: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
  readonly images: number;
}

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
