/**
 * @file An event file of one stage, a folder of its own: TensorBoard shows stages as runs, each with its own steps. `metrics.jsonl` is the
 * source: what a resumed stage finds is cut to the checkpoint, and numbers that are missing are taken from there.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-write.js';
import type { MetricsRecord } from '../metrics.js';
import { RunError } from '../run-error.js';
import { frameRecord, readRecords } from './records.js';
import { decodeEvent, encodeEvent, type SummaryValue, type TensorBoardEvent } from './schema.js';
import { scalarsOf } from './summaries.js';

/** What an event file is made of. */
export interface EventFileOptions {
  /** Folder of the stage; made if missing. */
  readonly folder: string;
  /** Steps of the stage that are done: what lies behind them is dropped, and all of a stage that begins. */
  readonly step: number;
  /** The stage's records of metrics.jsonl up to this step. */
  readonly records: readonly MetricsRecord[];
  /** What stands at the beginning of a new file. */
  readonly header: readonly SummaryValue[];
}

const namePattern = /^events\.out\.tfevents\.(\d+)\./;
const sessionStart = 1;

/** Writes events; each is handed to the system at once, so that a reader sees it and a killed process loses none. */
export class EventWriter {
  readonly path: string;
  #file: number | null;

  /**
   * Continues the events in a folder. What is kept goes into a new file, because a TensorBoard that is running does not see that a
   * file became shorter. The one before is left empty, because it would wait forever for one that is gone; those before that are removed.
   */
  constructor({ folder, step, records, header }: EventFileOptions) {
    mkdirSync(folder, { recursive: true });
    const before = eventFiles(folder);
    const isBegun = before.length > 0 && step > 0; // else what lies there says nothing of this stage
    const kept = isBegun ? keptEvents(join(folder, before.at(-1)!), step) : [];
    const lastStep = Math.max(0, ...kept.filter(({ isScalars }) => isScalars).map((event) => event.step));
    const start = [
      frameRecord(encodeEvent(event(0, { fileVersion: 'brain.Event:2' }))),
      frameRecord(encodeEvent(event(0, { sessionLog: { status: sessionStart } }))),
    ];
    const first = kept.length > 0 || header.length === 0 ? [] : [frameRecord(encodeEvent(summaryEvent(0, header)))];
    const missing = records
      .filter((record) => record.step > lastStep)
      .map((record) => frameRecord(encodeEvent(summaryEvent(record.step, scalarsOf(record)))));
    this.path = join(folder, nameAfter(before.at(-1)));
    const content = Buffer.concat([...start, ...first, ...kept.map(({ bytes }) => bytes), ...missing]);
    writeFileAtomic(this.path, content);
    for (const name of readdirSync(folder)) {
      const other = join(folder, name);
      if (!namePattern.test(name) || other === this.path) continue;
      if (name === before.at(-1)) truncateSync(other);
      else rmSync(other, { force: true });
    }
    this.#file = openSync(this.path, 'a');
  }

  /** Appends the numbers of a record. */
  record(record: MetricsRecord): void {
    this.add(record.step, scalarsOf(record));
  }

  /** Appends values of one step. */
  add(step: number, values: readonly SummaryValue[]): void {
    if (this.#file === null) throw new RunError('RUN_CLOSED', `${this.path}: written to after it was closed.`);
    const bytes = frameRecord(encodeEvent(summaryEvent(step, values)));
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#file, bytes, written);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

function event(step: number, content: Omit<TensorBoardEvent, 'wallTime' | 'step'>): TensorBoardEvent {
  return { wallTime: Date.now() / 1000, step, ...content };
}

function summaryEvent(step: number, value: readonly SummaryValue[]): TensorBoardEvent {
  return event(step, { summary: { value } });
}

/** Names of the event files of a folder, in the order in which they were begun. */
export function eventFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => namePattern.test(name) && !name.endsWith('.tmp'))
    .sort();
}

/** The name of a file that is sorted behind `before`: readers go on with the last one. */
function nameAfter(before: string | undefined): string {
  const earlier = before === undefined ? 0 : Number(namePattern.exec(before)![1]);
  const seconds = Math.max(Math.floor(Date.now() / 1000), earlier + 1);
  return `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.0`;
}

/** A record of a file that is continued. */
interface KeptEvent {
  readonly bytes: Uint8Array;
  readonly step: number;
  readonly isScalars: boolean;
}

/** The summaries of a file up to a step; they end where a record is cut off, damaged or of a later step. */
function keptEvents(path: string, step: number): KeptEvent[] {
  const bytes = readFileSync(path);
  const kept: KeptEvent[] = [];
  let start = 0;
  for (const { data, end } of readRecords(bytes)) {
    const { step: ofEvent = 0, summary } = decodeEvent(data);
    if (ofEvent > step) break;
    const isScalars = summary?.value?.some(({ simpleValue }) => simpleValue !== undefined) ?? false;
    if (summary !== undefined) kept.push({ bytes: bytes.subarray(start, end), step: ofEvent, isScalars });
    start = end;
  }
  return kept;
}
