/** @file Antialiased resizing as a matrix: one weight matrix per view and axis, in Pillow's 22-bit weights. */
import { arange, fromTypedArray, scope, type Tensor, where } from '@suave/torch';
import type { Interpolation } from './view-spec.js';

/** One axis of N views: what `Axis` is in `native/resample.h`, batched. */
export interface ResizeAxis {
  /** [N], pixels of the crop. */
  readonly input: readonly number[];
  /** [N], pixels that the crop is resized to. */
  readonly resized: readonly number[];
  /** [N], first position of the view in the resized crop. */
  readonly start: readonly number[];
  /** [N], other than 0 where the view is flipped; null for none. */
  readonly reversed: readonly number[] | null;
  /** Pixels of the views. */
  readonly output: number;
  /** Pixels of the largest crop. */
  readonly padded: number;
  readonly interpolation: Interpolation;
  readonly border: 'zero' | 'reflect';
  readonly device: string;
}

/**
 * Weights of every input pixel in every output pixel (method specification 6.3).
 * @returns float32 [N, output, padded] on the device; rows sum to 1, or are 0 where the border is zero
 */
export function resizeWeights(axis: ResizeAxis): Tensor {
  const { output, padded, device } = axis;
  const count = axis.input.length;
  const perView = (values: readonly number[]) =>
    fromTypedArray(Float64Array.from(values), [count, 1, 1], { dtype: 'float64', device });
  return scope(() => {
    const input = perView(axis.input);
    const resized = perView(axis.resized);
    const step = arange(output, { dtype: 'float64', device }).reshape([1, output, 1]);
    const reversed = axis.reversed && perView(axis.reversed);
    const order = reversed === null ? step : where(reversed.ne(0), step.mul(-1).add(output - 1), step);
    const wanted = order.add(perView(axis.start));
    const valid = wanted.ge(0).logicalAnd(wanted.lt(resized));
    const position = axis.border === 'reflect' ? reflect(wanted, resized) : wanted;
    const scale = input.div(resized);
    const filterScale = scale.clamp({ min: 1 });
    const center = position.add(0.5).mul(scale);
    const x = arange(padded, { dtype: 'float64', device }).reshape([1, 1, padded]);
    const distance = x.sub(center).add(0.5).mul(filterScale.reciprocal()).abs();
    const kernel = axis.interpolation === 'bilinear' ? distance.mul(-1).add(1).clamp({ min: 0 }) : cubic(distance);
    const weights = kernel.mul(x.lt(input).to('float64'));
    const total = weights.sum([2], { keepdim: true });
    const normalized = weights.div(where(total.eq(0), total.add(1), total));
    const whole = normalized
      .abs()
      .mul(1 << 22)
      .add(0.5)
      .floor()
      .mul(normalized.sign());
    const masked = axis.border === 'zero' ? whole.mul(valid.to('float64')) : whole;
    return masked.mul(2 ** -22).to('float32');
  });
}

/** Positions mirrored into [0, size) without repeating the edge pixel. */
function reflect(position: Tensor, size: Tensor): Tensor {
  const period = size.sub(1).mul(2).clamp({ min: 1 });
  const wrapped = position.remainder(period);
  return where(wrapped.lt(size), wrapped, period.sub(wrapped));
}

/** Keys' cubic with a = −0.5, of non-negative distances. */
function cubic(t: Tensor): Tensor {
  const a = -0.5;
  const near = t
    .mul(a + 2)
    .sub(a + 3)
    .mul(t)
    .mul(t)
    .add(1);
  const far = t.sub(5).mul(t).add(8).mul(t).sub(4).mul(a);
  return where(t.lt(1), near, where(t.lt(2), far, t.mul(0)));
}
