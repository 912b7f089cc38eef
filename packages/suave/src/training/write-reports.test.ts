import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { binaryFiles, cifarSet, writeFiles } from '../../../../tests/fixtures/cifar-files.js';
import { writeFile } from '../../../../tests/fixtures/image-folders.js';
import { reducedRecipe } from '../../../../tests/fixtures/reduced-recipe.js';
import { drawImageSet } from '../demo/draw-images.js';
import { collectReport } from '../report/index.js';
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

  it('show images of packed files and the views', async () => {
    const packed = writeFiles(join(root, 'packed'), binaryFiles(cifarSet('cifar10', ['cat', 'dog', 'eel'], 3)));
    const run = join(root, 'packed-run');
    const cache = join(root, 'cache');
    const config = reducedRecipe('suave-cifar10');
    const warnings: string[] = [];
    const result = await train({
      data: packed,
      out: run,
      recipe: writeFile(root, 'reduced.yaml', stringify(config)),
      overrides: [{ path: 'data.cache', value: cache, isText: false }],
      resume: false,
      baseline: false,
      threads: 1,
      events: { warning: (text) => warnings.push(text) },
    });
    expect(warnings.filter((text) => text.includes('report'))).toEqual([]);
    expect(result.report).toBe(join(run, 'report.html'));
    const data = await collectReport({ run, cache, workers: 0 });
    expect(data.score!.top1).toMatchObject({ value: result.top1, images: 9 });
    expect(data.classes!.map(({ name }) => name)).toEqual(['cat', 'dog', 'eel']);
    for (const { examples } of data.classes!) {
      expect(examples).toHaveLength(3);
      for (const { path, src } of examples) {
        expect(path).toMatch(/^val\/(cat|dog|eel)\/0000\d$/);
        expect(src).toMatch(/^data:image\/webp;base64,/);
      }
    }
    expect(data.views!.map(({ stage }) => stage)).toEqual(config.stages.map(({ name }) => name));
    expect(data.stages.map(({ name }) => name)).toEqual(config.stages.map(({ name }) => name));
  });
});
