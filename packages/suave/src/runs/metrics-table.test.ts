import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../../tests/fixtures/image-folders.js';
import { type MetricsRecord, MetricsWriter } from './metrics.js';
import { MetricsTable } from './metrics-table.js';

it('the table has a column for every key, and a row for every record at any time', () => {
  const folder = temporaryFolder();
  const [jsonl, csv] = ['metrics.jsonl', 'metrics.csv'].map((name) => join(folder, name));
  const metrics = new MetricsWriter(jsonl, 0);
  const table = new MetricsTable(csv, jsonl);
  const append = (record: MetricsRecord): string[] => {
    metrics.append(record);
    table.append(record);
    return readFileSync(csv, 'utf8').split('\n');
  };
  expect(readFileSync(csv, 'utf8')).toBe('stage,step,epoch\n');
  expect(append({ stage: 'swav', step: 1, epoch: 0, loss: 2 })).toEqual(['stage,step,epoch,loss', 'swav,1,0,2', '']);
  append({ stage: 'swav', step: 2, epoch: 0, loss: Number.NaN });
  append({ stage: 'suave', step: 1, epoch: 0, note: 'a "b", c', val_top1: 0.5 });
  const rows = append({ stage: 'suave', step: 2, epoch: 1, loss: 1e-9 });
  expect(rows).toEqual([
    'stage,step,epoch,loss,note,val_top1',
    'swav,1,0,2,,',
    'swav,2,0,,,',
    'suave,1,0,,"a ""b"", c",0.5',
    'suave,2,1,1e-9,,',
    '',
  ]);
  table.close();
  metrics.close();
  const cut = new MetricsWriter(jsonl, 1);
  new MetricsTable(csv, jsonl).close();
  cut.close();
  expect(readFileSync(csv, 'utf8')).toBe('stage,step,epoch,loss\nswav,1,0,2\n');
});
