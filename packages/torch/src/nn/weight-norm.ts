/** @file Weights stored as direction and length: `W_k = g_k · v_k / ‖v_k‖₂` (Salimans and Kingma 2016). */
import { noGrad } from '../autograd/index.js';
import { _weightNorm, detach, empty, linear, normExceptDim, ones } from '../generated/operators.js';
import { scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { kaimingUniform_ } from './init.js';
import { type Layer, Module } from './module.js';
import { kindOf, parameter, type TensorPlacement } from './parameter.js';

/** g·v/‖v‖, the norm over all dimensions but `dim`; −1 for one norm of the whole. */
function normed(v: Tensor, g: Tensor, dim: number): Tensor {
  return _weightNorm(v, g, { dim });
}

type Slots = Record<string, Tensor>;

/** Puts a parameter in the place of the module's property, which an accessor may have taken. */
function define(module: Module, name: string, tensor: Tensor): void {
  Object.defineProperty(module, name, { value: tensor, enumerable: true, configurable: true, writable: true });
}

/**
 * Stores a parameter of a layer as direction `NAME_v` and length `NAME_g` (PyTorch's torch.nn.utils.weight_norm): both are
 * parameters and state-dict keys, and the weight itself is computed from them whenever it is read.
 * @param layer    changed in place; make optimizers and lists of parameters after this
 * @param options  `name`: of the parameter, `weight` by default; `dim`: the dimension that keeps a length of its own, 0 by
 *                 default, null for one length of the whole
 * @returns        the layer
 * @throws RangeError when the layer has no such parameter
 */
export function weightNorm<T extends Layer>(
  layer: T,
  { name = 'weight', dim = 0 }: { name?: string; dim?: number | null } = {},
): T {
  const slots = layer as unknown as Slots;
  const weight = slots[name];
  if (!(weight instanceof Tensor) || kindOf(weight) !== 'parameter' || !Object.hasOwn(layer, name))
    throw new RangeError(
      `weightNorm: expected a parameter '${name}' in ${layer.constructor.name}. Give the name of one.`,
    );
  const along = dim ?? -1;
  const { requiresGrad } = weight;
  const lengths = scope(() => noGrad(() => normExceptDim(detach(weight), { pow: 2, dim: along })));
  delete slots[name];
  slots[`${name}_g`] = parameter(lengths);
  slots[`${name}_v`] = weight;
  lengths.requiresGrad = requiresGrad;
  const get = () => normed(slots[`${name}_v`]!, slots[`${name}_g`]!, along);
  Object.defineProperty(layer, name, { get, enumerable: false, configurable: true });
  // The computed weight goes with the call; the graph keeps what it needs.
  const forward = (...values: Parameters<T['forward']>) =>
    scope(() => (Object.getPrototypeOf(layer) as T).forward.apply(layer, values));
  Object.defineProperty(layer, 'forward', { value: forward, enumerable: false, configurable: true });
  return layer;
}

/**
 * Undoes {@link weightNorm}: the parameter holds the value that direction and length give now.
 * @throws RangeError when the layer has none under this name
 */
export function removeWeightNorm<T extends Layer>(layer: T, { name = 'weight' }: { name?: string } = {}): T {
  const slots = layer as unknown as Slots;
  const [g, v] = [slots[`${name}_g`], slots[`${name}_v`]];
  if (g === undefined || v === undefined)
    throw new RangeError(
      `removeWeightNorm: expected '${name}_g' and '${name}_v' in ${layer.constructor.name}, got none.`,
    );
  const weight = parameter(scope(() => noGrad(() => detach(slots[name]!))));
  weight.requiresGrad = v.requiresGrad;
  delete slots[`${name}_g`];
  delete slots[`${name}_v`];
  g.dispose();
  v.dispose();
  define(layer, name, weight);
  delete (layer as { forward?: unknown }).forward;
  return layer;
}

/**
 * y = x·Wᵀ with weight norm, without bias: [N, in] → [N, out]. The norm has no lower limit: a row of zeros gives NaN, as in
 * PyTorch. Unlike `weightNorm(new Linear(…))`, lengths start at 1 whatever was drawn, as in DINO's head.
 */
export class WeightNormLinear extends Module {
  /** Lengths g, [out, 1], ones at the start; set `requiresGrad` to false to freeze them. */
  weight_g: Tensor;
  /** Directions v, [out, in], drawn as a linear layer's weight: U(±1/√in). */
  weight_v: Tensor;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    placement: TensorPlacement = {},
  ) {
    super();
    this.weight_g = parameter(ones([outFeatures, 1], placement));
    this.weight_v = parameter(empty([outFeatures, inFeatures], placement));
    kaimingUniform_(this.weight_v, { a: Math.sqrt(5) });
  }

  forward(x: Tensor): Tensor {
    return scope(() => linear(x, normed(this.weight_v, this.weight_g, 0)));
  }
}
