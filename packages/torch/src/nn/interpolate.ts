/** @file Resizing by interpolation (PyTorch's F.interpolate). Legend: N images, C channels, D × H × W voxels or pixels. */
import { ArgumentError, ShapeError } from '../errors.js';
import {
  _upsampleBicubic2dAa,
  _upsampleBilinear2dAa,
  _upsampleNearestExact1d,
  _upsampleNearestExact2d,
  _upsampleNearestExact3d,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  upsampleBicubic2d,
  upsampleBilinear2d,
  upsampleLinear1d,
  upsampleNearest1d,
  upsampleNearest2d,
  upsampleNearest3d,
  upsampleTrilinear3d,
} from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { shapeText } from './sizes.js';

/** How values between the pixels are found; linear needs one dimension, bilinear and bicubic two, trilinear three. */
export type InterpolateMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

/** Options of {@link interpolate}: exactly one of `size` and `scaleFactor`. */
export interface InterpolateOptions {
  /** Size of the output: one number for each dimension after the channels, or one for all. */
  readonly size?: number | readonly number[];
  /** Output size over input size, in the same way. */
  readonly scaleFactor?: number | readonly number[];
  /** Default `nearest`. */
  readonly mode?: InterpolateMode;
  /** Whether the corners of both grids coincide; default false. Only for the linear and cubic modes. */
  readonly alignCorners?: boolean;
  /** Whether shrinking averages over the pixels that it leaves out; default false. Only for bilinear and bicubic. */
  readonly antialias?: boolean;
}

type Size = readonly number[] | null;
type Nearest = (x: Tensor, size: Size, factors: Size) => Tensor;
type Aligned = (x: Tensor, size: Size, alignCorners: boolean, factors: Size) => Tensor;

const NEAREST: readonly Nearest[] = [upsampleNearest1d, upsampleNearest2d, upsampleNearest3d];
const NEAREST_EXACT: readonly Nearest[] = [_upsampleNearestExact1d, _upsampleNearestExact2d, _upsampleNearestExact3d];
const AREA = [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d] as const;
/** Modes with corners, and their number of dimensions. */
const ALIGNED = {
  linear: [1, upsampleLinear1d],
  bilinear: [2, upsampleBilinear2d],
  bicubic: [2, upsampleBicubic2d],
  trilinear: [3, upsampleTrilinear3d],
} as const satisfies Record<string, readonly [number, Aligned]>;
const ANTIALIASED: Readonly<Record<string, Aligned>> = {
  bilinear: _upsampleBilinear2dAa,
  bicubic: _upsampleBicubic2dAa,
};

function perDimension(values: number | readonly number[] | undefined, count: number, what: string): number[] | null {
  if (values === undefined) return null;
  if (typeof values === 'number') return new Array<number>(count).fill(values);
  if (values.length === count) return [...values];
  throw new ArgumentError(
    `interpolate: expected ${count} numbers in ${what}, got ${values.length}. Give one for each dimension.`,
  );
}

/**
 * Resizes the dimensions after the channels (PyTorch's F.interpolate): [N, C, L], [N, C, H, W] or [N, C, D, H, W].
 * @returns a new tensor [N, C, …size]; with a scale factor, sizes are rounded down
 * @throws ArgumentError when `size` and `scaleFactor` are both given or both missing, or an option does not go with the mode
 * @throws ShapeError when the mode is for another number of dimensions
 */
export function interpolate(
  x: Tensor,
  { size, scaleFactor, mode = 'nearest', alignCorners, antialias = false }: InterpolateOptions,
): Tensor {
  const { shape } = x;
  const count = shape.length - 2;
  if (count < 1 || count > 3)
    throw new ShapeError(`interpolate: expected [N, C, L], [N, C, H, W] or [N, C, D, H, W], got ${shapeText(shape)}.`);
  if ((size === undefined) === (scaleFactor === undefined))
    throw new ArgumentError('interpolate: expected either size or scaleFactor. Give exactly one of them.');
  const sizes = perDimension(size, count, 'size');
  const factors = perDimension(scaleFactor, count, 'scaleFactor');
  const isAligned = mode in ALIGNED;
  if (alignCorners !== undefined && !isAligned)
    throw new ArgumentError(`interpolate: alignCorners has no effect with mode '${mode}'. Leave it out.`);
  if (antialias && !(mode in ANTIALIASED))
    throw new ArgumentError(
      `interpolate: antialias is for the modes bilinear and bicubic, got '${mode}'. Leave it out.`,
    );
  if (mode === 'area') return AREA[count - 1]!(x, sizes ?? shape.slice(2).map((n, i) => Math.floor(n * factors![i]!)));
  if (mode === 'nearest') return NEAREST[count - 1]!(x, sizes, factors);
  if (mode === 'nearest-exact') return NEAREST_EXACT[count - 1]!(x, sizes, factors);
  if (!isAligned)
    throw new ArgumentError(`interpolate: expected a mode such as 'nearest' or 'bilinear', got '${String(mode)}'.`);
  const [dimensions, operator]: readonly [number, Aligned] = ALIGNED[mode];
  if (dimensions !== count)
    throw new ShapeError(
      `interpolate: mode '${mode}' is for ${dimensions} dimensions after the channels, got ${shapeText(shape)}.`,
    );
  return (antialias ? ANTIALIASED[mode]! : operator)(x, sizes, alignCorners ?? false, factors);
}
