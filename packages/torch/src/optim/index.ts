/** @file Optimizers, schedules, averaging and clipping. */
export { AdamW, type AdamWOptions } from './adamw.js';
export { clipGradients_, clipGradientsPerTensor_ } from './clip.js';
export { emaUpdate_ } from './ema.js';
export { LARS, type LARSForm, type LARSGroup, type LARSGroupInput, type LARSOptions } from './lars.js';
export type { Optimizer, ParamGroup, ParamGroupInput } from './optimizer.js';
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
export { SGD, type SGDOptions } from './sgd.js';
