/** @file Applies drawn parameters to images: a whole batch of views at once. */
import { fromTypedArray, scope, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { augmentViews, gatherCrops } from './native-operators.js';
import type { PerChannel } from './normalization.js';
import { type ApplyOptions, imageRows, type PixelSource, parameterRows } from './pixel-source.js';
import type { ViewParameters } from './view-parameters.js';
import { planOfParameters } from './view-plan.js';
import { ViewProgram } from './view-program.js';
import type { Interpolation } from './view-spec.js';

/** What applying needs of a kind of view; a `ViewSpec` or an `EvalSpec` has it. */
export interface ViewFormat {
  readonly interpolation: Interpolation;
  /** Normalization of values in [0, 1]. */
  readonly mean: PerChannel;
  readonly std: PerChannel;
}

/**
 * Cuts, resizes, flips and colors views and normalizes them (method specification 6.2 to 6.5).
 * @param source      the images; `pixels` on the CPU, or on the result's device for the tensor operations
 * @param indices     [n], which image each view is cut from
 * @param parameters  what was drawn, one row a view
 * @param format      interpolation and normalization
 * @returns           [n, 3, height, width] on `options.device`; a new tensor
 * @throws SuaveError OUT_OF_RANGE when an index has no image or the numbers of rows differ; TorchError when a crop
 *                    lies outside its image
 */
export function applyViews(
  source: PixelSource,
  indices: ArrayLike<number>,
  parameters: ViewParameters,
  format: ViewFormat,
  options: ApplyOptions = {},
): Tensor {
  const { device = 'cpu', dtype = 'float32', path = 'auto' } = options;
  if (indices.length !== parameters.count) {
    throw new SuaveError(
      'OUT_OF_RANGE',
      `applyViews: expected one index per drawn view, got ${indices.length} indices and ${parameters.count} views. ` +
        'Give the indices that were drawn for.',
    );
  }
  const native = path === 'native' || (path === 'auto' && device === 'cpu');
  return scope(() => {
    if (!native) return applyOnce(source, indices, parameters, format, { device, dtype });
    const views = augmentViews(
      source.pixels,
      imageRows(source, indices),
      parameterRows(parameters),
      [parameters.height, parameters.width],
      format.interpolation,
      parameters.border,
      format.mean,
      format.std,
      dtype,
    );
    return device === 'cpu' ? views : views.to({ device });
  });
}

/** By a program made for this batch alone. */
function applyOnce(
  source: PixelSource,
  indices: ArrayLike<number>,
  parameters: ViewParameters,
  format: ViewFormat,
  { device, dtype }: Required<Pick<ApplyOptions, 'device' | 'dtype'>>,
): Tensor {
  const { pixels } = source;
  const onHost = pixels.device === 'cpu';
  const place = onHost ? device : pixels.device;
  const program = new ViewProgram(planOfParameters(parameters, format.interpolation), format, { device: place, dtype });
  try {
    const shape = [parameters.count, program.columns];
    const table = fromTypedArray(program.encode(source, indices, parameters), shape, { device: place });
    if (place === pixels.device) return program.apply(pixels, table).to({ device });
    const images = imageRows(source, indices);
    const boxes = parameterRows(parameters).narrow(1, 0, 4);
    return program.applyToCrops(table, (start, count) =>
      gatherCrops(pixels, images.narrow(0, start, count), boxes.narrow(0, start, count).contiguous()),
    );
  } finally {
    program.dispose();
  }
}
