/** @file Door of evaluation: a classifier from a checkpoint, its accuracy on images of known class, predictions for files. */
export { type CheckpointChoice, Classifier, findCheckpoint, readCheckpointMetadata } from './classifier.js';
export { type EvaluateOptions, type Evaluation, type EvaluationReport, evaluate } from './evaluate.js';
export { fitTemperature, lossOf, type Score, scoreOf } from './metrics.js';
export { type Prediction, type PredictOptions, predict } from './predict.js';
