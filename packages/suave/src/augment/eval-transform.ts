/** @file Prepares images for evaluation: resize the shorter side, cut the center, normalize. */
import type { Tensor } from '@suave/torch';
import { applyViews } from './apply.js';
import type { ImageSizes } from './draw.js';
import { evalWindow } from './eval-window.js';
import type { ApplyOptions, PixelSource } from './pixel-source.js';
import { encodeViews, type ViewParameters } from './view-parameters.js';
import type { EvalSpec } from './view-spec.js';

/**
 * Parameters of evaluation: nothing is drawn.
 * @param images   sizes of all images of the set
 * @param indices  [n], which images
 */
export function evalParameters(
  images: ImageSizes,
  indices: ArrayLike<number>,
  spec: Pick<EvalSpec, 'resize' | 'crop'>,
): ViewParameters {
  const views = Array.from(indices, (index) => {
    const height = images.heights[index];
    const width = images.widths[index];
    return { crop: { top: 0, left: 0, height, width }, ...evalWindow(height, width, spec) };
  });
  return encodeViews(views, { height: spec.crop, width: spec.crop });
}

/**
 * Images as the classifier is evaluated on: shorter side resized, center crop, normalized (method specification 6.3).
 * @param source   the images
 * @param indices  [n], which images
 * @returns        [n, 3, crop, crop], float32 on the CPU unless `options` say otherwise; a new tensor
 * @throws SuaveError OUT_OF_RANGE when an index has no image
 */
export function evalTransform(
  source: PixelSource,
  indices: ArrayLike<number>,
  spec: EvalSpec,
  options: ApplyOptions = {},
): Tensor {
  return applyViews(source, indices, evalParameters(source, indices, spec), spec, options);
}
