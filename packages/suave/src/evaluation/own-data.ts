/** @file The data that belong to a checkpoint: where its run was trained, and which images that run labeled and set aside. */
import { existsSync, realpathSync } from 'node:fs';
import { imagesOf, readSplits, type Splits } from '../data/index.js';
import { DataError } from '../errors.js';
import type { CheckpointMetadata } from '../runs/index.js';
import { runOfCheckpoint, splitsFolderOf } from './classifier.js';

/** A checkpoint's configuration, null where it has none. */
type Described = Pick<CheckpointMetadata, 'config'>;

/** What of a run's configuration says which images it labeled. */
export interface StoredDataSettings {
  /** Folder of images. */
  path: string;
  labels: string | null;
  labelsPerClass: number | null;
  labelFraction: number | null;
  holdout: number | null;
}

/** Data settings of the configuration inside a checkpoint, null where it has none. */
export function storedData({ config }: Described): StoredDataSettings | null {
  const data = (config as { data?: Partial<StoredDataSettings> } | null)?.data;
  if (typeof data?.path !== 'string') return null;
  const { path, labels = null, labelsPerClass = null, labelFraction = null, holdout = null } = data;
  return { path, labels, labelsPerClass, labelFraction, holdout };
}

/**
 * The folder to measure on.
 * @param model  run or checkpoint as it was named, for messages
 * @param data   DATA, or null for the data of the run
 * @throws DataError `NO_SUCH_FOLDER` where no folder is given and the run's own is not there
 */
export function dataFolder(model: string, data: string | null, metadata: Described): string {
  if (data !== null) return data;
  const own = storedData(metadata)?.path ?? null;
  if (own !== null && existsSync(own)) return own;
  const where = own === null ? '' : ` (it was trained on ${own}, which is not there)`;
  throw new DataError(`${model}: expected the folder of images to measure on${where}. Give it as second argument.`, {
    code: 'NO_SUCH_FOLDER',
  });
}

/** Whether a folder is the one that a checkpoint was trained on. */
export function isOwnFolder(folder: string, metadata: Described): boolean {
  const own = storedData(metadata)?.path ?? null;
  return own !== null && existsSync(own) && existsSync(folder) && realpathSync(own) === realpathSync(folder);
}

/**
 * The run's splits, when DATA is the data of the run: the same folder, or one that holds at least half of its labeled or of its held-out
 * images; else null. Images that were trained on must not pass for new ones because a few are gone.
 */
export function ownSplits(model: string, folder: string, metadata: Described): Splits | null {
  const run = runOfCheckpoint(model);
  const splitsFolder = run === null ? null : splitsFolderOf(run);
  if (splitsFolder === null) return null;
  const splits = readSplits(splitsFolder);
  if (isOwnFolder(folder, metadata)) return splits;
  const { val, labeled, unlabeled } = splits;
  const known = [val, labeled].some((rows) => rows.length > 0) ? [val, labeled] : [unlabeled];
  const isThere = imagesOf(folder);
  const numThere = (rows: readonly { path: string }[]) => rows.filter(({ path }) => isThere(path)).length;
  return known.some((rows) => rows.length > 0 && 2 * numThere(rows) >= rows.length) ? splits : null;
}
