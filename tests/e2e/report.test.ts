/** @file The report of a real run: numbers, files, and the page in a browser. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launchBrowser, watchPage, whyNoBrowser } from '../fixtures/browser.js';
import { imageFolder, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let run: string;
/** What `suave evaluate` says of the run. */
let evaluation: { top1: number; top5: number; loss: number; classes: Record<string, { top1: number }> };
let result: { report: string; top1: number; top5: number; baseline: { report: string; top1: number } };
const json = async (...args: string[]) => {
  const { status, stdout, stderr } = await place.run([...args, '--json']);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
};

beforeAll(async () => {
  const photos = await imageFolder(place, 'photos', 3, 20);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  result = await json('train', photos, '--recipe', recipe, '--out', run, '--threads', '1', '--baseline');
  evaluation = await json('evaluate', run);
});
afterAll(() => place.remove());

describe('the end of a training', () => {
  it('leaves a report of the run and of its baseline, and says where', () => {
    expect(result.report).toBe(join(run, 'report.html'));
    expect(result.baseline.report).toBe(join(run, 'baseline', 'report.html'));
    for (const file of [result.report, result.baseline.report]) expect(statSync(file).size).toBeGreaterThan(10_000);
    const { temperature, images, coverage } = JSON.parse(readFileSync(join(run, 'calibration.json'), 'utf8'));
    expect(temperature).toBeGreaterThan(0);
    expect(images).toBe(12);
    expect(coverage).toHaveLength(101);
  });

  it('makes the report of a finished run that has none, and keeps one that is there', async () => {
    const { mtimeMs } = statSync(result.baseline.report);
    rmSync(result.report);
    rmSync(join(run, 'calibration.json'));
    const { status, stdout } = await place.run(['train', place.path('photos'), '--out', run, '--resume']);
    expect(status).toBe(0);
    expect(stdout).toContain(`report: ${result.report}`);
    expect(existsSync(result.report)).toBe(true);
    expect(existsSync(join(run, 'calibration.json'))).toBe(true);
    expect(statSync(result.baseline.report).mtimeMs).toBe(mtimeMs);
  });

  it('does not fail because of a report that cannot be written', async () => {
    rmSync(result.report);
    mkdirSync(result.report);
    const { status, stdout, stderr } = await place.run(['train', place.path('photos'), '--out', run, '--resume']);
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: the report of run could not be written: .*suave report run tries again/);
    expect(stdout).not.toContain('report:');
    rmSync(result.report, { recursive: true });
  });
});

describe('suave report', () => {
  it('tells the numbers of evaluate and of train', async () => {
    const [report, best] = await Promise.all([
      json('report', run),
      json('evaluate', join(run, 'baseline'), '--checkpoint', 'best'),
    ]);
    expect(report.score.top1.value).toBe(evaluation.top1);
    expect(report.score.top5.value).toBe(evaluation.top5);
    expect(report.score.loss).toBe(evaluation.loss);
    expect(report.score.top1.value).toBe(result.top1);
    expect(report.baseline.top1.value).toBe(result.baseline.top1);
    expect(report.baseline.top1.value).toBe(best.top1);
    expect(report.gain.value).toBeCloseTo(result.top1 - result.baseline.top1, 12);
    for (const { name, top1, images } of report.classes) {
      expect({ top1: top1.value, images }).toEqual(evaluation.classes[name]);
    }
    expect(report.images).toEqual({ training: 48, labeled: 48, measured: 12 });
    expect(report.missing).toEqual({});
    expect(report.report).toBe(result.report);
    expect(existsSync(result.report)).toBe(true);
  });

  it('writes another file, of the best checkpoint', async () => {
    const [report, best] = await Promise.all([
      json('report', run, '--checkpoint', 'best', '--out', place.path('best.html')),
      json('evaluate', run, '--checkpoint', 'best'),
    ]);
    expect(report.score.top1.value).toBe(best.top1);
    expect(report.notes.join(' ')).toMatch(/best on these images: its accuracy is optimistic/);
    expect(existsSync(place.path('best.html'))).toBe(true);
  });

  it('refuses what it cannot use, and writes nothing', async () => {
    const before = place.entries();
    const refusals: [string[], RegExp][] = [
      [['report', place.path('nothing')], /no such run folder/],
      [['report', run, place.path('nothing')], /does not exist/],
      [['report', run, '--out', place.path('best.html')], /got something that exists/],
      [['report', run, '--out', place.path('no', 'a.html')], /expected a folder to write into/],
      [['report', run, '--checkpoint', 'first'], /expected last or best/],
    ];
    const outcomes = await Promise.all(refusals.map(([args]) => place.run(args)));
    for (const [i, { status, stderr, stdout }] of outcomes.entries()) {
      const [args, why] = refusals[i];
      expect(status, args.join(' ')).toBe(2);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(why);
      expect(stdout).toBe('');
    }
    expect(place.entries()).toEqual(before);
  });

  it('reports a run that was interrupted, and says so', async () => {
    const out = place.path('stopped');
    const running = place.start([
      'train',
      place.path('photos'),
      '--recipe',
      place.path('tiny.yaml'),
      '--out',
      out,
      '--threads',
      '1',
      '--epochs',
      '500',
    ]);
    await running.seen(/suave epoch 2:/);
    running.child.kill('SIGINT');
    expect((await running.done).status).toBe(130);
    expect(existsSync(join(out, 'report.html'))).toBe(false);
    const { status, stdout } = await place.run(['report', out]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/The run is not finished: its checkpoint is of epoch \d+ of 500 of stage suave \(2 of 2\)/);
    expect(stdout).toContain(`report: ${join(out, 'report.html')}`);
    expect(existsSync(join(out, 'calibration.json'))).toBe(false);
  });

  it.skipIf(chromiumPath === null)(`shows in a browser what evaluate measures${whyNoBrowser}`, async () => {
    writeFileSync(place.path('copy.html'), readFileSync(result.report));
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const problems = watchPage(page);
      await page.goto(pathToFileURL(place.path('copy.html')).href);
      const text = await page.locator('dl.tiles').first().textContent();
      const percent = (value: number) => `${(100 * value).toFixed(1)}\u00a0%`;
      expect(text).toContain(percent(evaluation.top1));
      expect(text).toContain(percent(result.baseline.top1));
      for (const [name, { top1 }] of Object.entries(evaluation.classes)) {
        const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
        expect(await row.first().textContent()).toContain(percent(top1));
      }
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
