/**
 * @file Comparison of numbers with a golden tolerance. A failure names the worst element: its index, both
 * values, absolute and relative error, and the error that was allowed.
 */
import { toleranceOf } from '../fixtures/device-tests.js';

/** Anything numeric that a comparison accepts. */
export type Numbers = ArrayLike<number> | ArrayLike<bigint>;

/**
 * A tolerance as the manifest writes it: `"exact"`, `|got − ref| ≤ atol + rtol·|ref|`, or an absolute error of
 * `r` times another tensor (`relative_to`, resolved by the caller into `allowed`).
 */
export interface Tolerance {
  readonly atol?: number;
  readonly rtol?: number;
  /** Allowed absolute error per element, added to atol + rtol·|ref|. */
  readonly allowed?: ArrayLike<number>;
}

/** How much wider a golden tolerance is on an accelerator: it was measured between two ways to compute on one CPU. */
const DEVICE_FACTOR = 4;

/**
 * The tolerance on a device: as it is on the CPU, and for integers anywhere. Elsewhere four times as wide, with room for the device's
 * rounding (`toleranceOf`) at the size of the largest number. What is compared more closely than float32 can be is float64.
 */
export function forDevice(
  device: string,
  tolerance: Tolerance | 'exact',
  got: Numbers,
  reference: Numbers,
): Tolerance | 'exact' {
  const isInteger = !(Array.isArray(got) || got instanceof Float32Array || got instanceof Float64Array);
  if (device === 'cpu' || isInteger) return tolerance;
  const { atol = 0, rtol = 0, allowed } = tolerance === 'exact' ? {} : tolerance;
  const sizes = Array.from(reference as ArrayLike<number | bigint>, (value) => Math.abs(Number(value)));
  const finite = sizes.filter(Number.isFinite);
  const largest = finite.reduce((left, right) => Math.max(left, right), 0);
  const allowance = sizes.reduce((left, _, i) => Math.max(left, atol + rtol * largest + (allowed?.[i] ?? 0)), 0);
  const isDouble = tolerance !== 'exact' && allowance < 1e-7 * largest;
  const room = toleranceOf(device, isDouble ? 'float64' : 'float32');
  return {
    atol: DEVICE_FACTOR * atol + room.atol * largest,
    rtol: DEVICE_FACTOR * rtol + room.rtol,
    ...(allowed && { allowed: Array.from(allowed, (each) => DEVICE_FACTOR * each) }),
  };
}

/** What a comparison found; `ok` when every element is within its tolerance. */
export interface Comparison {
  readonly ok: boolean;
  readonly violations: number;
  readonly worstIndex: number;
  readonly worstAbsolute: number;
  readonly worstRelative: number;
  readonly message: string;
}

function unravel(index: number, shape: readonly number[]): string {
  const position: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    position.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${position.join(', ')}]`;
}

/**
 * Compares element by element; NaN and infinities match only themselves.
 * The worst element is the one with the largest error relative to what was allowed there.
 */
export function compareNumbers(
  got: Numbers,
  reference: Numbers,
  tolerance: Tolerance | 'exact',
  label: string,
  shape: readonly number[] = [reference.length],
): Comparison {
  if (got.length !== reference.length) {
    const message = `${label}: expected ${reference.length} elements of shape [${shape.join(', ')}], got ${got.length}.`;
    return { ok: false, violations: 1, worstIndex: -1, worstAbsolute: Number.NaN, worstRelative: Number.NaN, message };
  }
  let violations = 0;
  let worstIndex = -1;
  let worstExcess = -1;
  for (let i = 0; i < reference.length; i++) {
    const a = Number(got[i]);
    const b = Number(reference[i]);
    if (Object.is(a, b) || a === b) continue;
    const allowed =
      tolerance === 'exact'
        ? 0
        : (tolerance.atol ?? 0) + (tolerance.rtol ?? 0) * Math.abs(b) + (tolerance.allowed?.[i] ?? 0);
    const error = Math.abs(a - b);
    const bad = !(error <= allowed) || !Number.isFinite(error);
    if (bad) violations++;
    const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / Math.max(allowed, 1e-300);
    if (excess > worstExcess) {
      worstExcess = excess;
      worstIndex = i;
    }
  }
  const a = worstIndex < 0 ? 0 : Number(got[worstIndex]);
  const b = worstIndex < 0 ? 0 : Number(reference[worstIndex]);
  const worstAbsolute = Math.abs(a - b);
  const worstRelative = worstAbsolute / Math.max(Math.abs(b), Number.MIN_VALUE);
  const rule =
    tolerance === 'exact'
      ? 'exact'
      : `atol ${tolerance.atol ?? 0}, rtol ${tolerance.rtol ?? 0}${
          tolerance.allowed ? `, allowed here ${tolerance.allowed[worstIndex]}` : ''
        }`;
  const message =
    violations === 0
      ? `${label}: equal within ${rule}; worst error ${worstAbsolute.toExponential(2)} (${Math.max(worstExcess, 0).toPrecision(2)} of the allowed).`
      : `${label}: ${violations} of ${reference.length} elements differ; worst at ${unravel(worstIndex, shape)}: got ${a}, ` +
        `expected ${b}, absolute error ${worstAbsolute.toExponential(3)}, relative error ${worstRelative.toExponential(3)} (${rule}).`;
  return { ok: violations === 0, violations, worstIndex, worstAbsolute, worstRelative, message };
}

/** Throws the message of `compareNumbers` when an element is outside its tolerance. */
export function assertNumbers(
  got: Numbers,
  reference: Numbers,
  tolerance: Tolerance | 'exact',
  label: string,
  shape?: readonly number[],
): void {
  const result = compareNumbers(got, reference, tolerance, label, shape);
  if (!result.ok) throw new Error(result.message);
}
