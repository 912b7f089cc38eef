import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrainingEvents } from '../training/index.js';
import { type DemoOptions, runDemo } from './index.js';

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'suave-demo-'));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

/** A demo of seconds: few images, one short epoch. */
const short = (options: Partial<DemoOptions> = {}): DemoOptions => ({
  out,
  threads: 1,
  numTrain: 200,
  numVal: 50,
  overrides: Object.entries({
    epochs: 2,
    'baseline.epochs': 2,
    'baseline.stepsPerEpoch': 2,
    'data.cache': join(out, 'cache'),
  }).map(([path, value]) => ({ path, value, isText: false })),
  ...options,
});
const lines = (file: string): number => readFileSync(file, 'utf8').trim().split('\n').length;

describe('runDemo', () => {
  it('draws images, trains Suave and the baseline, and says what to try next', async () => {
    const result = await runDemo(short({ seed: 5 }));
    if (result.interrupted) throw new Error('expected a finished demo');
    const { json, text } = result;
    expect(json).toMatchObject({ seed: 5, classes: 10, images: 200, labeled_images: 30, val_images: 50 });
    for (const value of [json.suave_top1, json.supervised_top1]) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
      expect(text).toContain(`${(100 * value).toFixed(1)} %`);
    }
    expect(json.seconds).toBeGreaterThan(0);
    expect(text).toContain(`npx suave evaluate ${json.run} ${json.data}`);
    for (const run of [json.run, join(json.run, 'baseline')]) {
      for (const name of ['config.yaml', 'metrics.jsonl', 'checkpoints/last.safetensors']) {
        expect(existsSync(join(run, name)), join(run, name)).toBe(true);
      }
    }
    // the baseline has the 30 labels alone, in its own run folder
    expect(lines(join(json.run, 'splits', 'labeled.csv'))).toBe(31);
    expect(existsSync(`${json.data}.png`)).toBe(true);
  }, 120_000);

  it('continues an interrupted demo, and gives the one after a finished demo a folder of its own', async () => {
    const stop = new AbortController();
    const events: TrainingEvents = { epochEnded: () => stop.abort() };
    const first = await runDemo(short({ signal: stop.signal, events }));
    expect(first.interrupted).toBe(true);

    const notes: string[] = [];
    const second = await runDemo(short({ events: { note: (text) => notes.push(text) } }));
    if (second.interrupted) throw new Error('expected a finished demo');
    expect(second.json.run).toBe(join(out, 'run-1'));
    expect(notes[0]).toContain('drawn before');

    const third = await runDemo(short());
    if (third.interrupted) throw new Error('expected a finished demo');
    expect(third.json.run).toBe(join(out, 'run-1-2'));
    // interrupted and continued, or in one go: the same bits
    expect(third.json.suave_top1).toBe(second.json.suave_top1);
    expect(third.json.supervised_top1).toBe(second.json.supervised_top1);
  }, 120_000);
});
