/**
 * @file Color operations on whole numbers from 0 to 255 in float32 tensors [M, 3, H, W], with Pillow's rounding.
 * The counterpart of `native/color.cc` and `native/blur.cc`; every operation returns a new tensor.
 */
import {
  arange,
  fromTypedArray,
  full,
  maximum,
  minimum,
  onesLike,
  scope,
  stack,
  type Tensor,
  where,
  zeros,
} from '@suave/torch';
import type { OperationKind } from './view-parameters.js';

/** One value per view, broadcast over its pixels. */
function perView(values: readonly number[], like: Tensor, dtype: 'float32' | 'float64'): Tensor {
  return fromTypedArray(Float64Array.from(values), [values.length, 1, 1, 1], {
    dtype: 'float64',
    device: like.device,
  }).to(dtype);
}

/** A divisor. Divided by a plain number, CUDA would multiply by the rounded reciprocal. */
function divisor(value: number, like: Tensor, dtype: 'float32' | 'float64'): Tensor {
  return full([], value, { dtype, device: like.device });
}

/** Pillow's mode L [M, 1, H, W]: (19595 R + 38470 G + 7471 B + 32768) >> 16; float32 holds the sum exactly. */
function luma(views: Tensor): Tensor {
  const [red, green, blue] = channels(views);
  return red
    .mul(19595)
    .add(green.mul(38470))
    .add(blue.mul(7471))
    .add(32768)
    .mul(2 ** -16)
    .floor();
}

function channels(views: Tensor): [Tensor, Tensor, Tensor] {
  return [views.narrow(1, 0, 1), views.narrow(1, 1, 1), views.narrow(1, 2, 1)];
}

/** base + factor · (views − base), truncated and clipped; each step rounded to float32. */
function blend(base: Tensor | null, views: Tensor, factors: readonly number[]): Tensor {
  const factor = perView(factors, views, 'float32');
  const mixed = base === null ? views.mul(factor) : views.sub(base).mul(factor).add(base);
  return mixed.clamp({ min: 0, max: 255 }).floor();
}

function contrast(views: Tensor, factors: readonly number[]): Tensor {
  const mean = luma(views).to('float64').mean([1, 2, 3], { keepdim: true });
  return blend(mean.add(0.5).floor().to('float32'), views, factors);
}

/** Hue and saturation as Pillow's 8-bit HSV has them. What is float32 and what double decides the last bit. */
function hueAndSaturation(views: Tensor, value: Tensor): { hue: Tensor; saturation: Tensor } {
  const [red, green, blue] = channels(views);
  const range = value.sub(minimum(red, minimum(green, blue)));
  const isRed = red.eq(value);
  const isGreen = green.eq(value);
  const added = where(isRed, blue, where(isGreen, red, green));
  const subtracted = where(isRed, green, where(isGreen, blue, red));
  const base = where(isRed, value.mul(0), where(isGreen, value.mul(0).add(2), value.mul(0).add(4))).to('float64');
  const delta = range.clamp({ min: 1 });
  const share = (channel: Tensor) => value.sub(channel).div(delta).to('float64');
  const sixths = base.add(share(added)).sub(share(subtracted)).to('float32').to('float64');
  const turn = sixths.div(divisor(6, views, 'float64')).add(1);
  const fraction = turn.sub(turn.floor()).to('float32').to('float64');
  const ratio = range.div(value.clamp({ min: 1 })).to('float64');
  return { hue: fraction.mul(255).floor(), saturation: ratio.mul(255).floor().to('float32') };
}

function hue(views: Tensor, shifts: readonly number[]): Tensor {
  const [red, green, blue] = channels(views);
  const value = maximum(red, maximum(green, blue));
  const { hue: before, saturation } = hueAndSaturation(views, value);
  const shift = perView(
    shifts.map((turns) => Math.trunc(turns * 255)),
    views,
    'float64',
  );
  const angle = before.add(shift).remainder(256).mul(6).to('float32');
  const of255 = divisor(255, views, 'float32');
  const dullness = saturation.div(of255);
  const channel = (weight: Tensor) => {
    const share = weight.clamp({ min: 0, max: 255 }).div(of255);
    return value.mul(dullness.mul(share).mul(-1).add(1)).add(0.5).floor();
  };
  return stack(
    [
      channel(angle.sub(765).abs().mul(-1).add(510)),
      channel(angle.sub(510).abs().sub(255)),
      channel(angle.sub(1020).abs().sub(255)),
    ],
    { dim: 1 },
  ).reshape(views.shape);
}

/** An extended box: `inner` weighs the 2·radius + 1 middle pixels, `outer` the two at the ends, 2^24 together. */
export interface Box {
  readonly radius: number;
  readonly inner: number;
  readonly outer: number;
}

/** The box whose threefold application blurs by `sigma` pixels, in Pillow's float32 arithmetic. */
export function boxOf(sigma: number): Box {
  const f = Math.fround;
  const variance = f(f(f(sigma) * f(sigma)) / 3);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const numerator = f(f(2 * whole + 1) * f(whole * (whole + 1) - f(3 * variance)));
  const denominator = f(6 * f(variance - (whole + 1) * (whole + 1)));
  const real = f(whole + f(numerator / denominator));
  const radius = Math.trunc(real);
  const inner = Math.trunc(f(16777216 / f(f(real * 2) + 1)));
  return { radius, inner, outer: Math.floor((16777216 - (2 * radius + 1) * inner) / 2) };
}

/** Pillow's Gaussian blur. All `sigmas` must have boxes of the same radius. Double holds the sums exactly. */
function blur(views: Tensor, sigmas: readonly number[]): Tensor {
  const boxes = sigmas.map(boxOf);
  const { radius } = boxes[0];
  const inner = perView(
    boxes.map((box) => box.inner),
    views,
    'float64',
  );
  const outer = perView(
    boxes.map((box) => box.outer),
    views,
    'float64',
  );
  const pass = (input: Tensor, axis: 2 | 3) =>
    scope(() => {
      const size = input.shape[axis];
      const padding = radius + 1;
      const padded = input.replicationPad2d(axis === 3 ? [padding, padding, 0, 0] : [0, 0, padding, padding]);
      let middle = padded.narrow(axis, 1, size);
      for (let offset = 2; offset <= 2 * radius + 1; offset++) middle = middle.add(padded.narrow(axis, offset, size));
      const ends = padded.narrow(axis, 0, size).add(padded.narrow(axis, 2 * padding, size));
      const sum = middle
        .mul(inner)
        .add(ends.mul(outer))
        .add(1 << 23);
      return sum.mul(2 ** -24).floor();
    });
  let result = views.to('float64');
  for (const axis of [3, 2] as const) {
    for (let round = 0; round < 3; round++) result = pass(result, axis);
  }
  return result.to('float32');
}

/**
 * Pillow's equalize: a level of a channel goes to the share of the pixels below it, of 255 equal parts of all pixels but those
 * of the brightest level; a channel with too few pixels for one part each stays as it is.
 */
function equalize(views: Tensor): Tensor {
  const [count, channelCount, height, width] = views.shape;
  const { device } = views;
  const levels_CP = views.reshape([count * channelCount, height * width]).to('int64');
  const histogram = zeros([levels_CP.shape[0], 256], { dtype: 'int64', device }).scatterAdd(
    1,
    levels_CP,
    onesLike(levels_CP),
  );
  const brightest = histogram.gather(1, levels_CP.amax({ dim: [1], keepdim: true }));
  const part = brightest
    .mul(-1)
    .add(height * width)
    .div(255, { roundingMode: 'floor' });
  const isKept = part.eq(0);
  const divisorOfAll = part.clamp({ min: 1 });
  const below = histogram
    .cumsum(1)
    .sub(histogram)
    .add(part.div(2, { roundingMode: 'floor' }));
  const spread = below.div(divisorOfAll, { roundingMode: 'floor' }).clamp({ max: 255 });
  const same = arange(256, { dtype: 'int64', device }).unsqueeze(0);
  return where(isKept, same, spread).gather(1, levels_CP).reshape(views.shape).to(views.dtype);
}

/** The color operations by name: views [M, 3, H, W] and one value per view. */
export const colorOperations: Record<OperationKind, (views: Tensor, values: readonly number[]) => Tensor> = {
  brightness: (views, factors) => blend(null, views, factors),
  contrast,
  saturation: (views, factors) => blend(luma(views), views, factors),
  hue,
  gray: (views) => luma(views).expand(views.shape).contiguous(),
  blur,
  solarize: (views, thresholds) =>
    where(views.lt(perView(thresholds, views, 'float32')), views, views.mul(-1).add(255)),
  equalize,
};
