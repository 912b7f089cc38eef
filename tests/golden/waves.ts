/**
 * @file The closed-form rules of the golden manifest (`conventions.weights`): model weights are computed from their
 * state-dict names, and long tensors are compared by their norm and their projection on a fixed wave.
 */

/** `(sum of charcode · (position + 1)) mod 9973`, position from 0. */
export function nameHash(name: string): number {
  let sum = 0;
  for (let i = 0; i < name.length; i++) sum += name.charCodeAt(i) * (i + 1);
  return sum % 9973;
}

/** `sin(0.37 i + 0.11 h)`. */
export function waveSin(name: string, count: number): Float64Array {
  const h = nameHash(name);
  const wave = new Float64Array(count);
  for (let i = 0; i < count; i++) wave[i] = Math.sin(0.37 * i + 0.11 * h);
  return wave;
}

/** A 32-bit mix of index and name hash, in [−1, 1): full rank, exact on every platform. */
export function waveHash(name: string, count: number): Float64Array {
  const offset = Math.imul(nameHash(name), 40503) + 12345;
  const wave = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 2654435761) + offset) >>> 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b) >>> 0;
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35) >>> 0;
    x ^= x >>> 16;
    wave[i] = (x >>> 0) / 2 ** 31 - 1;
  }
  return wave;
}

/** Which wave fills the weights. */
export type Fill = 'sin' | 'hash';

/** The float32 values of one state-dict entry; the first matching rule wins (num_batches_tracked is 0). */
export function fillValues(name: string, shape: readonly number[], fill: Fill): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (name.endsWith('num_batches_tracked')) return new Float32Array(count);
  const wave = fill === 'sin' ? waveSin(name, count) : waveHash(name, count);
  const { offset, scale, absolute } = fillRule(name, shape, fill, count);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = offset + scale * (absolute ? Math.abs(wave[i]) : wave[i]);
  return values;
}

/** `offset + scale·s`, or `offset + scale·|s|`. */
function fillRule(
  name: string,
  shape: readonly number[],
  fill: Fill,
  count: number,
): { offset: number; scale: number; absolute?: boolean } {
  if (name.endsWith('running_mean')) return { offset: 0, scale: 0.05 };
  if (name.endsWith('running_var')) return { offset: 1, scale: 0.3, absolute: true };
  if (name.endsWith('weight_g')) return { offset: 1, scale: 0.1 };
  if (name.endsWith('cls_token') || name.endsWith('pos_embed')) return { offset: 0, scale: 0.02 };
  if (name.endsWith('bias')) return { offset: 0, scale: 0.05 };
  if (shape.length >= 2) return { offset: 0, scale: (fill === 'hash' ? 2 : 1) / Math.sqrt(count / shape[0]) };
  return { offset: 1, scale: 0.1 };
}

/** `Σ values · waveHash(name)` in float64. */
export function project(name: string, values: ArrayLike<number>): number {
  const wave = waveHash(name, values.length);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * wave[i]!;
  return sum;
}

/** L2 norm in float64. */
export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}
