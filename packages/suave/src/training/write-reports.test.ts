import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawImageSet } from '../demo/draw-images.js';
import { type TrainingEvents, train } from './index.js';

const root = mkdtempSync(join(tmpdir(), 'suave-reports-'));
const data = join(root, 'images');
const out = join(root, 'run');
beforeAll(() => drawImageSet(data, { seed: 1, size: 32, numTrain: 100, numVal: 30 }));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const start = (resume: boolean, events: TrainingEvents, signal: AbortSignal | null = null) =>
  train({
    data,
    out,
    recipe: 'suave-demo',
    overrides: Object.entries({
      epochs: 1,
      'data.labelsPerClass': 2,
      'baseline.epochs': 1,
      'baseline.stepsPerEpoch': 2,
      'data.cache': join(root, 'cache'),
      'data.workers': 0,
    }).map(([path, value]) => ({ path, value, isText: false })),
    resume,
    baseline: true,
    threads: 1,
    signal,
    events,
  });
const pages = (): string[] =>
  readdirSync(out, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.html') || name.endsWith('.tmp'))
    .sort();

describe('the reports of a training', () => {
  it('can be interrupted, and are made when the finished run is resumed', async () => {
    const stop = new AbortController();
    const seen = new Set<string>();
    const progress = (what: string): void => {
      seen.add(what);
      if (what === 'report: map') stop.abort();
    };
    const stopped = await start(false, { progress }, stop.signal);
    expect(seen).toContain('report: measuring held-out images');
    expect(stopped).toMatchObject({ interrupted: true, report: null, baseline: { report: null, interrupted: false } });
    expect(stopped.top1).not.toBeNull();
    expect(pages()).toEqual([]);

    const resumed = await start(true, {});
    expect(resumed).toMatchObject({ interrupted: false, alreadyFinished: true, top1: stopped.top1 });
    expect(resumed.report).toBe(join(out, 'report.html'));
    expect(resumed.baseline?.report).toBe(join(out, 'baseline', 'report.html'));
    expect(pages()).toEqual(['baseline/report.html', 'report.html']);
    expect(existsSync(join(out, 'calibration.json'))).toBe(true);
  });

  it('say of the baseline what the training says', async () => {
    const again = await start(true, {});
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    expect(page).toContain(`${(100 * again.baseline!.top1!).toFixed(1)}\u00a0%`);
  });
});
