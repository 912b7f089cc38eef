/** @file The images that views are cut from. */
import { fromTypedArray, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import type { ImageSizes } from './draw.js';
import { numViewColumns, type ViewParameters } from './view-parameters.js';

/** Images of any sizes in one tensor of bytes; an `ImageSet` is one. */
export interface PixelSource extends ImageSizes {
  /** uint8 [bytes]: RGB images, height × width × 3, one after another. */
  readonly pixels: Tensor;
  /** First byte of each image; NaN for images that are not there. */
  readonly offsets: ArrayLike<number>;
}

/** How views are computed. */
export interface ApplyOptions {
  /** Device of the result; the CPU unless said. */
  readonly device?: string;
  /** float32 unless said; uint8 leaves the bytes as they are, without normalization. */
  readonly dtype?: 'float32' | 'float64' | 'float16' | 'bfloat16' | 'uint8';
  /**
   * `native`: the operator for 8-bit images on the CPU, bit-exact to Pillow. `tensor`: a `ViewProgram` for this batch alone, on any
   * device; the same bits. `auto`, the default: native on the CPU, tensor operations elsewhere.
   */
  readonly path?: 'auto' | 'native' | 'tensor';
}

/**
 * Places of the images of a batch.
 * @returns float64 [n, 3] on the CPU: byte offset, height, width; a new tensor
 * @throws SuaveError OUT_OF_RANGE when an index has no image
 */
export function imageRows(source: PixelSource, indices: ArrayLike<number>): Tensor {
  const rows = new Float64Array(3 * indices.length);
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row];
    const offset = source.offsets[index];
    if (!(offset >= 0)) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `views: expected image indices below ${source.offsets.length}, got ${index}. Take them from this set.`,
      );
    }
    rows[3 * row] = offset;
    rows[3 * row + 1] = source.heights[index];
    rows[3 * row + 2] = source.widths[index];
  }
  return fromTypedArray(rows, [indices.length, 3], { dtype: 'float64' });
}

/** The parameter rows as a tensor: float64 [n, columns] on the CPU; a new tensor. */
export function parameterRows(parameters: ViewParameters): Tensor {
  return fromTypedArray(parameters.rows, [parameters.count, numViewColumns], { dtype: 'float64' });
}
