/** @file Sizes of kernels, strides and windows in one, two or three dimensions; and what a layer says of a wrong shape. */
import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** A size along the one dimension. */
export type Size1d = number | readonly [number];

/** A size in both directions, or [height, width]. */
export type Size2d = number | readonly [number, number];

/** A size in all three directions, or [depth, height, width]. */
export type Size3d = number | readonly [number, number, number];

/** One size for each of `count` dimensions. */
export function sizes(size: number | readonly number[], count: number): number[] {
  return typeof size === 'number' ? new Array<number>(count).fill(size) : [...size];
}

/** `[height, width]` of a size. */
export function pair(size: Size2d): number[] {
  return sizes(size, 2);
}

/** `[2, 3]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/**
 * What to throw after an operator failed: a ShapeError in the layer's words where the input does not fit, else the error
 * itself. Shapes are looked at only then, so that calls that succeed pay nothing.
 * @param fits      whether the input has the shape that the layer needs
 * @param expected  that shape, e.g. `[…, 784]`
 */
export function explained(
  error: unknown,
  layer: object,
  x: Tensor,
  fits: (shape: readonly number[]) => boolean,
  expected: string,
): unknown {
  if (x.isDisposed) return error;
  const { shape } = x;
  if (fits(shape)) return error;
  return new ShapeError(`${layer.constructor.name}: expected ${expected}, got ${shapeText(shape)}.`);
}
