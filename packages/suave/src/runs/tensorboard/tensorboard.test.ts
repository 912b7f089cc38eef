import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, readEventFile } from '../../../../../tests/fixtures/event-file.js';
import { temporaryFolder } from '../../../../../tests/fixtures/image-folders.js';
import type { MetricsRecord } from '../metrics.js';
import {
  EventWriter,
  eventFiles,
  frameRecord,
  histogramSummary,
  readRecords,
  scalarTag,
  textSummary,
} from './index.js';

const record = (step: number, numbers: Record<string, number | null> = { loss: step / 2 }): MetricsRecord => ({
  ...{ stage: 'suave', step, epoch: 0 },
  ...numbers,
});
const header = [textSummary('config', 'seed: 1')];
const open = (folder: string, step = 0, records: MetricsRecord[] = []) =>
  new EventWriter({ folder, step, records, header });
/** Steps and values of a tag in the last file of a folder; at most one stands before it, and it is empty. */
function curve(folder: string, tag: string): [number, number][] {
  const files = eventFiles(folder).map((name) => join(folder, name));
  expect(files.slice(0, -1).map((file) => statSync(file).size)).toEqual(files.length > 1 ? [0] : []);
  return readEventFile(files.at(-1)!)
    .filter(({ scalars }) => tag in scalars)
    .map(({ step, scalars }) => [step, scalars[tag]]);
}

describe('records', () => {
  it('are framed as TensorFlow frames them', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283); // the check value of CRC-32C
    const empty = Buffer.from(frameRecord(new Uint8Array())).toString('hex');
    expect(empty).toBe('000000000000000029039807d8ea82a2');
  });

  it('of any bytes are read again; what is cut off or changed ends the reading', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.nat(), (all, at) => {
        const bytes = Buffer.concat(all.map(frameRecord));
        expect([...readRecords(bytes)].map(({ data }) => [...data])).toEqual(all.map((data) => [...data]));
        if (bytes.length === 0) return;
        const place = at % bytes.length;
        const whole = [...readRecords(bytes)].filter(({ end }) => end <= place).length;
        expect([...readRecords(bytes.subarray(0, place))]).toHaveLength(whole);
        const changed = Buffer.from(bytes);
        changed[place] ^= 1;
        expect([...readRecords(changed)]).toHaveLength(whole);
      }),
      { numRuns: 100 },
    );
  });
});

describe('an event file', () => {
  it('holds its version, what it begins with, and every number under its group', () => {
    const folder = temporaryFolder();
    const writer = open(folder);
    writer.record(record(5, { loss: 1.5, loss_labeled: null, val_top1: 0.25, lr: 0, prototypes_used: 3 }));
    writer.close();
    const before = Date.now() / 1000;
    const [version, session, first, numbers] = readEventFile(writer.path);
    expect(version.fileVersion).toBe('brain.Event:2');
    expect(session.sessionStatus).toBe(1);
    expect(first.texts).toEqual({ config: 'seed: 1' });
    expect(Math.abs(numbers.wallTime - before)).toBeLessThan(600);
    expect([numbers.step, numbers.scalars]).toEqual([
      5,
      {
        ...{ 'other/epoch': 0, 'loss/total': 1.5, 'loss/labeled': Number.NaN, 'accuracy/val_top1': 0.25 },
        ...{ 'rate/lr': 0, 'assignments/prototypes_used': 3 },
      },
    ]);
    expect(() => writer.record(record(6))).toThrow(/after it was closed/);
  });

  it('is cut to the steps that are done, and continued in a file of a later name', () => {
    const folder = temporaryFolder();
    const writer = open(folder);
    for (const step of [2, 4, 6, 8]) writer.record(record(step));
    writer.close();
    const name = eventFiles(folder)[0];
    const again = open(folder, 5, [record(2), record(4)]);
    again.record(record(6, { loss: 7 }));
    again.close();
    expect(curve(folder, 'loss/total')).toEqual([
      [2, 1],
      [4, 2],
      [6, 7],
    ]);
    expect(eventFiles(folder)).toEqual([name, basename(again.path)]);
    expect(readEventFile(again.path).filter(({ texts }) => 'config' in texts)).toHaveLength(1);
  });

  it('of a stage that begins holds nothing that an earlier run left in its folder', () => {
    const folder = temporaryFolder();
    const earlier = open(folder);
    earlier.record(record(2));
    earlier.close();
    const writer = new EventWriter({ folder, step: 0, records: [], header: [textSummary('config', 'seed: 2')] });
    writer.close();
    expect(readEventFile(writer.path).flatMap(({ texts }) => Object.values(texts))).toEqual(['seed: 2']);
    expect(curve(folder, 'loss/total')).toEqual([]);
  });

  it('gets what it lacks from metrics.jsonl: a cut record, a damaged one, a missing file', () => {
    const folder = temporaryFolder();
    const records = [2, 4, 6].map((step) => record(step));
    const all = [1, 2, 3].map((value) => [2 * value, value]);
    const writer = open(folder);
    for (const each of records) writer.record(each);
    writer.close();
    appendFileSync(writer.path, Buffer.from([40, 0, 0]));
    open(folder, 6, records).close();
    expect(curve(folder, 'loss/total')).toEqual(all);
    const file = join(folder, eventFiles(folder).at(-1)!);
    const bytes = readFileSync(file);
    bytes[bytes.length - 60] ^= 255;
    writeFileSync(file, bytes);
    open(folder, 6, records).close();
    expect(curve(folder, 'loss/total')).toEqual(all);
    const other = temporaryFolder();
    open(other, 6, records).close();
    expect(curve(other, 'loss/total')).toEqual(all);
    expect(readdirSync(other)).toHaveLength(1);
  });
});

describe('a histogram', () => {
  it('counts every finite value in buckets that cover all of them', () => {
    const numbers = fc.array(
      fc.oneof(
        fc.double({ min: -1e6, max: 1e6 }).map((value) => value + 0),
        fc.constant(Number.NaN),
      ),
      { maxLength: 50 },
    );
    fc.assert(
      fc.property(numbers, (values) => {
        const { histo } = histogramSummary('weights', Float64Array.from(values));
        const finite = values.filter(Number.isFinite);
        expect(histo!.num).toBe(finite.length);
        expect(histo!.bucket.reduce((sum, count) => sum + count, 0)).toBe(finite.length);
        expect(histo!.bucketLimit).toHaveLength(histo!.bucket.length);
        if (finite.length === 0) return;
        expect([histo!.min, histo!.max]).toEqual([Math.min(...finite), Math.max(...finite)]);
        expect(histo!.bucketLimit.at(-1)).toBe(histo!.max);
      }),
      { numRuns: 100 },
    );
  });
});

it('tags group what belongs together', () => {
  const keys = ['loss', 'loss_mixed', 'val_loss', 'val_top5', 'online_top1_0', 'momentum_encoder', 'seconds'];
  expect(keys.map(scalarTag)).toEqual([
    ...['loss/total', 'loss/mixed', 'loss/val', 'accuracy/val_top5', 'accuracy/online_top1_0'],
    ...['rate/momentum_encoder', 'other/seconds'],
  ]);
});
