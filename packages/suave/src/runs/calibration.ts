/** @file `calibration.json`: how far the probabilities of a run can be trusted, measured on its held-out images when it ended. */
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from './atomic-write.js';
import type { CoveragePoint } from './coverage-point.js';

export type { CoveragePoint } from './coverage-point.js';

/** The content of the file. */
export interface CalibrationRecord {
  /** Probabilities are `softmax(scores / temperature)`. */
  readonly temperature: number;
  /** Expected calibration error. */
  readonly ece: number;
  /** Held-out images. */
  readonly images: number;
  /** By rising threshold. */
  readonly coverage: readonly CoveragePoint[];
}

/** Writes the file under another name, then renames it. */
export function writeCalibration(path: string, record: CalibrationRecord): void {
  writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`);
}

/** Reads the file; null where there is none, or it is damaged: nothing but advice hangs on it. */
export function readCalibration(path: string): CalibrationRecord | null {
  if (!existsSync(path)) return null;
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as CalibrationRecord;
    return Array.isArray(record.coverage) ? record : null;
  } catch {
    return null;
  }
}

/** The point of the curve that an abstaining classifier stands at: the highest threshold not above `abstain`; null without one. */
export function coverageAt({ coverage }: CalibrationRecord, abstain: number): CoveragePoint | null {
  return coverage.findLast(({ threshold }) => threshold <= abstain) ?? null;
}
