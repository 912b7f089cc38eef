/** @file Numbers and paths as sentences and tables show them. */
import { relative } from 'node:path';

/** A fraction as `72.2 %`. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** A difference of fractions in percentage points, with its sign: `+41.3`. */
export function points(difference: number): string {
  const value = (100 * difference).toFixed(1);
  return difference >= 0 ? `+${value}` : value;
}

/** A number of things: `1 image`, `50,000 images`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A path as one would type it here: relative where it lies below the working directory. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}
