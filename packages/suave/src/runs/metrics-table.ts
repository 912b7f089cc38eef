/** @file `metrics.csv`: the records of `metrics.jsonl` as a table, one column for each key that any of them has. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { writeFileAtomic } from './atomic-write.js';
import { type MetricsRecord, readMetrics } from './metrics.js';

/** Keeps the table as long as `metrics.jsonl`; every row is handed to the system at once. */
export class MetricsTable {
  readonly #path: string;
  readonly #metrics: string;
  #columns: string[] = [];
  #file: number | null = null;

  /**
   * Writes the table of what is there.
   * @param path     the table
   * @param metrics  `metrics.jsonl`, where the records are read again when one has a new key
   */
  constructor(path: string, metrics: string) {
    this.#path = path;
    this.#metrics = metrics;
    this.#rewrite();
  }

  /** Adds a record that was just appended to `metrics.jsonl`. */
  append(record: MetricsRecord): void {
    if (this.#file === null || Object.keys(record).some((key) => !this.#columns.includes(key))) {
      this.#rewrite();
      return;
    }
    const bytes = Buffer.from(this.#row(record));
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#file, bytes, written);
  }

  #rewrite(): void {
    this.close();
    const records = readMetrics(this.#metrics);
    this.#columns = [...new Set(['stage', 'step', 'epoch', ...records.flatMap((record) => Object.keys(record))])];
    writeFileAtomic(
      this.#path,
      [`${this.#columns.join(',')}\n`, ...records.map((record) => this.#row(record))].join(''),
    );
    this.#file = openSync(this.#path, 'a');
  }

  /** Empty cells where a record has no number. */
  #row(record: MetricsRecord): string {
    return `${this.#columns.map((key) => cell(record[key])).join(',')}\n`;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

function cell(value: MetricsRecord[string] | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
