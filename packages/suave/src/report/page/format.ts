/** @file Numbers as the report shows them, for the page's HTML and for its charts alike. */
import type { Estimate } from '../report-data.js';

/** A fraction: 0.934 is `93.4 %`, never broken before the sign. */
export const percent = (fraction: number, digits = 1): string => `${(100 * fraction).toFixed(digits)}\u00a0%`;

/** A fraction or a dash. */
export const percentOrDash = (fraction: number | null): string => (fraction === null ? '–' : percent(fraction));

/** A difference of fractions in points, with its sign: `+21.3`. */
export const points = (difference: number): string =>
  `${difference < 0 ? '−' : '+'}${Math.abs(100 * difference).toFixed(1)}`;

/** A whole number: `50,000`. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** A noun with its number: `1 image`, `50,000 images`. */
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** `1 class`, `10 classes`. */
export const classesOf = (value: number): string => `${count(value)} ${value === 1 ? 'class' : 'classes'}`;

/** A whole number on an axis: `50k`, `1.2M`. */
export function compact(value: number): string {
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** A measured number to four significant digits: `0.3840`, `1.2e-5`. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

/** The value of a curve in its unit. */
export const inUnit = (value: number, unit: 'fraction' | 'nats' | 'rate' | 'number'): string =>
  unit === 'fraction' ? percent(value) : number(value);

/** The interval of an estimate: `92.1 – 94.5 %`. */
export const interval = ({ low, high }: Estimate): string => `${(100 * low).toFixed(1)} – ${percent(high)}`;

/** How many names a list may have before it is called long: charts with a row per class give way to summaries. */
export const manyClasses = 40;
