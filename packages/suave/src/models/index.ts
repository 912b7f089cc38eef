/** @file The door of the models. */
export { Backbone } from './backbone.js';
export { normalizedRows, normalizeRows_ } from './heads.js';
export { type ClassifierNetwork, LinearClassifier } from './linear-classifier.js';
export {
  hasSwavProjection,
  type LoadOptions,
  type LoadReport,
  loadWeights,
  remapSwavProjection,
  selectWeights,
  unwrapKeys,
} from './loading.js';
export { multiCropForward, type RowLayout, runsOfEqualWidth } from './multi-crop.js';
export { atLeastFloat32 } from './precision.js';
export { type BackboneOptions, backboneNames, createBackbone } from './registry.js';
export type { BlockKind, FloatType, Placement } from './residual-blocks.js';
export { ResNet, type ResNetOptions, type Stem } from './resnet.js';
export { type PrototypeNetwork, SwavModel, type SwavModelOptions, type SwavOutput } from './swav-model.js';
