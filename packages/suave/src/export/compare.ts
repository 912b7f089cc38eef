/** @file What an exported model gives against our own network, and how much it lost. Legend: N images, K outputs. */
import { noGrad, scope, softmax, type Tensor } from '@suave/torch';
import type { RgbImage } from '../data/index.js';
import { reducedSize, resizeBilinear } from '../data/resize.js';
import { joined } from '../evaluation/predict-batch.js';
import { allIndices, prepare } from '../evaluation/scoring.js';
import type { ClassifierNetwork } from '../models/index.js';
import type { ExportTarget, OnnxSession } from './onnx/index.js';

/** Outputs of two programs for the same images. */
export interface Difference {
  readonly images: number;
  /** Largest absolute difference. */
  readonly max: number;
  /** Largest absolute value of our own. */
  readonly largest: number;
}

/** What our network gives, in row-major order. */
export interface OwnOutputs {
  /** float32 [N, 3, S, S], prepared. */
  readonly pixels: Float32Array;
  /** [N, K] logits over the temperature, or features. */
  readonly values: Float32Array;
  /** Their softmax. */
  readonly probabilities: Float32Array;
}

/** Our own outputs for pictures at full size, which are prepared as `suave predict` does. */
export function ownOutputs(
  target: ExportTarget,
  output: 'logits' | 'features',
  images: readonly RgbImage[],
): OwnOutputs {
  const { input } = target.metadata;
  const reduced = images.map((image) => {
    const { height, width } = reducedSize(image.height, image.width, input.cacheSide);
    return resizeBilinear(image, height, width);
  });
  return noGrad(() =>
    scope(() => {
      const pixels = prepare(joined(reduced), allIndices(images.length), { input, device: 'cpu' });
      const values = output === 'logits' ? logitsOf(target, pixels) : featuresOf(target, pixels);
      const floats = (tensor: Tensor): Float32Array => tensor.to('float32').contiguous().data() as Float32Array;
      return { pixels: floats(pixels), values: floats(values), probabilities: floats(softmax(values, 1)) };
    }),
  );
}

function logitsOf({ network, numClasses, probabilityTemperature }: ExportTarget, images: Tensor): Tensor {
  const scores = (network as unknown as ClassifierNetwork).classify(images);
  return scores.narrow(1, 0, numClasses ?? scores.shape[1]).div(probabilityTemperature);
}

function featuresOf({ network }: ExportTarget, images: Tensor): Tensor {
  return (network as unknown as { backbone: { forward(images: Tensor): Tensor } }).backbone.forward(images);
}

/** How far a model is from our own outputs on images that are prepared already. */
export async function compareModel(session: OnnxSession, own: OwnOutputs, side: number): Promise<Difference> {
  const { values, images } = await outputsOf(session, own, side);
  return differenceOf(images, values, own.values);
}

/** What a model gives for the same prepared images. */
export async function outputsOf(
  session: OnnxSession,
  { pixels }: OwnOutputs,
  side: number,
): Promise<{ values: Float32Array; images: number }> {
  const images = pixels.length / (3 * side * side);
  const { values } = await session.run(pixels, [images, 3, side, side]);
  return { values, images };
}

/** How far a model that prepares images itself is from ours, image by image. */
export async function comparePreparation(
  session: OnnxSession,
  images: readonly RgbImage[],
  own: Float32Array,
): Promise<Difference> {
  const all = new Float32Array(own.length);
  const outputs = own.length / images.length;
  for (const [row, { height, width, pixels }] of images.entries()) {
    const { values } = await session.run(pixels, [1, height, width, 3]);
    all.set(values, row * outputs);
  }
  return differenceOf(images.length, all, own);
}

function differenceOf(images: number, values: Float32Array, own: Float32Array): Difference {
  let max = values.length === own.length ? 0 : Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [i, value] of own.entries()) {
    const difference = Math.abs(values[i] - value);
    if (!(difference <= max)) max = difference;
    largest = Math.max(largest, Math.abs(value));
  }
  return { images, max, largest };
}
