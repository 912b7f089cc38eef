/**
 * @file The door of `suave`: train on a folder of images with few labels, measure, predict, read run folders.
 * @example
 * import { train, evaluate } from 'suave';
 * await train({ data: 'photos', out: 'runs/first', recipe: null, overrides: [], resume: false, baseline: true, threads: 2 });
 * console.log((await evaluate({ model: 'runs/first', data: null })).evaluation.top1);
 */
export {
  CheckpointError,
  ConfigError,
  DataError,
  SuaveError,
  TrainingError,
  UsageError,
} from './errors.js';
export {
  type Candidate,
  type CheckpointChoice,
  type Classification,
  Classifier,
  type ClassifyOptions,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationReport,
  evaluate,
  ImageClassifier,
  type ImageSource,
  type LoadClassifierOptions,
  loadClassifier,
  type Prediction,
  type PredictOptions,
  predict,
  type StreamOptions,
} from './evaluation/index.js';
export {
  type Config,
  type DataFacts,
  describeConfig,
  type Override,
  parseSet,
  type Recipe,
  type RecipeResult,
  recipes,
  resolveRecipe,
  validateConfig,
} from './recipes/index.js';
export {
  collectReport,
  type ReportData,
  type ReportRequest,
  renderReport,
  type WriteReportRequest,
  type WrittenReport,
  writeReport,
} from './report/index.js';
export {
  type CheckpointMetadata,
  type MetricsRecord,
  RunError,
  type RunPaths,
  readConfig,
  readMetrics,
  runPaths,
} from './runs/index.js';
export {
  type StepEvent,
  type TrainingEvents,
  type TrainOptions,
  type TrainRequest,
  type TrainResult,
  train,
} from './training/index.js';
