/** @file The door of the models. */
export { Backbone } from './backbone.js';
export { isBackboneKey, isCounted } from './backbone-keys.js';
export type { Branch, CheckpointPart, SkippedKey } from './checkpoint-layouts.js';
export { DinoHead, type DinoHeadOptions, type DinoScores } from './dino-head.js';
export { DinoModel, type DinoModelOptions, type DinoOutput } from './dino-model.js';
export { normalizedRows, normalizeRows_ } from './heads.js';
export { type ImportOptions, type ImportPlan, importWeights, planImport, readTensors } from './import-checkpoint.js';
export {
  type ClassifierInit,
  type ClassifierNetwork,
  LinearClassifier,
  type LinearClassifierOptions,
  type TransformerFeatures,
} from './linear-classifier.js';
export {
  type BackboneShare,
  groupedReasons,
  type LoadOptions,
  type LoadReport,
  leastBackboneShare,
  loadSummary,
  loadWeights,
} from './loading.js';
export { multiCropForward, type RowLayout, runsOfEqualWidth } from './multi-crop.js';
export { PawsModel, type PawsModelOptions, type PawsOutput } from './paws-model.js';
export type { FloatType, Placement } from './placement.js';
export { atLeastFloat32 } from './precision.js';
export {
  type BackboneFamily,
  type BackboneOptions,
  backboneFamily,
  backboneNames,
  createBackbone,
} from './registry.js';
export type { BlockKind } from './residual-blocks.js';
export { ResNet, type ResNetOptions, type Stem } from './resnet.js';
export { type PrototypeNetwork, SwavModel, type SwavModelOptions, type SwavOutput } from './swav-model.js';
export {
  dropPathRates,
  VisionTransformer,
  type VisionTransformerOptions,
} from './vision-transformer.js';
export { WideResNet, type WideResNetOptions } from './wide-resnet.js';
