/** @file Writes the report of a run: one HTML file, and what programs need of it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { readCheckpointMetadata } from '../evaluation/index.js';
import {
  type CalibrationRecord,
  isFolder,
  readConfig,
  runPaths,
  writeCalibration,
  writeFileAtomic,
} from '../runs/index.js';
import { collectReport, type ReportRequest } from './collect.js';
import { renderReport } from './page.js';
import type { ReportData } from './report-data.js';

/** What is reported on, and where the report goes. */
export interface WriteReportRequest extends ReportRequest {
  /** A new file; null is RUN/report.html, which is written anew. */
  readonly out?: string | null;
}

/** A report that was written. */
export interface WrittenReport {
  /** Path of the page, as `run` or `out` begins. */
  readonly file: string;
  readonly data: ReportData;
}

/**
 * Collects a report and writes it, either whole or not at all; RUN/calibration.json too where the finished run was measured on its own
 * held-out images.
 * @throws UsageError where `out` cannot be written; as `collectReport`
 */
export async function writeReport(request: WriteReportRequest): Promise<WrittenReport> {
  const { run, out = null } = request;
  const paths = runPaths(run);
  readConfig(run); // what is no run is said first
  const file = out ?? paths.report;
  checkFile(file, out !== null);
  const data = await collectReport(request);
  writeFileAtomic(resolve(file), renderReport(data));
  const record = calibrationRecord(data);
  const isOfRun = out === null && data.source !== 'folder' && (request.checkpoint ?? 'last') === 'last';
  if (record !== null && isOfRun && readCheckpointMetadata(paths.last).finished) {
    writeCalibration(paths.calibration, record);
  }
  return { file, data };
}

/** Says before the work whether the file can be written. */
function checkFile(file: string, isAsked: boolean): void {
  const refuse = (why: string): never => {
    throw new UsageError(isAsked ? `suave report --out ${file}: ${why}` : `${file}: ${why}`, { code: 'OUT_EXISTS' });
  };
  if (isAsked && file === '') refuse('expected the name of a new file, got nothing. Give one.');
  if (!isAsked && isFolder(file)) refuse('expected the file of the report, got a folder. Move it away.');
  if (isAsked && existsSync(file)) refuse('expected a new file, got something that exists. Choose another name.');
  const folder = dirname(resolve(file));
  if (isAsked && !isFolder(folder)) refuse('expected a folder to write into, found none. Create it.');
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    refuse('expected a folder that can be written to, got one that cannot. Name a file elsewhere with --out.');
  }
}

function calibrationRecord({ calibration, coverage, images }: ReportData): CalibrationRecord | null {
  if (calibration === null || coverage === null) return null;
  const { temperature, ece } = calibration;
  return { temperature, ece, images: images.measured, coverage };
}

/** The numbers of a report, without pictures and curves: what `suave report --json` prints. */
export function reportNumbers({ file, data }: WrittenReport) {
  const { run, method, summary, notes, missing, score, baseline, gain, source, images, calibration, coverage } = data;
  const { classes, confusion, prototypes, environment } = data;
  return {
    report: file,
    run,
    method,
    summary,
    notes,
    missing,
    source,
    images,
    score,
    baseline,
    gain,
    calibration,
    coverage,
    classes: classes?.map(({ examples: _, ...row }) => row) ?? null,
    confusion: confusion?.map(({ examples: _, ...cell }) => cell) ?? null,
    prototypes,
    environment: Object.fromEntries(environment.flatMap(({ rows }) => rows)),
  };
}
