/** @file Door of automatic differentiation. */
export { detectAnomaly, isAnomalyEnabled } from './anomaly.js';
export { type AutocastDType, type AutocastOptions, autocast, autocastDtype, withoutAutocast } from './autocast.js';
export {
  type CheckpointLayer,
  type CheckpointOptions,
  type CheckpointResult,
  checkpoint,
  checkpointSequential,
  checkpointWith,
} from './checkpoint.js';
export { type Differentiable, type GradCheckOptions, gradCheck, gradGradCheck } from './grad-check.js';
export {
  type BackwardOptions,
  backward,
  type GradOptions,
  grad,
  gradientsOf,
  type OneOrMany,
  setGradients,
  setRequiresGrad,
} from './gradients.js';
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad } from './modes.js';
