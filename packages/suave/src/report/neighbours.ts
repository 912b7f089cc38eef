/** @file Accuracy of a network without classes by votes of the nearest labeled images, where that costs little. */

import { SuaveError } from '../errors.js';
import { evaluateProtocol } from '../evaluation/index.js';
import type { ReportRequest } from './collect.js';
import type { ReportData } from './report-data.js';

/** Images that may be looked at: a few seconds on a CPU. */
const maxImages = 5000;

/** Top-1 of k-NN; null where it would take long, or cannot be had. */
export async function neighboursOf(
  { run, data = null, checkpoint, device, workers, cache, signal, onProgress }: ReportRequest,
  { labeled, measured }: ReportData['images'],
): Promise<number | null> {
  if (labeled === 0 || labeled + measured > maxImages) return null;
  try {
    const { evaluation } = await evaluateProtocol({
      model: run,
      data,
      protocol: 'knn',
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(device === undefined ? {} : { device }),
      ...(onProgress === undefined ? {} : { onProgress }),
      workers: workers ?? null,
      cache: cache ?? null,
      signal: signal ?? null,
    });
    return evaluation.top1;
  } catch (error) {
    if (error instanceof SuaveError) return null; // images that are gone: the sentence does without
    throw error;
  }
}
