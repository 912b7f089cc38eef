/** @file Activations: the same shape out as in. */
import {
  elu,
  elu_,
  full,
  gelu,
  glu,
  hardsigmoid,
  hardsigmoid_,
  hardswish,
  hardswish_,
  leakyRelu,
  leakyRelu_,
  logSigmoid,
  logSoftmax,
  mish,
  mish_,
  prelu,
  relu,
  relu_,
  relu6,
  relu6_,
  selu,
  selu_,
  sigmoid,
  silu,
  silu_,
  softmax,
  softplus,
  tanh,
} from '../generated/operators.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { describe, Float } from './repr.js';

/** Whether a layer overwrites its input, which saves a tensor where nothing else needs it. */
export interface InplaceOptions {
  /** Default false. */
  readonly inplace?: boolean;
}

type Elementwise = (x: Tensor) => Tensor;

/** An activation without settings of its own, in two forms. */
abstract class Activation extends Module {
  readonly inplace: boolean;
  readonly #apply: Elementwise;

  protected constructor(operator: Elementwise, operator_: Elementwise, inplace: boolean) {
    super();
    this.inplace = inplace;
    this.#apply = inplace ? operator_ : operator;
  }

  forward(x: Tensor): Tensor {
    return this.#apply(x);
  }

  /** Named values that are printed before `inplace`. */
  protected settings(): Readonly<Record<string, unknown>> {
    return {};
  }

  override extraRepr(): string {
    return describe([], { ...this.settings(), inplace: this.inplace ? true : undefined });
  }
}

/** max(x, 0). */
export class ReLU extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(relu, relu_, inplace);
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(relu6, relu6_, inplace);
  }
}

/** x where it is positive, else `negativeSlope`·x; the slope is 0.01 unless given. */
export class LeakyReLU extends Activation {
  constructor(
    readonly negativeSlope = 0.01,
    { inplace = false }: InplaceOptions = {},
  ) {
    super(
      (x) => leakyRelu(x, { negativeSlope }),
      (x) => leakyRelu_(x, { negativeSlope }),
      inplace,
    );
  }

  protected override settings() {
    return { negative_slope: new Float(this.negativeSlope) };
  }
}

/** x where it is positive, else alpha·(eˣ − 1); alpha is 1 unless given. */
export class ELU extends Activation {
  constructor(
    readonly alpha = 1,
    { inplace = false }: InplaceOptions = {},
  ) {
    super(
      (x) => elu(x, { alpha }),
      (x) => elu_(x, { alpha }),
      inplace,
    );
  }

  protected override settings() {
    return { alpha: new Float(this.alpha) };
  }
}

/** ELU with the scale and alpha that keep mean 0 and variance 1 (Klambauer et al., 2017). */
export class SELU extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(selu, selu_, inplace);
  }
}

/** x·sigmoid(x), also called swish. */
export class SiLU extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(silu, silu_, inplace);
  }
}

/** x·tanh(softplus(x)). */
export class Mish extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(mish, mish_, inplace);
  }
}

/** x·relu6(x + 3) / 6 (MobileNetV3). */
export class Hardswish extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(hardswish, hardswish_, inplace);
  }

  /** As PyTorch prints it: without settings. */
  override extraRepr(): string {
    return '';
  }
}

/** relu6(x + 3) / 6. */
export class Hardsigmoid extends Activation {
  constructor({ inplace = false }: InplaceOptions = {}) {
    super(hardsigmoid, hardsigmoid_, inplace);
  }

  /** As PyTorch prints it: without settings. */
  override extraRepr(): string {
    return '';
  }
}

/** x·Φ(x): with the exact distribution function (erf), or with its approximation by tanh. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  /** @param options  `approximate`: default `none` */
  constructor({ approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return this.approximate === 'none' ? gelu(x) : gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** x where it is positive, else a learned slope times x. */
export class PReLU extends Module {
  /** [1] or [channels], 0.25 at the start. */
  weight: Tensor;
  readonly slopes: number;

  /** @param options  `count`: 1 for one slope, or the number of channels (dimension 1); `init`: 0.25 */
  constructor({ count = 1, init = 0.25, ...placement }: { count?: number; init?: number } & TensorPlacement = {}) {
    super();
    this.slopes = count;
    this.weight = parameter(full([count], init, placement));
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return describe([], { num_parameters: this.slopes });
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** log(1 / (1 + e⁻ˣ)). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** log(1 + e^(beta·x)) / beta; x itself where beta·x is above `threshold`. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  /** @param options  `beta`: 1, `threshold`: 20 */
  constructor({ beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  forward(x: Tensor): Tensor {
    return softplus(x, { beta: this.beta, threshold: this.threshold });
  }

  override extraRepr(): string {
    return describe([], { beta: this.beta, threshold: this.threshold });
  }
}

/** eˣ / Σ eˣ along a dimension. */
export class Softmax extends Module {
  constructor(readonly dim: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  override extraRepr(): string {
    return describe([], { dim: this.dim });
  }
}

/** Logarithm of {@link Softmax}, without its loss of precision. */
export class LogSoftmax extends Module {
  constructor(readonly dim: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }

  override extraRepr(): string {
    return describe([], { dim: this.dim });
  }
}

/** a·sigmoid(b), where a and b are the halves of x along a dimension, the last unless given. */
export class GLU extends Module {
  constructor(readonly dim = -1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return glu(x, { dim: this.dim });
  }

  override extraRepr(): string {
    return describe([], { dim: this.dim });
  }
}
