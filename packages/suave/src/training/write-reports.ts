/** @file The end of a training: the reports of the run and of its baseline. A report that cannot be written fails no training. */
import { existsSync } from 'node:fs';
import type { LoadedData } from '../data/index.js';
import type { Config } from '../recipes/index.js';
import { type HeldOut, writeReport } from '../report/index.js';
import { isFolder, runPaths } from '../runs/index.js';
import { shortPath } from '../text.js';
import type { TrainingEvents } from './events.js';
import type { RunResult } from './run.js';

/** What reports are made from. */
interface ReportRequest {
  readonly config: Config;
  readonly data: LoadedData;
  readonly events: TrainingEvents;
  readonly signal: AbortSignal | null;
}

/** Reports of a training. */
export interface Reports {
  /** Paths; null where there is none. */
  readonly run: string | null;
  readonly baseline: string | null;
  /** Whether a stop was asked for before they were written. */
  readonly interrupted: boolean;
}

/** Of a training that was interrupted. */
export const noReports: Reports = { run: null, baseline: null, interrupted: false };

/**
 * Writes the reports of finished runs: of those that were trained now, and of those that have none yet. The run's own comes last, because
 * it shows the baseline, and is written anew where the baseline is new.
 */
export async function writeReports(
  { config, data, events, signal }: ReportRequest,
  main: RunResult,
  baseline: RunResult | null,
): Promise<Reports> {
  const heldOut = heldOutOf(data);
  const write = async (result: RunResult, isStale: boolean): Promise<string | null> => {
    const { report } = runPaths(result.run);
    if (!isStale && existsSync(report) && !isFolder(report)) return report;
    try {
      await writeReport({
        run: result.run,
        heldOut,
        device: config.device,
        workers: config.data.workers,
        cache: config.data.cache,
        signal,
        onProgress: (what, done, total) => events.progress?.(`report: ${what}`, done, total),
      });
      return report;
    } catch (error) {
      if (signal?.aborted) throw error;
      const why = (error as Error).message.replace(/\s*\n\s*/g, ' ');
      events.warning?.(
        `the report of ${shortPath(result.run)} could not be written: ${why} The training is complete; suave report ${shortPath(result.run)} tries again.`,
      );
      return null;
    }
  };
  const isNew = (result: RunResult | null): boolean => result !== null && !result.alreadyFinished;
  try {
    const ofBaseline = baseline === null ? null : await write(baseline, isNew(baseline));
    const ofRun = await write(main, isNew(main) || isNew(baseline));
    return { run: ofRun, baseline: ofBaseline, interrupted: false };
  } catch (error) {
    if (!signal?.aborted) throw error;
    return { ...noReports, interrupted: true };
  }
}

/** The images that were set aside, in the order of the network's outputs; they stay the data's. */
function heldOutOf({ val, valLabels, valSource, classes, report }: LoadedData): HeldOut | null {
  if (val === null || valSource === 'none') return null;
  const source = valSource === 'folder' ? 'val' : 'hold-out';
  return { images: val, labels: valLabels, classes, source, notes: report.notes };
}
