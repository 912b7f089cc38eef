import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors } from '@suave/torch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CraftedRun, craftRun } from '../../../../tests/fixtures/crafted-run.js';
import { Classifier, evaluate, evaluateProtocol, predict } from '../evaluation/index.js';
import { readCalibration, runPaths } from '../runs/index.js';
import { collectReport, reportNumbers, writeReport } from './index.js';
import type { ReportData } from './report-data.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'suave-report-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const five = ['ant', 'bee', 'cat', 'dog', 'eel'];
const craft = (options: Partial<CraftedRun> = {}) => craftRun(root, { classes: five, images: 60, ...options });
/** Every third image is of the class after the one that the network says. */
const sometimesWrong = (predicted: number, image: number): number =>
  (predicted + (image % 3 === 0 ? 1 : 0)) % five.length;
const workless = { workers: 0, cache: null } as const;
const report = (run: string): Promise<ReportData> => collectReport({ run, ...workless });
const timeless = ({ written: _, ...data }: ReportData) => data;

describe('collectReport', () => {
  it('says of every image what predict and evaluate say', async () => {
    const { run, data } = await craft({ truth: sometimesWrong, extra: 2 });
    const found = await report(run);
    const { evaluation } = await evaluate({ model: run, data: null, workers: 0 });
    expect(found.score!.top1).toMatchObject({ value: evaluation.top1, images: 60 });
    expect(found.score!.top5.value).toBe(evaluation.top5);
    expect(found.score!.loss).toBe(evaluation.loss);
    expect(evaluation.top1).toBeCloseTo(40 / 60, 12);

    const classifier = Classifier.load(run);
    const said: { confidence: number; predicted: string }[] = [];
    const rows = readFileSync(runPaths(run).split('val'), 'utf8').trim().split('\n').slice(1);
    const truth = new Map(rows.map((row) => row.split(',') as [string, string]));
    const paths = [...truth.keys()];
    await predict(
      classifier,
      paths.map((path) => join(data, path)),
      {
        top: 1,
        workers: 0,
        onPrediction: ({ top: [best] }) => said.push({ confidence: best.probability, predicted: best.class }),
        onSkipped: () => {},
      },
    );
    classifier.dispose();
    const isRight = (i: number): boolean => truth.get(paths[i]) === said[i].predicted;
    for (const row of found.classes!) {
      const own = paths.map((_, i) => i).filter((i) => truth.get(paths[i]) === row.name);
      const told = paths.map((_, i) => i).filter((i) => said[i].predicted === row.name);
      expect(row.images).toBe(own.length);
      expect(row.top1?.value ?? null).toBe(own.length === 0 ? null : own.filter(isRight).length / own.length);
      expect(row.precision).toBe(told.length === 0 ? null : told.filter(isRight).length / told.length);
      expect(row.labeled).toBe(1);
    }
    for (const cell of found.confusion!) {
      const count = paths.filter(
        (path, i) => truth.get(path) === five[cell.truth] && said[i].predicted === five[cell.predicted],
      ).length;
      expect(cell.images).toBe(count);
    }
    expect(found.confusion!.reduce((sum, cell) => sum + cell.images, 0)).toBe(60);

    const wrong = said.filter((_, i) => !isRight(i)).map(({ confidence }) => confidence);
    expect(found.mistakes).toHaveLength(20);
    expect(found.mistakes!.map(({ confidence }) => confidence)).toEqual(
      wrong.sort((a, b) => b - a).map((confidence) => expect.closeTo(confidence, 5)),
    );
    for (const { threshold, coverage, accuracy } of found.coverage!.filter((_, i) => i % 20 === 0)) {
      const answered = said.map((_, i) => i).filter((i) => said[i].confidence >= threshold);
      expect(coverage).toBe(answered.length / 60);
      expect(accuracy).toBe(answered.length === 0 ? null : answered.filter(isRight).length / answered.length);
    }
    expect(found.prototypes!.wins).toHaveLength(7);
    expect(found.prototypes!.wins.reduce((sum, count) => sum + count)).toBe(60);
    expect(found.prototypes!.names).toEqual(five);
    expect(found.calibration!.temperature).toBe(0.1);
    expect(found.map!.points).toHaveLength(60);
    expect(found.map!.prototypes).toHaveLength(7);
    const pictures = [...found.map!.thumbnails, ...found.mistakes!.map(({ image }) => image)];
    for (const picture of pictures) if (picture !== null) expect(picture.src).toMatch(/^data:image\/webp;base64,/);
  });

  it('is the same for the same run but for the time of writing, and leaves no tensor behind', async () => {
    const { run } = await craft({ truth: sometimesWrong });
    const first = await report(run);
    const before = liveTensors();
    expect(timeless(await report(run))).toEqual(timeless(first));
    expect(liveTensors()).toEqual(before);
  });

  it('reports a run without a hold-out', async () => {
    const { run } = await craft({ images: 0 });
    const found = await report(run);
    expect(found.score).toBeNull();
    expect(found.map).toBeNull();
    expect(found.missing.score).toBe('The run has no held-out images: all of them were trained on.');
    expect(found.curves[0].curves[0].points).toHaveLength(3);
    expect(found.recipe.map(({ title }) => title)).toContain('Stage suave');
    await expect(writeReport({ run, ...workless })).resolves.toMatchObject({ file: runPaths(run).report });
    expect(existsSync(runPaths(run).calibration)).toBe(false);
  });

  it('reports one class', async () => {
    const { run } = await craft({ classes: ['thing'], images: 9 });
    const found = await report(run);
    expect(found.score!.top1).toMatchObject({ value: 1, images: 9 });
    expect(found.score!.loss).toBeCloseTo(0, 12);
    expect(found.calibration).toBeNull();
    expect(found.missing.calibration).toMatch(/one class/);
    expect(found.mistakes).toEqual([]);
    expect(found.prototypes!.effective).toBe(1);
  });

  it('reports a network that is always wrong', async () => {
    const { run } = await craft({ truth: (predicted) => (predicted + 1) % five.length });
    const { score, mistakes, classes, calibration, coverage } = await report(run);
    expect(score!.top1).toMatchObject({ value: 0, low: 0 });
    expect(mistakes).toHaveLength(24);
    for (const { top1, images } of classes!) expect(top1?.value).toBe(images === 0 ? undefined : 0);
    expect(calibration!.ece).toBeGreaterThan(0);
    expect(coverage![0].accuracy).toBe(0);
  });

  it('measures the images that are left, and says how many are gone', async () => {
    const { run, data } = await craft({ truth: sometimesWrong });
    for (const i of [3, 6, 7]) rmSync(join(data, `${i}.png`));
    const found = await report(run);
    expect(found.images.measured).toBe(57);
    expect(found.score!.top1.images).toBe(57);
    expect(found.notes).toContain('3 of 60 held-out images are gone since the run; the others are measured.');
    rmSync(data, { recursive: true });
    const without = await report(run);
    expect(without.score).toBeNull();
    expect(without.missing.score).toMatch(/which is not there/);
    expect(without.missing.confusion).toBe(without.missing.score);
    expect(without.curves.length).toBeGreaterThan(0);
  });

  it('reports clusters without classes', async () => {
    const { run } = await craft({ withoutClasses: true, extra: 7 });
    const found = await collectReport({ run, workers: 0, cache: join(root, 'cache') });
    const { evaluation } = await evaluateProtocol({
      model: run,
      data: null,
      protocol: 'knn',
      cache: join(root, 'cache'),
    });
    expect(found.summary).toMatch(/^SwAV learned from 6 images, without their labels\./);
    expect(found.summary).toContain(`nearest labeled images tell ${(100 * evaluation.top1).toFixed(1)} % of 60`);
    expect(found.method).toBe('SwAV');
    expect(found.score).toBeNull();
    expect(found.missing.score).toMatch(/learns without classes/);
    expect(found.prototypes!.wins).toHaveLength(12);
    expect(found.prototypes!.names).toEqual([]);
    expect(found.map!.names).toEqual(five);
    expect(found.map!.predicted).toBeNull();
    expect(found.images.measured).toBe(60);
  });

  it('reports a run under way, and says so', async () => {
    const { run } = await craft({ metadata: { finished: false, probabilityTemperature: 0.2 } });
    const found = await report(run);
    expect(found.notes[0]).toMatch(/not finished: its checkpoint is of epoch 1 of \d+ of stage suave \(1 of 1\)/);
    expect(found.calibration!.temperature).not.toBe(0.2);
    expect(found.notes[1]).toMatch(/no temperature was fitted yet/);
    await writeReport({ run, ...workless });
    expect(existsSync(runPaths(run).calibration)).toBe(false);
    rmSync(runPaths(run).last);
    const nothing = await report(run);
    expect(nothing.notes).toEqual(['The run has no checkpoint yet.']);
    expect(nothing.missing.map).toBe('The run has no checkpoint yet.');
    rmSync(runPaths(run).metrics);
    expect((await report(run)).missing.curves).toMatch(/no metrics/);
  });

  it('measures only held-out images where the data have moved and some are gone', async () => {
    const { run, data } = await craft({ truth: sometimesWrong });
    const moved = join(root, 'moved');
    renameSync(data, moved);
    rmSync(join(moved, '3.png'));
    const found = await collectReport({ run, data: moved, ...workless });
    expect(found.source).toBe('hold-out');
    expect(found.images.measured).toBe(59);
    expect(found.notes).toContain('1 of 60 held-out images are gone since the run; the others are measured.');
    for (let i = 0; i < 40; i++) rmSync(join(moved, `${i}.png`), { force: true });
    for (const i of five.keys()) cpSync(join(moved, '40.png'), join(moved, `labeled-${i}.png`));
    expect((await collectReport({ run, data: moved, ...workless })).images.measured).toBe(20);
    for (let i = 40; i < 60; i++) rmSync(join(moved, `${i}.png`));
    await expect(collectReport({ run, data: moved, ...workless })).rejects.toMatchObject({ code: 'MISSING_IMAGES' });
  });

  it('says of other data what predict says there, and keeps the calibration of the run', async () => {
    const best = { top1: 0.9, top5: 1, loss: 1, epoch: 1 };
    const { run, data } = await craft({ truth: sometimesWrong, metadata: { probabilityTemperature: 0.2, best } });
    const { calibration } = runPaths(run);
    await writeReport({ run, ...workless });
    const own = readFileSync(calibration, 'utf8');

    const other = join(root, 'other');
    for (const [i, name] of five.entries()) {
      mkdirSync(join(other, 'val', name), { recursive: true });
      for (let k = 0; k < 4; k++) cpSync(join(data, `${4 * i + k}.png`), join(other, 'val', name, `new-${k}.png`));
    }
    const { data: found } = await writeReport({ run, data: other, ...workless });
    expect(found.source).toBe('folder');
    expect(found.summary).toContain('of 20 images are told right');
    expect(found.notes).toEqual([
      'The probabilities are not calibrated: no temperature was fitted, because no images were held out.',
    ]);
    expect(readFileSync(calibration, 'utf8')).toBe(own);

    const { temperature, ece, eceBefore } = found.calibration!;
    expect([temperature, ece]).toEqual([0.2, eceBefore]);
    const classifier = Classifier.load(run);
    const confidences: number[] = [];
    await predict(
      classifier,
      found.map!.thumbnails.map((image) => join(other, image!.path)),
      {
        top: 1,
        workers: 0,
        onPrediction: ({ top: [best] }) => confidences.push(best.probability),
        onSkipped: () => {},
      },
    );
    classifier.dispose();
    for (const { threshold, coverage } of found.coverage!) {
      expect(coverage).toBe(confidences.filter((confidence) => confidence >= threshold).length / 20);
    }
  });

  it('measures another folder where one is named, and refuses one that is not there', async () => {
    const { run } = await craft();
    await expect(collectReport({ run, data: join(root, 'nothing'), ...workless })).rejects.toThrow(/nothing/);
    await expect(collectReport({ run, checkpoint: 'best', ...workless })).rejects.toThrow(/no checkpoint "best"/);
    await expect(report(join(root, 'nothing'))).rejects.toMatchObject({ code: 'RUN_MISSING' });
    writeFileSync(runPaths(run).config, 'a: 1\n');
    await expect(report(run)).rejects.toMatchObject({ code: 'CONFIG_DAMAGED' });
  });
});

describe('writeReport', () => {
  it('leaves a page, and the calibration of a finished run', async () => {
    const { run } = await craft({ truth: sometimesWrong });
    const paths = runPaths(run);
    const { file, data } = await writeReport({ run, ...workless });
    expect(file).toBe(paths.report);
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/i);
    const { temperature, ece } = data.calibration!;
    expect(readCalibration(paths.calibration)).toEqual({ temperature, ece, images: 60, coverage: data.coverage });
    expect(readdirSync(run).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await expect(writeReport({ run, out: file, ...workless })).rejects.toThrow(/got something that exists/);
    await expect(writeReport({ run, out: join(root, 'no', 'a.html'), ...workless })).rejects.toThrow(/Create it/);
    await expect(writeReport({ run, out: '', ...workless })).rejects.toThrow(/name of a new file/);
  });

  it('stays small and quick with 1,000 classes and fewer images', async () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const { run } = await craft({ classes, images: 250, truth: (_, image) => (image * 7) % 1000 });
    const written = await writeReport({ run, ...workless });
    const { data } = written;
    expect(data.classes).toHaveLength(1000);
    expect(data.confusion!.reduce((sum, { images }) => sum + images, 0)).toBe(250);
    expect(data.map!.prototypes.length).toBeLessThanOrEqual(100);
    expect(statSync(written.file).size).toBeLessThan(4 * 2 ** 20);
    const pictures = new Set(JSON.stringify(data).match(/data:image\/webp[^"]+/g));
    expect(pictures.size).toBeLessThanOrEqual(300);
    expect(JSON.stringify(reportNumbers(written))).not.toContain('data:image');
  });
});
