/** @file Numbers as sentences and tables show them. */

/** A fraction as `72.2 %`. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** A difference of fractions in percentage points, with its sign: `+41.3`. */
export function points(difference: number): string {
  const value = (100 * difference).toFixed(1);
  return difference >= 0 ? `+${value}` : value;
}
