/** @file The door of the methods. */
export { topkAccuracy } from './accuracy.js';
export { Assigner, type AssignmentOptions } from './assignments.js';
export { type ClassPriorOptions, classPrior } from './class-prior.js';
export { type ClusterUse, ClusterWatch } from './cluster-watch.js';
export { Daino, type DainoOptions } from './daino/daino.js';
export { Dino, type DinoOptions } from './dino/dino.js';
export {
  DistillationMethod,
  type DistillationNetwork,
  type DistillationOptions,
  type DistillationOutput,
} from './dino/distillation-method.js';
export { regularizedGroups } from './dino/parameter-groups.js';
export { TeacherTargets, type TeacherTargetsOptions } from './dino/teacher-targets.js';
export {
  type CrossEntropyOptions,
  type LossWeights,
  logProbabilities,
  lossWeights,
  type MixedWeight,
  mixedLoss,
  smoothTargets,
  softCrossEntropy,
  swappedLoss,
} from './losses.js';
export {
  type Batch,
  type LabeledImages,
  type Method,
  oneGroup,
  type ParameterGroup,
  type Progress,
  type StepResult,
} from './method.js';
export { MomentumEncoder, type MomentumEncoderOptions, momentumEncoderPrefix } from './momentum-encoder.js';
export { unprefixed } from './network-state.js';
export {
  type PawsEmbeddings,
  type PawsLossOptions,
  type PawsTerms,
  pawsLoss,
  type SupportLayout,
  sharpen,
  suncetLoss,
  supportLabels,
} from './paws/losses.js';
export { Paws, type PawsOptions } from './paws/paws.js';
export { PawsClassifier, type PawsClassifierOptions } from './paws/paws-classifier.js';
export { pawsNearestNeighbourScores, softNearestNeighbours } from './paws/soft-neighbours.js';
export type { PrototypeMethodOptions } from './prototype-method.js';
export { AssignmentQueue, queueRows } from './queue.js';
export { type SinkhornOptions, sinkhornKnopp } from './sinkhorn.js';
export { Suave, type SuaveOptions } from './suave/suave.js';
export { Supervised, type SupervisedOptions } from './supervised/supervised.js';
export { Swav, type SwavOptions } from './swav/swav.js';
