/** @file Neural network modules with PyTorch's state-dict keys and initialization. */
export { Flatten, GELU, Identity, ReLU } from './activation.js';
export { ModuleList, Sequential } from './containers.js';
export { DropPath } from './drop-path.js';
export * as functional from './functional.js';
export * as init from './init.js';
export { Conv2d, type Conv2dOptions, Linear, type Size2d } from './linear.js';
export {
  buffer,
  type Layer,
  Module,
  parameter,
  type StateDictDifference,
  type TensorPlacement,
} from './module.js';
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions, LayerNorm } from './normalization.js';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, type PoolOptions } from './pooling.js';
export { WeightNormLinear } from './weight-norm.js';
