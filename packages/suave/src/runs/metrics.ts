/** @file `metrics.jsonl`: one JSON object a line, appended while training runs, cut back to a checkpoint on resume. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { RunError } from './run-error.js';

/** One line of `metrics.jsonl`. Only keys with `seconds` in their name depend on the clock. Accuracies are fractions (0 to 1). */
export interface MetricsRecord {
  /** Name of the stage. */
  stage: string;
  /** Steps done in the stage. */
  step: number;
  /** Epochs of the stage, passes over the unlabeled images, counted from 0. */
  epoch: number;
  [key: string]: number | string | null;
}

/** Appends records; every line is handed to the system at once, so that a reader sees it and a killed process loses none. */
export class MetricsWriter {
  readonly path: string;
  #file: number | null;
  #lines: number;

  /**
   * @param path   the file, created if missing
   * @param lines  keep this many lines and drop what follows (lines written after the checkpoint that is resumed); 0 starts anew
   */
  constructor(path: string, lines: number) {
    this.path = path;
    this.#lines = truncateMetrics(path, lines);
    this.#file = openSync(path, 'a');
  }

  /** Number of complete lines in the file. */
  get lines(): number {
    return this.#lines;
  }

  /** Appends one record. */
  append(record: MetricsRecord): void {
    if (this.#file === null) throw new RunError('RUN_CLOSED', `${this.path}: written to after it was closed.`);
    const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    this.#lines++;
  }

  /** Waits until every line is on the disk; called before a checkpoint that counts them. */
  sync(): void {
    if (this.#file !== null) fsyncSync(this.#file);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

/**
 * Cuts a metrics file back to its first `lines` complete lines (a last line without a line break is never complete).
 * @returns  the number of lines kept, less than asked when the file is shorter
 */
export function truncateMetrics(path: string, lines: number): number {
  if (!existsSync(path)) return 0;
  const bytes = readFileSync(path);
  let end = 0;
  let kept = 0;
  while (kept < lines) {
    const lineBreak = bytes.indexOf(0x0a, end);
    if (lineBreak < 0) break;
    end = lineBreak + 1;
    kept++;
  }
  if (end < bytes.length) {
    const file = openSync(path, 'r+');
    try {
      ftruncateSync(file, end);
    } finally {
      closeSync(file);
    }
  }
  return kept;
}

/**
 * Reads all complete lines. A last line that is still being written is left out.
 * @throws RunError `METRICS_DAMAGED` when a complete line is not a JSON object
 */
export function readMetrics(path: string): MetricsRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  return lines.map((line, index) => {
    try {
      const record: unknown = JSON.parse(line);
      if (typeof record === 'object' && record !== null) return record as MetricsRecord;
    } catch {
      // reported below, with the place
    }
    throw new RunError('METRICS_DAMAGED', `${path}: line ${index + 1} is not a JSON object.`);
  });
}
