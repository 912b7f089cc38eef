/** @file What the cases of group 07 record, as view parameters. */
import { fromTypedArray, type Tensor } from '@suave/torch';
import {
  type ApplyOptions,
  applyViews,
  encodeViews,
  type Interpolation,
  imagenetNormalization,
  type PerChannel,
  type PixelSource,
  resizedSize,
  type ViewDescription,
  type ViewOperation,
} from '../../packages/suave/src/augment/index.js';
import { place, testDevice } from '../fixtures/devices.js';
import { casesOf, type GoldenTensor } from './harness.js';

/** A recorded operation; the other keys depend on `op`. */
export interface RecordedOperation {
  readonly op: string;
  readonly [key: string]: unknown;
}

/** A view with everything that applying it needs. */
export interface RecordedView extends ViewDescription {
  readonly size: { readonly height: number; readonly width: number };
  readonly border?: 'zero' | 'reflect';
  readonly interpolation?: Interpolation;
  readonly mean?: PerChannel;
  readonly std?: PerChannel;
}

/** The source image `img<index>` that the cases of the group share. */
export function sourceImage(index: number): GoldenTensor {
  const owner = casesOf('07').find((golden) => golden.names('input').includes(`img${index}`));
  if (!owner) throw new Error(`golden 07: no source image img${index}.`);
  return owner.tensor(`img${index}`);
}

/** An image as a set of one. Call inside a scope. */
export function sourceOf(image: GoldenTensor): PixelSource {
  const [height, width] = image.shape;
  const pixels = place(fromTypedArray(image.data, [image.data.length], { dtype: 'uint8' }));
  return { pixels, offsets: [0], heights: [height], widths: [width] };
}

/** A view of an image: [3, H, W] of `options.dtype`. Call inside a scope. */
export function viewOf(image: GoldenTensor, view: RecordedView, options: ApplyOptions): Tensor {
  const format = {
    interpolation: view.interpolation ?? 'bilinear',
    ...imagenetNormalization,
    ...pickNormalization(view),
  };
  return applyViews(sourceOf(image), [0], encodeViews([view], view.size, view.border), format, {
    device: testDevice(),
    ...options,
  }).reshape([3, view.size.height, view.size.width]);
}

function pickNormalization(view: RecordedView): { mean?: PerChannel; std?: PerChannel } {
  return { ...(view.mean && { mean: view.mean }), ...(view.std && { std: view.std }) };
}

/** Bytes of a view in the order of the golden images, height × width × 3. */
export function bytesOf(image: GoldenTensor, view: RecordedView, path: 'native' | 'tensor'): Uint8Array {
  return viewOf(image, view, { path, dtype: 'uint8' }).permute([1, 2, 0]).contiguous().data() as Uint8Array;
}

/** The whole image without any change; fields of `changes` replace that. */
export function wholeImage(image: GoldenTensor, changes: Partial<RecordedView> = {}): RecordedView {
  const [height, width] = image.shape;
  return { crop: { top: 0, left: 0, height, width }, size: { height, width }, ...changes };
}

const factorOperations: Record<string, ViewOperation['kind']> = {
  adjust_brightness: 'brightness',
  adjust_contrast: 'contrast',
  adjust_saturation: 'saturation',
  adjust_hue: 'hue',
};

/** A recorded chain of operations as one view. @throws Error at an operation that views do not have */
export function viewOfOperations(image: GoldenTensor, recorded: readonly RecordedOperation[]): RecordedView {
  let view = wholeImage(image);
  const operations: ViewOperation[] = [];
  let padding = 0;
  for (const step of recorded) {
    const number = (key: string) => step[key] as number;
    const box = { top: number('top'), left: number('left'), height: number('height'), width: number('width') };
    if (step.op === 'resized_crop') {
      const [height, width] = step.size as [number, number];
      view = { ...view, crop: box, size: { height, width }, interpolation: step.interpolation as Interpolation };
    } else if (step.op === 'resize') {
      const resized = resizedSize(image.shape[0], image.shape[1], number('size'));
      view = { ...view, resized, size: resized, interpolation: step.interpolation as Interpolation };
    } else if (step.op === 'pad' && step.padding_mode === 'reflect') {
      padding = number('padding');
      view = { ...view, border: 'reflect' };
    } else if (step.op === 'crop') {
      const window = { top: box.top - padding, left: box.left - padding };
      view = { ...view, window, size: { height: box.height, width: box.width } };
    } else if (step.op === 'hflip') view = { ...view, flip: !view.flip };
    else if (step.op === 'rgb_to_grayscale') operations.push({ kind: 'gray', value: 0 });
    else if (step.op === 'gaussian_blur') operations.push({ kind: 'blur', value: number('radius') });
    else if (step.op === 'solarize') operations.push({ kind: 'solarize', value: number('threshold') });
    else if (step.op in factorOperations) {
      const kind = factorOperations[step.op];
      operations.push({ kind, value: number(`${kind}_factor`) });
    } else if (step.op === 'normalize') {
      view = { ...view, mean: step.mean as PerChannel, std: step.std as PerChannel };
    } else if (step.op !== 'to_tensor') throw new Error(`golden 07: unknown operation "${step.op}".`);
  }
  return { ...view, operations };
}
