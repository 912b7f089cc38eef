/** @file Activations and shape layers without parameters. */
import { flatten, gelu, relu, relu_ } from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** max(x, 0); `inplace` overwrites its input, which saves a tensor where nothing else needs it. */
export class ReLU extends Module {
  readonly inplace: boolean;

  constructor({ inplace = false }: { inplace?: boolean } = {}) {
    super();
    this.inplace = inplace;
  }

  forward(x: Tensor): Tensor {
    return this.inplace ? relu_(x) : relu(x);
  }
}

/** x·Φ(x) with the exact distribution function (erf), not the tanh approximation. */
export class GELU extends Module {
  forward(x: Tensor): Tensor {
    return gelu(x);
  }
}

/** Returns its input. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins the dimensions from `startDim` (1) to `endDim` (the last) into one. */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return flatten(x, { startDim: this.startDim, endDim: this.endDim });
  }
}
