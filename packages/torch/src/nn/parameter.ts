/** @file What makes a tensor part of a module: parameters, buffers, parametrized tensors, and moving them. */
import { noGrad } from '../autograd/index.js';
import type { Device, DType, MemoryFormat, NamedDevice } from '../dtype.js';
import { contiguous, detach, to } from '../generated/operators.js';
import { isDeviceName } from '../operator-runtime.js';
import { checkOptions } from '../options.js';
import { keep, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';

/** What a tensor is to its module; a `transient` buffer is not part of the state dict. */
export type Kind = 'parameter' | 'buffer' | 'transient';

const kinds = new WeakMap<Tensor, Kind>();

/** What a tensor is to a module; undefined for one that is neither parameter nor buffer. */
export function kindOf(tensor: Tensor): Kind | undefined {
  return kinds.get(tensor);
}

/**
 * Makes a tensor a parameter: kept out of every scope, differentiable, found by the module that holds it as a property
 * (PyTorch's nn.Parameter).
 * @param tensor  a leaf of a floating-point dtype; the module owns it from now on
 */
export function parameter(tensor: Tensor): Tensor {
  keep(tensor);
  tensor.requiresGrad = true;
  kinds.set(tensor, 'parameter');
  return tensor;
}

/**
 * Makes a tensor a buffer: state without gradient, as batch norm's running statistics.
 * @param tensor      the module owns it from now on
 * @param persistent  whether it belongs to the state dict; true as in PyTorch
 */
export function buffer(tensor: Tensor, { persistent = true }: { persistent?: boolean } = {}): Tensor {
  keep(tensor);
  kinds.set(tensor, persistent ? 'buffer' : 'transient');
  return tensor;
}

/** Dtype and device of a module's new tensors. */
export interface TensorPlacement {
  readonly dtype?: DType;
  readonly device?: Device;
}

/** Where and how a module's tensors go; see `Module.to`. */
export interface ModulePlacement extends TensorPlacement {
  /** Layout of the tensors of four dimensions, such as kernels: `channelsLast` is often faster for convolutions. */
  readonly memoryFormat?: Exclude<MemoryFormat, 'preserve'>;
  /** Do not wait for copies from pinned memory. Default false. */
  readonly nonBlocking?: boolean;
}

/** A placement as given: a string is a device or a dtype. @throws ArgumentError for options that are not there */
export function placementOf(given: ModulePlacement | DType | NamedDevice): ModulePlacement {
  if (typeof given === 'string') return isDeviceName(given) ? { device: given } : { dtype: given as DType };
  checkOptions('Module.to', given, ['dtype', 'device', 'memoryFormat', 'nonBlocking']);
  return given;
}

const FLOATING: ReadonlySet<DType> = new Set<DType>(['float32', 'float64', 'float16', 'bfloat16']);

function placed(tensor: Tensor, { dtype, device, memoryFormat, nonBlocking }: ModulePlacement): Tensor {
  const newDtype = dtype !== undefined && dtype !== tensor.dtype && FLOATING.has(tensor.dtype);
  const newDevice = device !== undefined && device !== tensor.device;
  let moved = tensor;
  if (newDtype || newDevice) {
    const options = { dtype: newDtype ? dtype : tensor.dtype, ...(newDevice ? { device } : {}), nonBlocking };
    moved = to(detach(tensor), { ...options, copy: true });
  }
  if (memoryFormat === undefined || tensor.rank !== 4) return moved;
  const laidOut = contiguous(detach(moved), { memoryFormat });
  return String(laidOut.strides) === String(moved.strides) ? moved : laidOut;
}

/** The tensor itself where it already fits, else a kept copy of the same kind. */
export function relocate(tensor: Tensor, placement: ModulePlacement): Tensor {
  const copy = scope(() => noGrad(() => placed(tensor, placement)));
  if (copy === tensor) return tensor;
  const kind = kindOf(tensor);
  if (kind !== 'parameter') return buffer(copy, { persistent: kind === 'buffer' });
  const { requiresGrad } = tensor;
  parameter(copy).requiresGrad = requiresGrad;
  return copy;
}
