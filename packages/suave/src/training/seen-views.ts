/** @file Views of a few images of a batch, for looking at. */
import type { Tensor } from '@suave/torch';
import type { Normalization } from '../augment/index.js';
import type { PixelWindow, SampledBatch } from '../data/index.js';

/** Views of the images of one stream, for looking at. */
export interface ViewBlock {
  readonly stream: 'labeled' | 'unlabeled';
  /** The images, as indices into the window. */
  readonly indices: Int32Array;
  readonly window: PixelWindow;
  readonly views: readonly SeenView[];
}

/** One view of each image of a block. */
export interface SeenView {
  readonly name: string;
  /** [n, 3, size, size], normalized. */
  readonly images: Tensor;
  readonly normalization: Normalization;
}

/** The first and the last rows of a batch, `count` together; row i still mirrors row n − 1 − i. */
export function endsOf(sampled: SampledBatch, count: number): SampledBatch {
  const half = Math.floor(count / 2);
  const rows = sampled.indices.length;
  const choose = (values: Int32Array): Int32Array =>
    rows <= count ? values : Int32Array.from([...values.subarray(0, half), ...values.subarray(rows - half)]);
  const { indices, epochs, repeats } = sampled;
  return { ...sampled, indices: choose(indices), epochs: choose(epochs), repeats: choose(repeats) };
}

/** Views of the same name get numbers. */
export function numbered(views: readonly SeenView[]): SeenView[] {
  const counts = new Map<string, number>();
  return views.map((view) => {
    if (views.filter(({ name }) => name === view.name).length === 1) return view;
    const number = (counts.get(view.name) ?? 0) + 1;
    counts.set(view.name, number);
    return { ...view, name: `${view.name} ${number}` };
  });
}
