/** @file Numbers as text, to the last digit as Python writes them (ties to even), and one width for all of a tensor. */
import type { PrintOptions } from './print-options.js';

/**
 * Whether exactly half a unit of the last kept digit is cut off and that digit is even: JavaScript rounds such ties up, Python
 * to even. `exact` holds the digits of the value, of which `kept` characters stay.
 */
function isTieToEven(exact: string, kept: number): boolean {
  if (!/^50*$/.test(exact.slice(kept).replace(/^\./, ''))) return false;
  const digits = exact.slice(0, kept).replace('.', '');
  return Number(digits.at(-1)) % 2 === 0;
}

/** Python's `{:.4f}`. */
export function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (size >= 1e21) return `${sign}${BigInt(size)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
  const exact = size.toFixed(100);
  const kept = exact.indexOf('.') + (precision > 0 ? 1 + precision : 0);
  return sign + (isTieToEven(exact, kept) ? exact.slice(0, kept) : size.toFixed(precision));
}

/** Python's `{:.4e}`. */
export function scientific(value: number, precision: number): string {
  if (!Number.isFinite(value)) return fixed(value, precision);
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const kept = precision > 0 ? 2 + precision : 1;
  const [exact = '', exponent = ''] = size.toExponential(100).split('e');
  const [digits = '', rounded = ''] = isTieToEven(exact, kept)
    ? [exact.slice(0, kept), exponent]
    : size.toExponential(precision).split('e');
  return `${sign}${digits}e${rounded[0]}${rounded.slice(1).padStart(2, '0')}`;
}

/** Writes the numbers of one tensor, all in the same form and at least as wide as the widest. */
export interface NumberFormat {
  readonly width: number;
  format(value: number | bigint): string;
}

/** The form of integers and booleans. */
export function integerFormat(values: Iterable<number | bigint>, isBool: boolean): NumberFormat {
  const text = isBool ? (value: number | bigint) => (value ? 'True' : 'False') : String;
  let width = 1;
  for (const value of values) width = Math.max(width, text(value).length);
  return { width, format: (value) => text(value).padStart(width) };
}

/** The form of floating-point numbers: whole, with a fraction, or scientific; the values that are not finite do not count. */
export function floatFormat(values: Iterable<number>, options: PrintOptions): NumberFormat {
  const { precision } = options;
  let smallest = Number.POSITIVE_INFINITY;
  let largest = 0;
  let whole = true;
  const counted: number[] = [];
  for (const value of values) {
    if (value === 0 || !Number.isFinite(value)) continue;
    counted.push(value);
    smallest = Math.min(smallest, Math.abs(value));
    largest = Math.max(largest, Math.abs(value));
    whole &&= Number.isInteger(value);
  }
  const isScientific =
    counted.length > 0 && (options.sciMode ?? (largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4));
  const text = (value: number): string => {
    if (isScientific) return scientific(value, precision);
    if (!whole) return fixed(value, precision);
    return Number.isFinite(value) ? `${fixed(value, 0)}.` : fixed(value, 0);
  };
  let width = 1;
  for (const value of counted) width = Math.max(width, text(value).length);
  return { width, format: (value) => text(Number(value)).padStart(width) };
}
