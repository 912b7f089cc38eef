/** @file Dropout layers, active in training only. Legend: N samples, C channels. */
import { dropout, dropout_, featureDropout, featureDropout_ } from '../generated/operators.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import type { InplaceOptions } from './activation.js';
import { Module } from './module.js';
import { describe, Float } from './repr.js';

abstract class DropoutBase extends Module {
  readonly inplace: boolean;

  /** @param p  probability of a zero, 0 ≤ p ≤ 1; default 0.5 */
  constructor(
    readonly p = 0.5,
    options: InplaceOptions = {},
  ) {
    super();
    checkOptions(new.target.name, options, ['inplace']);
    const { inplace = false } = options;
    if (!(p >= 0 && p <= 1))
      throw new RangeError(`${new.target.name}: expected a probability from 0 to 1, got ${p}. Pass one in that range.`);
    this.inplace = inplace;
  }

  override extraRepr(): string {
    return describe([], { p: new Float(this.p), inplace: this.inplace });
  }
}

/** Zeroes each value with probability p and scales the others by 1 / (1 − p) (PyTorch's nn.Dropout). */
export class Dropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return (this.inplace ? dropout_ : dropout)(x, this.p, this.training);
  }
}

/** Zeroes whole channels of [N, C, L] with probability p and scales the others (PyTorch's nn.Dropout1d). */
export class Dropout1d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return (this.inplace ? featureDropout_ : featureDropout)(x, this.p, this.training);
  }
}

/** Zeroes whole channels of [N, C, H, W] with probability p and scales the others (PyTorch's nn.Dropout2d). */
export class Dropout2d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return (this.inplace ? featureDropout_ : featureDropout)(x, this.p, this.training);
  }
}
