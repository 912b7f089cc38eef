/** @file The door of the data room: DATA in, mapped images with labels out, and which of them make up a batch. */
export { cacheFolder } from './cache.js';
export { csvField, formatCsv } from './csv.js';
export {
  type DataReport,
  type LoadedData,
  type LoadOptions,
  loadData,
  loadPlannedData,
} from './dataset.js';
export { DecodeError, type DecodeOptions, decodeBytes, decodeFile } from './decode.js';
export { type DecodeActivity, type DecodeRun, defaultWorkers } from './decode-pool.js';
export {
  type DescribedImage,
  type DescribedImages,
  describeImages,
  type KnownSplits,
  type SplitName,
  splitNames,
} from './described-images.js';
export {
  type DeviceImageSet,
  type DeviceImagesOptions,
  type DevicePixelReader,
  imagesOnDevice,
  openOnDevice,
  type PixelPlacement,
} from './device-images.js';
export { type EvaluationData, type EvaluationOptions, listImageFiles, loadEvaluationData } from './evaluation-data.js';
export {
  type BatchIndices,
  decodeImages,
  type ImageSet,
  type PixelReader,
  type PixelWindow,
  type ResidentImages,
  residentImages,
} from './image-set.js';
export { balancedIndexList } from './index-list.js';
export { type DataOptions, type DataPlan, listSkipped, planData } from './plan.js';
export { type PreparedSummary, type PrepareOptions, prepareFile } from './prepare-file.js';
export { isPreparedFile, preparedExtension } from './prepared-file.js';
export type { RgbImage } from './resize.js';
export { createSampler, type SampledBatch, type Sampler, type SamplerOptions } from './samplers.js';
export type { FolderScan, SkippedFile } from './scan.js';
export { imagesOf, scanData } from './scan-data.js';
export { readSplits, type SplitOptions, type Splits, writeSplits } from './splits.js';
export {
  createSupportSampler,
  type SampledSupport,
  type SupportSampler,
  type SupportSamplerOptions,
} from './support-sampler.js';
export { readTar, type TarMember } from './tar.js';
