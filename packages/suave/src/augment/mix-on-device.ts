/**
 * @file MixUp and CutMix with the drawn numbers on the device: the same operators run whatever was drawn, and nothing is uploaded or
 * read back, so that mixing may be part of a CUDA graph. The results are those of `mixup.ts`, bit for bit. B images, K classes.
 */
import { arange, cat, scope, type Tensor, where } from '@suave/torch';
import {
  insertMixed,
  type Mix,
  type MixedLabeled,
  type MixedPairs,
  type MixedViews,
  requireOneShape,
  type TargetOptions,
} from './mixup.js';

/** Numbers of an encoded mix: λ, whether it is CutMix, then top, bottom, left and right of the box. */
export const numMixNumbers = 6;

/** A mix as the numbers that the functions on the device read: [6]. */
export function encodeMix({ lambda, box }: Mix): Float64Array {
  return Float64Array.from(
    box === null ? [lambda, 0, 0, 0, 0, 0] : [lambda, 1, box.top, box.bottom, box.left, box.right],
  );
}

/** Whether 0, 1, … size − 1 lie in [low, high): bool [size]. */
function within(size: number, low: Tensor, high: Tensor): Tensor {
  const places = arange(size, { dtype: 'float64', device: low.device });
  return places.ge(low).logicalAnd_(places.lt(high));
}

/**
 * `applyMix` on the device.
 * @param first   float32 or float64 [B, C, H, W]
 * @param second  the same shape
 * @param mix     float64 [6] on the same device: see `encodeMix`
 * @returns       a new tensor of that shape; `first` bit for bit where λ is 1
 * @throws SuaveError BATCH when the shapes differ
 */
export function mixOnDevice(first: Tensor, second: Tensor, mix: Tensor): Tensor {
  requireOneShape(first, second);
  const [, , height, width] = first.shape;
  return scope(() => {
    const [lambda, cutmix, top, bottom, left, right] = Array.from({ length: numMixNumbers }, (_, i) =>
      mix.select(0, i),
    );
    const isCutmix = cutmix.ne(0);
    const inBox = within(height, top, bottom)
      .unsqueeze(1)
      .logicalAnd(within(width, left, right))
      .logicalAnd_(isCutmix);
    const flipped = second.flip([0]);
    const share = (weight: Tensor) => weight.to(first.dtype);
    const mixed = first.mul(share(lambda)).add_(flipped.mul(share(lambda.rsub(1))));
    const staysFirst = isCutmix.logicalOr(lambda.eq(1));
    return where(inBox, flipped, where(staysFirst, first, mixed));
  });
}

/**
 * `mixTargets` on the device.
 * @param labels  int64 [B], classes 0 … K−1; not checked
 * @param lambda  float64 [], or 1 for plain targets
 * @returns       [B, K], a new tensor
 */
export function mixTargetsOnDevice(labels: Tensor, lambda: Tensor | 1, options: Omit<TargetOptions, 'device'>): Tensor {
  const { numClasses, smoothing = 0, dtype = 'float32' } = options;
  const on = 1 - smoothing;
  return scope(() => {
    const classes = arange(numClasses, { dtype: 'int64', device: labels.device });
    const chosen = labels.unsqueeze(1).eq(classes).to('float64');
    const off = smoothing / numClasses;
    if (lambda === 1) return chosen.mul_(on).add_(off).to(dtype);
    const other = chosen.flip([0]).mul_(lambda.rsub(1).mul_(on));
    return chosen.mul_(lambda.mul(on)).add_(off).add_(other).to(dtype);
  });
}

/**
 * `mixLabeled` on the device.
 * @param images  [B, C, H, W], kept
 * @param labels  int64 [B]
 * @param mix     float64 [6]
 * @returns       as `mixLabeled`; `numOriginal` is 0 for `replace`, whatever λ is
 */
export function mixLabeledOnDevice(
  images: Tensor,
  labels: Tensor,
  mix: Tensor,
  mode: 'extend' | 'replace',
  options: Omit<TargetOptions, 'device'>,
): MixedLabeled {
  return scope(() => {
    const mixed = mixOnDevice(images, images, mix);
    const targets = mixTargetsOnDevice(labels, mix.select(0, 0), options);
    if (mode === 'replace') return { images: mixed, targets, numOriginal: 0 };
    return {
      images: cat([images, mixed]),
      targets: cat([mixTargetsOnDevice(labels, 1, options), targets]),
      numOriginal: labels.shape[0],
    };
  });
}

/** As `MixedViews`, with the λ on the device: float64 []. */
export interface MixedViewsOnDevice extends Omit<MixedViews, 'lambdas'> {
  readonly lambdas: Tensor[];
}

/**
 * `mixViews` on the device.
 * @param mixes  float64 [P, 6], one row per mixed pair
 * @throws SuaveError BATCH when the numbers of views and mixes do not fit
 */
export function mixViewsOnDevice(
  views: readonly Tensor[],
  mixes: Tensor,
  pairs: MixedPairs,
  positions: 'true' | 'official' = 'true',
): MixedViewsOnDevice {
  const [numMixes] = mixes.shape;
  const inserted = insertMixed(views, numMixes, pairs, positions, (pair, first, second) =>
    mixOnDevice(first, second, mixes.select(0, pair)),
  );
  return { ...inserted, lambdas: Array.from({ length: numMixes }, (_, pair) => mixes.select(0, pair).select(0, 0)) };
}
