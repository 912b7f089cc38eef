/** @file Neural network modules with PyTorch's names, state-dict keys, defaults and initialization. */
export {
  ELU,
  GELU,
  GLU,
  Hardsigmoid,
  Hardswish,
  type InplaceOptions,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './activation.js';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  type AdaptiveSize2d,
} from './adaptive-pooling.js';
export type { AttentionMaskOptions, AttentionOptions } from './attention.js';
export { BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './batch-norm.js';
export { ModuleDict, ModuleList, ParameterList, Sequential } from './containers.js';
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  Conv3d,
  type Conv3dOptions,
  type ConvOptions,
  type PaddingMode,
} from './conv.js';
export {
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  type ConvTransposeOptions,
} from './conv-transpose.js';
export { DropPath } from './drop-path.js';
export { Dropout, Dropout1d, Dropout2d } from './dropout.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export * as functional from './functional.js';
export * as init from './init.js';
export type { InterpolateMode, InterpolateOptions } from './interpolate.js';
export { Linear } from './linear.js';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CosineSimilarity,
  CrossEntropyLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  SmoothL1Loss,
  TripletMarginLoss,
} from './loss-modules.js';
export type {
  BCELossOptions,
  BCEWithLogitsLossOptions,
  CosineEmbeddingLossOptions,
  CrossEntropyOptions,
  HuberLossOptions,
  KLDivLossOptions,
  LossOptions,
  NLLLossOptions,
  Reduction,
  SmoothL1LossOptions,
  TripletMarginLossOptions,
} from './losses.js';
export { type Layer, Module, type StateDictDifference } from './module.js';
export {
  type AttentionResult,
  MultiheadAttention,
  type MultiheadAttentionCall,
  type MultiheadAttentionOptions,
} from './multihead-attention.js';
export {
  GroupNorm,
  type GroupNormOptions,
  InstanceNorm1d,
  InstanceNorm2d,
  LayerNorm,
  type LayerNormOptions,
} from './normalization.js';
export { buffer, type ModulePlacement, parameter, type TensorPlacement } from './parameter.js';
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolOptions,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolOptions,
  type PoolOptions,
} from './pooling.js';
export {
  Flatten,
  Identity,
  PixelShuffle,
  PixelUnshuffle,
  Unflatten,
  Upsample,
  type UpsampleOptions,
} from './shape-layers.js';
export type { Size1d, Size2d, Size3d } from './sizes.js';
export { SyncBatchNorm, type SyncBatchNormOptions } from './sync-batch-norm.js';
export { removeWeightNorm, WeightNormLinear, weightNorm } from './weight-norm.js';
