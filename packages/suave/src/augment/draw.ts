/** @file Draws the parameters of views on the host: pure functions of the view's kind, the image sizes and the key. */
import { SuaveError } from '../errors.js';
import { type DrawStream, Draws } from './random.js';
import { roundHalfEven } from './rounding.js';
import {
  emptyViewParameters,
  numViewColumns,
  pushOperation,
  type ViewParameters,
  viewColumns,
} from './view-parameters.js';
import { defaultRatio, type JitterSpec, simpleCropPadding, type ViewSpec } from './view-spec.js';

/** Sizes of the images of a set, pixels. */
export interface ImageSizes {
  readonly heights: ArrayLike<number>;
  readonly widths: ArrayLike<number>;
}

/** Where the views of a batch stand in a run; together with the image indices it decides every draw. */
export interface ViewKey {
  readonly seed: number;
  /** Index of the stage in the recipe. */
  readonly stage: number;
  readonly stream: DrawStream;
  /** That stream's epoch: one number, or one per row. */
  readonly epochs: number | ArrayLike<number>;
  /** Which occurrence of its image in the batch a row is; counted from the indices unless given. */
  readonly repeats?: ArrayLike<number>;
  /** Index of the view among all views of an image. */
  readonly view: number;
}

/** A part of an image, pixels. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * A random part of an image (torchvision's RandomResizedCrop.get_params): up to ten tries of a uniform area and a
 * log-uniform width / height, then the largest central part with an allowed ratio.
 * @param scale  share of the area, within (0, 1]
 * @param ratio  range of width / height
 */
export function drawResizedCrop(
  draws: Draws,
  height: number,
  width: number,
  scale: readonly [number, number],
  ratio: readonly [number, number] = defaultRatio,
): CropBox {
  const logLow = Math.log(ratio[0]);
  const logHigh = Math.log(ratio[1]);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * draws.uniformIn(scale[0], scale[1]);
    const aspect = Math.exp(draws.uniformIn(logLow, logHigh));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      const top = draws.uniformInt(0, height - h + 1);
      return { top, left: draws.uniformInt(0, width - w + 1), height: h, width: w };
    }
  }
  return centralCrop(height, width, ratio);
}

/** The largest central part of an image with an allowed width / height. */
export function centralCrop(height: number, width: number, ratio: readonly [number, number]): CropBox {
  let h = height;
  let w = width;
  if (width / height < ratio[0]) h = Math.min(height, Math.max(1, roundHalfEven(width / ratio[0])));
  else if (width / height > ratio[1]) w = Math.min(width, Math.max(1, roundHalfEven(height * ratio[1])));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/** Size of an image whose shorter side is resized to `side`: the longer one is cut to whole pixels. */
export function resizedSize(height: number, width: number, side: number): { height: number; width: number } {
  return height <= width
    ? { height: side, width: Math.trunc((side * width) / height) }
    : { height: Math.trunc((side * height) / width), width: side };
}

/** Which occurrence of its image each row of a batch is: 0 for the first, 1 for the second, … */
export function countRepeats(indices: ArrayLike<number>): Int32Array {
  const repeats = new Int32Array(indices.length);
  const seen = new Map<number, number>();
  for (let row = 0; row < indices.length; row++) {
    const earlier = seen.get(indices[row]) ?? 0;
    repeats[row] = earlier;
    seen.set(indices[row], earlier + 1);
  }
  return repeats;
}

function drawJitter(draws: Draws, jitter: JitterSpec, rows: Float64Array, row: number): void {
  if (!draws.bernoulli(jitter.prob)) return;
  const order = draws.permutation(4);
  const factor = (strength: number) => draws.uniformIn(Math.max(0, 1 - strength), 1 + strength);
  // All four are drawn whether used or not, so that a strength of 0 does not shift the others.
  const values = [
    factor(jitter.brightness),
    factor(jitter.contrast),
    factor(jitter.saturation),
    draws.uniformIn(-jitter.hue, jitter.hue),
  ];
  const strengths = [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue];
  for (const operation of order) {
    if (strengths[operation] > 0) pushOperation(rows, row, jitterOperations[operation], values[operation]);
  }
}

const jitterOperations = ['brightness', 'contrast', 'saturation', 'hue'] as const;

function drawColors(draws: Draws, spec: ViewSpec, rows: Float64Array, row: number, at: ColorKey): void {
  const { threeAugment, jitter, blur, solarize } = spec;
  const move = (purpose: Parameters<Draws['at']>[4]) => draws.at(at.epoch, at.sampleIndex, at.repeat, at.view, purpose);
  if (threeAugment) {
    const choice = move('threeAugment').uniformInt(0, 3);
    if (choice === 0) pushOperation(rows, row, 'gray', 0);
    else if (choice === 1) pushOperation(rows, row, 'solarize', threeAugment.threshold);
    else pushOperation(rows, row, 'blur', draws.uniformIn(threeAugment.sigma[0], threeAugment.sigma[1]));
  }
  if (jitter) drawJitter(move('jitter'), jitter, rows, row);
  if (spec.grayProb > 0 && move('gray').bernoulli(spec.grayProb)) pushOperation(rows, row, 'gray', 0);
  if (blur && move('blur').bernoulli(blur.prob)) {
    pushOperation(rows, row, 'blur', draws.uniformIn(blur.sigma[0], blur.sigma[1]));
  }
  if (solarize && move('solarize').bernoulli(solarize.prob)) {
    const { threshold } = solarize;
    pushOperation(rows, row, 'solarize', threshold === 'random' ? draws.uniformInt(1, 257) : threshold);
  }
  const { equalizeProb = 0 } = spec;
  if (equalizeProb > 0 && move('equalize').bernoulli(equalizeProb)) pushOperation(rows, row, 'equalize', 0);
}

interface ColorKey {
  readonly epoch: number;
  readonly sampleIndex: number;
  readonly repeat: number;
  readonly view: number;
}

/**
 * Draws one view of each image of a batch.
 * @param spec     the kind of view
 * @param images   sizes of all images of the set
 * @param indices  [n], which images; an index also keys the draws of its rows
 * @param key      where the batch stands in the run
 * @returns        the parameters of n views, to be given to `applyViews` with the same indices
 * @throws SuaveError OUT_OF_RANGE when an index has no image
 */
export function drawViews(
  spec: ViewSpec,
  images: ImageSizes,
  indices: ArrayLike<number>,
  key: ViewKey,
): ViewParameters {
  const simple = spec.cropMode === 'simple';
  const parameters = emptyViewParameters(indices.length, spec.size, spec.size, simple ? 'reflect' : 'zero');
  const { rows } = parameters;
  const repeats = key.repeats ?? countRepeats(indices);
  const draws = new Draws(key.seed, key.stage, key.stream);
  for (let row = 0; row < indices.length; row++) {
    const sampleIndex = indices[row];
    const height = images.heights[sampleIndex];
    const width = images.widths[sampleIndex];
    if (height === undefined || width === undefined) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `${spec.name} views: expected indices below ${images.heights.length}, got ${sampleIndex}. Draw them from this set.`,
      );
    }
    const epoch = typeof key.epochs === 'number' ? key.epochs : key.epochs[row];
    const at = { epoch, sampleIndex, repeat: repeats[row], view: key.view };
    const start = row * numViewColumns;
    draws.at(epoch, sampleIndex, at.repeat, key.view, 'crop');
    const box = simple
      ? { top: 0, left: 0, height, width }
      : drawResizedCrop(draws, height, width, spec.scale, spec.ratio);
    rows[start + viewColumns.cropTop] = box.top;
    rows[start + viewColumns.cropLeft] = box.left;
    rows[start + viewColumns.cropHeight] = box.height;
    rows[start + viewColumns.cropWidth] = box.width;
    const resized = simple ? resizedSize(height, width, spec.size) : { height: spec.size, width: spec.size };
    rows[start + viewColumns.resizedHeight] = resized.height;
    rows[start + viewColumns.resizedWidth] = resized.width;
    if (simple) {
      const padding = 2 * simpleCropPadding;
      const top = draws.uniformInt(0, resized.height + padding - spec.size + 1) - simpleCropPadding;
      rows[start + viewColumns.windowTop] = top;
      rows[start + viewColumns.windowLeft] =
        draws.uniformInt(0, resized.width + padding - spec.size + 1) - simpleCropPadding;
    }
    if (spec.flipProb > 0) {
      const flip = draws.at(epoch, sampleIndex, at.repeat, key.view, 'flip').bernoulli(spec.flipProb);
      rows[start + viewColumns.flip] = flip ? 1 : 0;
    }
    drawColors(draws, spec, rows, row, at);
  }
  return parameters;
}
