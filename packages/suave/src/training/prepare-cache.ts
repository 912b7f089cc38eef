/** @file Images made ready for training without training: how a run would read them, and its cache filled. */
import { type DataReport, type LoadOptions, loadPlannedData } from '../data/index.js';
import type { Config, Override } from '../recipes/index.js';
import { type ResolvedRun, resolveRun } from './resolve-run.js';

/** The run whose images are made ready. */
export interface PrepareRequest {
  /** DATA. */
  readonly data: string;
  /** Name of a recipe or a YAML file; null is the default. */
  readonly recipe: string | null;
  readonly overrides: readonly Override[];
}

/** How a run reads its images. */
export type Reading = Pick<Config['data'], 'cacheSide' | 'exifOrientation'>;

function runFor({ data, recipe, overrides }: PrepareRequest): Promise<ResolvedRun> {
  return resolveRun({ data, recipe, overrides, out: '', resume: false, threads: 1 });
}

/**
 * What the recipe makes of the images of DATA: sizes may depend on theirs.
 * @throws ConfigError, DataError as `train`
 */
export async function readingOf(request: PrepareRequest): Promise<Reading> {
  const { config } = await runFor(request);
  const { cacheSide, exifOrientation } = config.data;
  return { cacheSide, exifOrientation };
}

/** What a filled cache holds. */
export interface FilledCache extends Reading {
  readonly cache: DataReport['cache'];
  /** Images that can be read. */
  readonly images: number;
  readonly skipped: DataReport['skipped'];
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Decodes the images of DATA into the cache, as the first run would.
 * @throws ConfigError, DataError, SuaveError as `train`
 */
export async function fillCache(
  request: PrepareRequest,
  watch: Pick<LoadOptions, 'onProgress' | 'signal'> = {},
): Promise<FilledCache> {
  const { config, plan } = await runFor(request);
  const { cacheSide, exifOrientation, cache, workers } = config.data;
  const data = await loadPlannedData(plan, { cacheSide, exifOrientation, cache, workers, ...watch });
  try {
    const { report, train, val } = data;
    return {
      ...{ cacheSide, exifOrientation, cache: report.cache, skipped: report.skipped, notes: report.notes },
      images: train.length + (val?.length ?? 0),
    };
  } finally {
    data.dispose();
  }
}
