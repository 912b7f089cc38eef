/** @file The images of an evaluation protocol: those of known class that are compared with, and those that are measured. */
import { type LoadedData, loadPlannedData, planData } from '../data/index.js';
import type { CheckpointMetadata } from '../runs/index.js';
import type { EvaluateOptions } from './evaluate.js';
import { nothingSetAside } from './evaluate.js';
import { dataFolder, isOwnFolder, ownSplits, storedData } from './own-data.js';

/** Which images are compared with: those that the run labeled, or every training image of known class. */
export type BankChoice = 'labeled' | 'all';

/** Images to compare with and to measure on; owns `data`. */
export interface ProtocolData {
  readonly folder: string;
  readonly data: LoadedData;
  /** Positions in `data.train` of the images that are compared with. */
  readonly bank: Int32Array;
  /** [bank] class index. */
  readonly bankLabels: Int32Array;
  readonly source: 'val' | 'hold-out';
}

/**
 * Loads the data set of a protocol: DATA, or the run's own. On the run's own data, labels and hold-out are the run's; another folder
 * is a data set of its own, its images outside val/ (or a hold-out of it) are compared with.
 * @throws DataError where there is no folder, no label, or nothing to measure on
 */
export async function loadProtocolData(
  metadata: Pick<CheckpointMetadata, 'config' | 'classes' | 'input'>,
  choice: BankChoice,
  options: Pick<EvaluateOptions, 'model' | 'data' | 'workers' | 'cache' | 'signal' | 'onProgress'>,
): Promise<ProtocolData> {
  const folder = dataFolder(options.model, options.data, metadata);
  const splits = ownSplits(options.model, folder, metadata);
  const stored = storedData(metadata);
  const seed = (metadata.config as { seed?: unknown } | null)?.seed;
  const plan = await planData({
    data: folder,
    seed: typeof seed === 'number' ? seed : 0,
    ...(splits !== null
      ? { splits, classes: metadata.classes }
      : stored !== null && isOwnFolder(folder, metadata)
        ? { ...stored }
        : { holdout: stored?.holdout ?? null }),
  });
  if (plan.numVal === 0) throw nothingSetAside(folder);
  const { input } = metadata;
  const data = await loadPlannedData(plan, {
    cacheSide: input.cacheSide ?? 'none',
    exifOrientation: input.exifOrientation,
    cache: options.cache ?? null,
    workers: options.workers ?? null,
    onProgress: (done, total, activity) => options.onProgress?.(activity, done, total),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const labels = choice === 'all' ? data.hiddenLabels : data.labels;
  const bank = Int32Array.from(labels.keys()).filter((index) => labels[index] >= 0);
  return {
    folder,
    data,
    bank,
    bankLabels: Int32Array.from(bank, (index) => labels[index]),
    source: data.valSource === 'folder' ? 'val' : 'hold-out',
  };
}
