/** @file From what was drawn for a stream to its tensors: one way for pixels on the host, another where all numbers lie on the device. */
import { fromTypedArray, type Tensor } from '@suave/torch';
import {
  applyViews,
  type MixedLabeled,
  type MixedPairs,
  mixLabeled,
  mixTargets,
  mixViews,
  type PixelSource,
} from '../augment/index.js';
import { supportLabels } from '../methods/index.js';
import type { DrawnStream } from './streams.js';

/** How labeled images are mixed. */
export interface LabeledMixing {
  readonly mode: 'extend' | 'replace';
  readonly numClasses: number;
}

/** How unlabeled views are mixed. */
export interface ViewMixing {
  readonly pairs: MixedPairs;
  readonly positions: 'true' | 'official';
}

/** Unlabeled views with the mixed ones among them. */
export interface MadeViews {
  readonly views: Tensor[];
  readonly positions: number[];
  readonly lambdas: (number | Tensor)[];
}

/** Classes and images of each in a support. */
export type SupportLayout = Parameters<typeof supportLabels>[0];

/** Makes the tensors of a stream; all results are new tensors on the device, the caller's scope's. */
export interface BatchMaker {
  /** All views, float32 [n, 3, size, size] each, in list order. */
  views(drawn: DrawnStream): Tensor[];
  /** One-hot targets [n, K]. */
  targets(drawn: DrawnStream, numClasses: number): Tensor;
  mixLabeled(images: Tensor, drawn: DrawnStream, mixing: LabeledMixing): MixedLabeled;
  mixViews(views: readonly Tensor[], drawn: DrawnStream, mixing: ViewMixing): MadeViews;
  /** Classes of the rows, int64 [n]. */
  classes(drawn: DrawnStream): Tensor;
  /** Targets of one view of a support. */
  supportTargets(layout: SupportLayout): Tensor;
}

/** Makes batches from pixels of the host, with the numbers that were drawn as they are. */
export class HostBatchMaker implements BatchMaker {
  readonly #pixels: PixelSource;
  readonly #device: string;

  /** @param pixels  images of the batch */
  constructor(pixels: PixelSource, device: string) {
    this.#pixels = pixels;
    this.#device = device;
  }

  views({ indices, views }: DrawnStream): Tensor[] {
    const device = this.#device;
    return views.map(({ spec, parameters }) => applyViews(this.#pixels, indices, parameters, spec, { device }));
  }

  targets({ labels }: DrawnStream, numClasses: number): Tensor {
    return mixTargets(labels ?? [], 1, { numClasses, device: this.#device });
  }

  mixLabeled(images: Tensor, { labels, mixes: [mix] }: DrawnStream, { mode, numClasses }: LabeledMixing): MixedLabeled {
    return mixLabeled(images, labels ?? [], mix, mode, { numClasses });
  }

  mixViews(views: readonly Tensor[], { mixes }: DrawnStream, { pairs, positions }: ViewMixing): MadeViews {
    return mixViews(views, mixes, pairs, positions);
  }

  classes({ labels }: DrawnStream): Tensor {
    const classes = labels ?? new Int32Array(0);
    return fromTypedArray(classes, [classes.length]).to({ dtype: 'int64', device: this.#device });
  }

  supportTargets(layout: SupportLayout): Tensor {
    return supportLabels(layout, { device: this.#device });
  }
}
