/** @file Door of evaluation: a classifier from a checkpoint, its accuracy on images of known class, predictions for files. */
export { type CheckpointChoice, Classifier, findCheckpoint, readCheckpointMetadata } from './classifier.js';
export {
  type EmbeddedBatch,
  type EmbedImagesOptions,
  type EmbedOptions,
  type EmbedReport,
  embed,
  embedImages,
  listImages,
  nothingReadable,
  type SearchMatch,
  type SearchOptions,
  type SearchReport,
  type SearchResult,
  search,
} from './embeddings/index.js';
export { type EvaluateOptions, type Evaluation, type EvaluationReport, evaluate } from './evaluate.js';
export {
  FeatureExtractor,
  type FeatureKind,
  type FeatureName,
  type FeatureOptions,
  featureKinds,
  type ImageDescription,
  type WeightsChoice,
} from './features.js';
export { type FeatureBank, type NeighbourOptions, neighbourScores } from './knn.js';
export { LinearProbe, type LinearProbeOptions } from './linear-probe.js';
export {
  type Classification,
  type ClassifyOptions,
  ImageClassifier,
  type ImageSource,
  type LoadClassifierOptions,
  loadClassifier,
  type StreamOptions,
} from './load-classifier.js';
export { fitTemperature, lossOf, type Score, scoreOf } from './metrics.js';
export { type Prediction, type PredictOptions, predict } from './predict.js';
export type { Candidate } from './predict-batch.js';
export type { BankChoice } from './protocol-data.js';
export {
  evaluateProtocol,
  type FeatureProtocol,
  featureProtocols,
  type ProtocolEvaluation,
  type ProtocolOptions,
  type ProtocolReport,
} from './protocols.js';
export { architectureOf } from './released-weights.js';
