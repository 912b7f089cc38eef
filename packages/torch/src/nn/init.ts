/**
 * @file Initializers: they fill a tensor in place from torch's generator, with the draws that PyTorch makes, so the same
 * seed gives the same bits. Legend: a weight is [out, in, …kernel].
 */
import { noGrad } from '../autograd/index.js';
import { tensor as makeTensor } from '../creation.js';
import * as operators from '../generated/operators.js';
import type { Generator } from '../generator.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

/** The generator to draw from; torch's default one if absent. */
export interface DrawOptions {
  readonly generator?: Generator;
}

/** Nonlinearities with a recommended gain. */
export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/** Options of the Kaiming initializers. */
export interface KaimingOptions extends DrawOptions {
  /** Negative slope of the leaky ReLU that follows; only used with it. Default 0. */
  readonly a?: number;
  /** Which variance is preserved: that of the forward pass (fanIn, default) or of the backward pass. */
  readonly mode?: 'fanIn' | 'fanOut';
  readonly nonlinearity?: Nonlinearity;
}

function inPlace(target: Tensor, fill: () => void): Tensor {
  scope(() => noGrad(fill));
  return target;
}

/** Fan-in and fan-out of a weight [out, in, …kernel]. @throws RangeError for fewer than two dimensions */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  const { shape } = weight;
  if (shape.length < 2)
    throw new RangeError(
      `init: expected a weight of two or more dimensions, got [${shape.join(', ')}]. Use uniform_ or normal_.`,
    );
  const receptive = shape.slice(2).reduce((product, size) => product * size, 1);
  return { fanIn: shape[1]! * receptive, fanOut: shape[0]! * receptive };
}

/** Recommended gain of a nonlinearity (PyTorch's calculate_gain). */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + a * a));
    case 'selu':
      return 3 / 4;
    default:
      return 1;
  }
}

/** Fills with U(low, high), in place. */
export function uniform_(target: Tensor, low = 0, high = 1, { generator }: DrawOptions = {}): Tensor {
  return inPlace(target, () => operators.uniform_(target, { from: low, to: high, generator }));
}

/** Fills with N(mean, std²), in place. */
export function normal_(target: Tensor, mean = 0, std = 1, { generator }: DrawOptions = {}): Tensor {
  return inPlace(target, () => operators.normal_(target, { mean, std, generator }));
}

/** Fills with one value, in place. */
export function constant_(target: Tensor, value: number): Tensor {
  return inPlace(target, () => operators.fill_(target, value));
}

/** Fills with zeros, in place. */
export function zeros_(target: Tensor): Tensor {
  return constant_(target, 0);
}

/** Fills with ones, in place. */
export function ones_(target: Tensor): Tensor {
  return constant_(target, 1);
}

function kaimingStd(weight: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions): number {
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(weight)[mode]);
}

/** Fills with U(−√3·std, √3·std), std = gain/√fan, in place (He et al., 2015). */
export function kaimingUniform_(target: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(target, options);
  return uniform_(target, -bound, bound, options);
}

/** Fills with N(0, std²), std = gain/√fan, in place; `{ mode: 'fanOut', nonlinearity: 'relu' }` is ResNet's. */
export function kaimingNormal_(target: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(target, 0, kaimingStd(target, options), options);
}

/** Fills with U(−bound, bound), bound = gain·√(6/(fanIn + fanOut)), in place (Glorot and Bengio, 2010). */
export function xavierUniform_(target: Tensor, gain = 1, options: DrawOptions = {}): Tensor {
  const { fanIn, fanOut } = fans(target);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(target, -bound, bound, options);
}

/** Fills with N(0, std²), std = gain·√(2/(fanIn + fanOut)), in place (Glorot and Bengio, 2010). */
export function xavierNormal_(target: Tensor, gain = 1, options: DrawOptions = {}): Tensor {
  const { fanIn, fanOut } = fans(target);
  return normal_(target, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

/**
 * Fills with an orthogonal matrix times `gain`, in place (Saxe et al., 2013); dimensions after the first count as one.
 * @throws RangeError for fewer than two dimensions
 */
export function orthogonal_(target: Tensor, gain = 1, { generator }: DrawOptions = {}): Tensor {
  fans(target);
  const rows = target.shape[0]!;
  const columns = target.numel / rows;
  return inPlace(target, () => {
    const { dtype, device } = target;
    const drawn = operators.normal_(operators.empty([rows, columns], { dtype, device }), { generator });
    const [q, r] = operators.linalgQr(rows < columns ? drawn.t() : drawn);
    const signed = q.mul(r.diagonal().sign());
    target.copy_((rows < columns ? signed.t() : signed).reshape(target.shape)).mul_(gain);
  });
}

/** Fills with the identity matrix, in place. @throws RangeError when it is no matrix */
export function eye_(target: Tensor): Tensor {
  const { shape, dtype, device } = target;
  if (shape.length !== 2) throw new RangeError(`init.eye_: expected a matrix, got [${shape.join(', ')}].`);
  return inPlace(target, () => target.copy_(operators.eye(shape[0]!, shape[1]!, { dtype, device })));
}

/** Distribution function of the standard normal, in float64. */
function normalCdf(x: number): number {
  return scope(() => (1 + operators.erf(makeTensor([x / Math.SQRT2], { dtype: 'float64' })).item()) / 2);
}

/** Bounds of a truncated normal distribution, absolute and not in units of `std`. */
export interface TruncNormalOptions extends DrawOptions {
  readonly mean?: number;
  readonly std?: number;
  readonly low?: number;
  readonly high?: number;
}

/** Fills with N(mean, std²) truncated to [low, high] (−2 and 2, absolute), in place, by the inverse distribution function. */
export function truncNormal_(
  target: Tensor,
  { mean = 0, std = 1, low = -2, high = 2, generator }: TruncNormalOptions = {},
): Tensor {
  const lower = normalCdf((low - mean) / std);
  const upper = normalCdf((high - mean) / std);
  return inPlace(target, () => {
    operators.uniform_(target, { from: 2 * lower - 1, to: 2 * upper - 1, generator });
    operators.erfinv_(target);
    operators.mul_(target, std * Math.SQRT2);
    operators.add_(target, mean);
    operators.clamp_(target, { min: low, max: high });
  });
}
