/** @file What a kind of view is: the distribution that its crops and color operations are drawn from. */
import type { PerChannel } from './normalization.js';

/** How pixels are interpolated; always antialiased, as Pillow does it. */
export type Interpolation = 'bilinear' | 'bicubic';

/** Color jitter: four operations in a random order. A strength of 0 leaves its operation out. */
export interface JitterSpec {
  /** Brightness factor uniform in [max(0, 1 − b), 1 + b]. */
  readonly brightness: number;
  /** Contrast factor, likewise. */
  readonly contrast: number;
  /** Saturation factor, likewise. */
  readonly saturation: number;
  /** Hue shift uniform in [−h, h], in turns of the color circle; at most 0.5. */
  readonly hue: number;
  /** Probability of the whole jitter. */
  readonly prob: number;
}

/** Gaussian blur with a standard deviation uniform in `sigma`, in pixels of the view. */
export interface BlurSpec {
  readonly prob: number;
  readonly sigma: readonly [number, number];
}

/** Inversion of every value that is not below `threshold`; `random`: one of 1 to 256 for each view. */
export interface SolarizeSpec {
  readonly prob: number;
  readonly threshold: number | 'random';
}

/** 3-Augment: exactly one of gray, solarize and blur, each as likely, before the jitter. */
export interface ThreeAugmentSpec {
  readonly sigma: readonly [number, number];
  readonly threshold: number;
}

/**
 * A kind of view. Operations in this order: crop, flip, (3-Augment,) jitter, gray, blur, solarize, equalize; every one rounds
 * to 8 bits, then the view is scaled to [0, 1] and normalized.
 */
export interface ViewSpec {
  /** What the view is called in messages. */
  readonly name: string;
  /** Side of the square view, pixels. */
  readonly size: number;
  /** Share of the image area that is cropped, uniform in [low, high] within (0, 1]. */
  readonly scale: readonly [number, number];
  /** Width / height of the crop, log-uniform in [low, high]; 3/4 … 4/3 unless said. */
  readonly ratio?: readonly [number, number];
  /**
   * `resized`: a random part of the image, resized to the view. `simple`: the whole image resized until its shorter
   * side is `size`, reflected by 4 pixels at the borders, and a random square of it. `resized` unless said.
   */
  readonly cropMode?: 'resized' | 'simple';
  readonly interpolation: Interpolation;
  /** Probability of a horizontal flip. */
  readonly flipProb: number;
  readonly jitter: JitterSpec | null;
  /** Probability of turning gray. */
  readonly grayProb: number;
  readonly blur: BlurSpec | null;
  readonly solarize: SolarizeSpec | null;
  /** Probability of equalizing the histogram of each channel; 0 unless said. */
  readonly equalizeProb?: number;
  readonly threeAugment?: ThreeAugmentSpec | null;
  /** Normalization of values in [0, 1]. */
  readonly mean: PerChannel;
  readonly std: PerChannel;
}

/** How images are prepared for evaluation: resize, center crop, normalize. */
export interface EvalSpec {
  /** Length of the shorter side after resizing, pixels; null leaves the size. */
  readonly resize: number | null;
  /** Side of the center crop, pixels; smaller images are padded with zeros. */
  readonly crop: number;
  readonly interpolation: Interpolation;
  readonly mean: PerChannel;
  readonly std: PerChannel;
}

/** Default range of width / height of a crop (torchvision's RandomResizedCrop). */
export const defaultRatio: readonly [number, number] = [3 / 4, 4 / 3];

/** Pixels by which a `simple` crop may reach over the border. */
export const simpleCropPadding = 4;
