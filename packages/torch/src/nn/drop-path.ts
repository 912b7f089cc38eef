/** @file Stochastic depth: whole samples lose a residual branch while training. Legend: N samples. */
import { add, div, floor, mul, rand, to } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * Keeps the branch of each sample with probability 1 − p and scales the kept ones: `x / keep · floor(keep + u)`,
 * u ~ U[0, 1) (Huang et al. 2016, "Deep Networks with Stochastic Depth").
 * @param x     [N, …]
 * @param p     probability to drop, 0 ≤ p < 1
 * @param draw  u in [0, 1), N values in any shape that starts with N; from torch's generator if absent
 */
export function dropPath(x: Tensor, p: number, draw?: Tensor): Tensor {
  if (!(p >= 0 && p < 1))
    throw new RangeError(`dropPath: expected a probability from 0 to below 1, got ${p}. Pass a smaller one.`);
  if (p === 0) return x;
  return scope(() => {
    const { shape, dtype, device } = x;
    const keep = 1 - p;
    const perSample = [shape[0]!, ...new Array<number>(shape.length - 1).fill(1)];
    const u = draw === undefined ? rand(perSample, { device }) : draw.view(perSample);
    return mul(div(x, keep), to(floor(add(u, keep)), dtype));
  });
}

/** {@link dropPath} as a layer, active in training only. */
export class DropPath extends Module {
  /** @param p  probability to drop a sample's branch */
  constructor(readonly p: number) {
    super();
    if (!(p >= 0 && p < 1))
      throw new RangeError(`DropPath: expected a probability from 0 to below 1, got ${p}. Pass a smaller one.`);
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropPath(x, this.p) : x;
  }
}
