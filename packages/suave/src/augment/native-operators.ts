/** @file The custom operators of `packages/suave/native`, loaded when the first one is used. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLibrary, type OperatorValue, operatorLibraryPath, ops, type Tensor } from '@suave/torch';

const buildFolder = join(dirname(fileURLToPath(import.meta.url)), '../../build');
const loaded = new Map<string, (...values: OperatorValue[]) => unknown>();

function operator(name: string): (...values: OperatorValue[]) => unknown {
  let found = loaded.get(name);
  if (found === undefined) {
    if (loaded.size === 0) loadLibrary(operatorLibraryPath(buildFolder, 'libsuave_ops'));
    found = ops(`suave::${name}`);
    loaded.set(name, found);
  }
  return found;
}

/**
 * Cuts, colors and normalizes views, all on the CPU (see `native/augment.cc`).
 * @param pixels      uint8 [bytes]
 * @param images      float64 [n, 3]: byte offset, height, width
 * @param parameters  float64 [n, 26]
 * @param dtype       of the result; uint8 leaves out the normalization
 * @returns           [n, 3, height, width], a new tensor
 * @throws TorchError when a crop lies outside its image
 */
export function augmentViews(
  pixels: Tensor,
  images: Tensor,
  parameters: Tensor,
  size: readonly [number, number],
  interpolation: string,
  border: string,
  mean: readonly number[],
  std: readonly number[],
  dtype: string,
): Tensor {
  return operator('augment_views')(pixels, images, parameters, size, interpolation, border, mean, std, dtype) as Tensor;
}

/**
 * Copies parts of images into one batch, filled up with zeros, on the CPU.
 * @param pixels  uint8 [bytes]
 * @param images  float64 [n, 3]: byte offset, height, width
 * @param boxes   float64 [n, 4]: top, left, height, width
 * @returns       uint8 [n, H, 3, W] with H and W of the largest box; a new tensor
 */
export function gatherCrops(pixels: Tensor, images: Tensor, boxes: Tensor): Tensor {
  return operator('gather_crops')(pixels, images, boxes) as Tensor;
}
