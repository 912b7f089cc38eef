/** @file Augmentation: parameters of views are drawn on the host, then applied to whole batches. */
export { applyViews, type ViewFormat } from './apply.js';
export {
  type CropBox,
  countRepeats,
  drawResizedCrop,
  drawViews,
  type ImageSizes,
  resizedSize,
  type ViewKey,
} from './draw.js';
export { evalParameters, evalTransform } from './eval-transform.js';
export {
  encodeMix,
  type MixedViewsOnDevice,
  mixLabeledOnDevice,
  mixOnDevice,
  mixTargetsOnDevice,
  mixViewsOnDevice,
  numMixNumbers,
} from './mix-on-device.js';
export {
  applyMix,
  collateRepeats,
  cutmixBox,
  drawMix,
  type Mix,
  type MixBox,
  type MixedLabeled,
  type MixedPairs,
  type MixedViews,
  type MixSpec,
  mixLabeled,
  mixTargets,
  mixViews,
  numMixedPairs,
  type TargetOptions,
} from './mixup.js';
export * from './normalization.js';
export * as pipelines from './pipelines.js';
export type { ApplyOptions, PixelSource } from './pixel-source.js';
export {
  type DrawPurpose,
  type DrawStream,
  Draws,
  drawKey,
  epochPermutation,
  RandomKeyError,
  torchSeed,
} from './random.js';
export {
  describeViews,
  encodeViews,
  type OperationKind,
  type ViewDescription,
  type ViewOperation,
  type ViewParameters,
} from './view-parameters.js';
export {
  type ColorStep,
  planOfEvaluation,
  planOfParameters,
  planOfSpecs,
  programKey,
  type ViewPlan,
} from './view-plan.js';
export { ViewProgram, type ViewProgramOptions } from './view-program.js';
export type {
  BlurSpec,
  EvalSpec,
  Interpolation,
  JitterSpec,
  SolarizeSpec,
  ThreeAugmentSpec,
  ViewSpec,
} from './view-spec.js';
