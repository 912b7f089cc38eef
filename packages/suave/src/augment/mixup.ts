/**
 * @file MixUp and CutMix of batches (method specification 6.6). One λ and one mode per batch; the partner of sample b
 * is sample B−1−b. B images, K classes.
 */
import { cat, fromTypedArray, scope, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import type { Draws } from './random.js';

/** A rectangle of pixels: rows top … bottom−1, columns left … right−1. */
export interface MixBox {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** What was drawn for one mixed batch. */
export interface Mix {
  /** Weight of the first image in the target, 0 … 1; for CutMix the share of pixels outside the box. */
  readonly lambda: number;
  /** The rectangle that comes from the second image (CutMix), or null (MixUp). */
  readonly box: MixBox | null;
}

/** The distribution of mixes. */
export interface MixSpec {
  /** Probability that the batch is mixed at all; 1 unless said. Not mixed means λ = 1. */
  readonly prob?: number;
  /** Probability of CutMix instead of MixUp. */
  readonly cutmixProb: number;
  /** λ of MixUp is drawn from Beta(beta, beta); 1 is uniform. */
  readonly beta: number;
  /** λ of CutMix; `beta` unless said. */
  readonly cutmixBeta?: number;
}

/**
 * The rectangle of CutMix: sides of √(1−λ) of the image's around a center, cut off at the borders.
 * @returns the box, and λ corrected to the share of pixels outside of it
 */
export function cutmixBox(
  height: number,
  width: number,
  lambda: number,
  centerY: number,
  centerX: number,
): { box: MixBox; lambda: number } {
  const ratio = Math.sqrt(1 - lambda);
  const halfHeight = Math.floor(Math.trunc(height * ratio) / 2);
  const halfWidth = Math.floor(Math.trunc(width * ratio) / 2);
  const clip = (position: number, size: number) => Math.min(Math.max(position, 0), size);
  const box = {
    top: clip(centerY - halfHeight, height),
    bottom: clip(centerY + halfHeight, height),
    left: clip(centerX - halfWidth, width),
    right: clip(centerX + halfWidth, width),
  };
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { box, lambda: 1 - area / (height * width) };
}

/**
 * Draws how a batch is mixed.
 * @param draws   the numbers of this batch and pair: purpose `mix`
 * @param spec    the distribution
 * @param height  of the images, pixels
 * @param width   of the images, pixels
 */
export function drawMix(draws: Draws, spec: MixSpec, height: number, width: number): Mix {
  const mixed = draws.bernoulli(spec.prob ?? 1);
  const cutmix = draws.bernoulli(spec.cutmixProb);
  const centerY = draws.uniformInt(0, height);
  const centerX = draws.uniformInt(0, width);
  const beta = cutmix ? (spec.cutmixBeta ?? spec.beta) : spec.beta;
  const drawn = draws.beta(beta, beta);
  if (!mixed) return { lambda: 1, box: null };
  if (!cutmix) return { lambda: drawn, box: null };
  return cutmixBox(height, width, drawn, centerY, centerX);
}

/**
 * Mixes two batches: the first with the reversed second.
 * @param first   [B, C, H, W]
 * @param second  the same shape; the same tensor for labeled images, the other view for unlabeled ones
 * @returns       a new tensor of that shape
 * @throws SuaveError BATCH when the shapes differ
 */
export function applyMix(first: Tensor, second: Tensor, mix: Mix): Tensor {
  requireOneShape(first, second);
  return scope(() => {
    if (mix.lambda === 1) return first.clone();
    const { box } = mix;
    if (box === null) return first.mul(mix.lambda).add(second.flip([0]).mul(1 - mix.lambda));
    const mixed = first.clone();
    const part = (images: Tensor) =>
      images.narrow(2, box.top, box.bottom - box.top).narrow(3, box.left, box.right - box.left);
    part(mixed).copy_(part(second).flip([0]));
    return mixed;
  });
}

/** @throws SuaveError BATCH when two batches that are to be mixed differ in shape */
export function requireOneShape(first: Tensor, second: Tensor): void {
  if (first.shape.join() !== second.shape.join()) {
    throw new SuaveError(
      'BATCH',
      `applyMix: expected two batches of one shape, got [${first.shape}] and [${second.shape}]. Mix views of one size.`,
    );
  }
}

/** How class labels become targets. */
export interface TargetOptions {
  readonly numClasses: number;
  /** Label smoothing s before mixing: on-value 1−s+s/K, off-value s/K; 0 unless said, as in all recipes. */
  readonly smoothing?: number;
  /** float32 unless said. */
  readonly dtype?: 'float32' | 'float64';
  /** The CPU unless said. */
  readonly device?: string;
}

/**
 * Targets of a mixed batch: λ · onehot(y) + (1−λ) · onehot(reversed y); λ = 1 gives plain one-hot targets.
 * @param labels  [B], classes 0 … K−1
 * @returns       [B, K], a new tensor
 * @throws SuaveError OUT_OF_RANGE when a label is not a class
 */
export function mixTargets(labels: ArrayLike<number>, lambda: number, options: TargetOptions): Tensor {
  const { numClasses, smoothing = 0, dtype = 'float32', device = 'cpu' } = options;
  const count = labels.length;
  const off = smoothing / numClasses;
  const on = 1 - smoothing;
  const targets = new Float64Array(count * numClasses).fill(off);
  for (let row = 0; row < count; row++) {
    const label = labels[row];
    if (!(Number.isInteger(label) && label >= 0 && label < numClasses)) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `mixTargets: expected labels below ${numClasses}, got ${label}. Leave unlabeled images out.`,
      );
    }
    targets[row * numClasses + label] += lambda * on;
    targets[row * numClasses + labels[count - 1 - row]] += (1 - lambda) * on;
  }
  const values = dtype === 'float64' ? targets : Float32Array.from(targets);
  return fromTypedArray(values, [count, numClasses], { dtype, device });
}

/** Labeled images and their targets, ready for the model. */
export interface MixedLabeled {
  /** [2B, C, H, W] when extended: originals, then mixed ones; [B, C, H, W] when replaced. */
  readonly images: Tensor;
  /** [2B, K] or [B, K]. */
  readonly targets: Tensor;
  /** Rows that are not mixed: B when extended, 0 when replaced (B if λ = 1). */
  readonly numOriginal: number;
}

/**
 * Mixes labeled images with themselves in reversed order.
 * @param images  [B, C, H, W], kept
 * @param labels  [B], classes 0 … K−1
 * @param mode    `extend` appends the mixed images to the originals, `replace` gives only the mixed ones
 */
export function mixLabeled(
  images: Tensor,
  labels: ArrayLike<number>,
  mix: Mix,
  mode: 'extend' | 'replace',
  options: Omit<TargetOptions, 'device'>,
): MixedLabeled {
  const device = images.device;
  return scope(() => {
    const mixed = applyMix(images, images, mix);
    const mixedTargets = mixTargets(labels, mix.lambda, { ...options, device });
    if (mode === 'replace') {
      return { images: mixed, targets: mixedTargets, numOriginal: mix.lambda === 1 ? labels.length : 0 };
    }
    return {
      images: cat([images, mixed]),
      targets: cat([mixTargets(labels, 1, { ...options, device }), mixedTargets]),
      numOriginal: labels.length,
    };
  });
}

/** Which pairs of views are mixed: the two global crops, or every pair (0, 1), (2, 3), … */
export type MixedPairs = 'globals' | 'all';

/** Unlabeled views with the mixed ones among them. */
export interface MixedViews {
  /** V + M tensors; each mixed view follows its pair. */
  readonly views: Tensor[];
  /** Where the mixed views are said to be; `official` positions are wrong with more than one pair. */
  readonly positions: number[];
  /** λ of the mixed views, in the order of the pairs. */
  readonly lambdas: number[];
}

/** Pairs that are mixed among `numViews` views: 1 or half of them. @throws SuaveError BATCH for `all` with an odd number */
export function numMixedPairs(numViews: number, pairs: MixedPairs): number {
  if (pairs === 'all' && numViews % 2 === 1) {
    throw new SuaveError(
      'BATCH',
      `mixViews: expected an even number of views to mix all pairs, got ${numViews}. Add a view, or mix the globals.`,
    );
  }
  return pairs === 'all' ? numViews / 2 : 1;
}

/**
 * Mixes pairs of views of the same unlabeled images and inserts each result after its pair.
 * @param views      V tensors [B, C, H, W], the two of a pair of one size; kept, they are in the result again
 * @param mixes      one per mixed pair
 * @param pairs      which pairs
 * @param positions  `true`: where the mixed views are, 2, 5, 8, …; `official`: 2P, …, 4, 2 for P pairs, as the
 *                   published code reports them (right for one pair only)
 * @throws SuaveError BATCH when the numbers of views and mixes do not fit
 */
export function mixViews(
  views: readonly Tensor[],
  mixes: readonly Mix[],
  pairs: MixedPairs,
  positions: 'true' | 'official' = 'true',
): MixedViews {
  const inserted = insertMixed(views, mixes.length, pairs, positions, (pair, first, second) =>
    applyMix(first, second, mixes[pair]),
  );
  return { ...inserted, lambdas: mixes.map((mix) => mix.lambda) };
}

/** Mixes the pairs by `mixPair` and inserts each result after its pair: see `mixViews`. */
export function insertMixed(
  views: readonly Tensor[],
  numMixes: number,
  pairs: MixedPairs,
  positions: 'true' | 'official',
  mixPair: (pair: number, first: Tensor, second: Tensor) => Tensor,
): Pick<MixedViews, 'views' | 'positions'> {
  const numPairs = numMixedPairs(views.length, pairs);
  if (numMixes !== numPairs || views.length < 2) {
    throw new SuaveError(
      'BATCH',
      `mixViews: expected two views or more and ${numPairs} mixes, got ${views.length} views and ${numMixes} mixes. Draw one mix per pair.`,
    );
  }
  const result: Tensor[] = [];
  for (let pair = 0; pair < numPairs; pair++) {
    const [first, second] = [views[2 * pair], views[2 * pair + 1]];
    result.push(first, second, mixPair(pair, first, second));
  }
  result.push(...views.slice(2 * numPairs));
  return {
    views: result,
    positions: Array.from({ length: numPairs }, (_, pair) =>
      positions === 'true' ? 3 * pair + 2 : 2 * (numPairs - pair),
    ),
  };
}

/**
 * Brings samples that carry several augmentations of an image into the order of a batch: all first ones, then all
 * second ones; labels repeat likewise (repeated augmentation).
 * @param samples_BRCHW  [B, R, C, H, W]
 * @param labels         [B]
 * @returns images [R·B, C, H, W], a new tensor, and labels [R·B]
 */
export function collateRepeats(
  samples_BRCHW: Tensor,
  labels: ArrayLike<number>,
): { images: Tensor; labels: Int32Array } {
  const [numSamples, numRepeats, ...imageShape] = samples_BRCHW.shape;
  const images = scope(() =>
    samples_BRCHW
      .transpose(0, 1)
      .reshape([numRepeats * numSamples, ...imageShape])
      .clone(),
  );
  return { images, labels: Int32Array.from({ length: numRepeats * numSamples }, (_, row) => labels[row % numSamples]) };
}
