/** @file Optimizers, schedules, averaging, clipping and loss scaling. */
export { Adagrad, type AdagradGroup, type AdagradOptions } from './adagrad.js';
export { Adam, type AdamGroup, type AdamOptions, AdamW, type AdamWOptions } from './adam.js';
export {
  type ClipGradNormOptions,
  clipGradients_,
  clipGradientsPerTensor_,
  clipGradNorm_,
  clipGradValue_,
} from './clip.js';
export type { CountedGroup } from './counted.js';
export { type EmaModuleOptions, emaUpdate_, emaUpdateModule_ } from './ema.js';
export type { Fused } from './fused.js';
export { GradScaler, type GradScalerOptions } from './grad-scaler.js';
export type { GroupInput, ParamGroup, ParamGroupInput } from './groups.js';
export { LARS, type LARSForm, type LARSGroup, type LARSGroupInput, type LARSOptions } from './lars.js';
export {
  chainedLR,
  constantLR,
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
  exponentialLR,
  type LinearLR,
  lambdaLR,
  linearLR,
  multiStepLR,
  type OneCycleLR,
  type OneCyclePhases,
  oneCycleLR,
  oneCycleMomentum,
  polynomialLR,
  type Schedule,
  sequentialLR,
  stepLR,
  type WarmRestarts,
} from './lr-schedules.js';
export type { MomentumGroup } from './momentum-optimizer.js';
export type { Optimizer, StepOptions } from './optimizer.js';
export type { OptimizerStateDict, SavedGroup } from './optimizer-state.js';
export type { Rate } from './rates.js';
export { RMSprop, type RMSpropGroup, type RMSpropOptions } from './rmsprop.js';
export {
  cosine,
  emaMomentum,
  linspaceAt,
  pawsWarmupCosine,
  type TeacherTemperature,
  teacherTemperature,
  type WarmupCosine,
  warmupCosine,
} from './schedules.js';
export { SGD, type SGDGroup, type SGDOptions } from './sgd.js';
