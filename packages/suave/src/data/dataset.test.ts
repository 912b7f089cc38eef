import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveTensors, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import {
  temporaryFolder,
  testImage,
  testPixels,
  writeClassFolders,
  writeFile,
  writeImages,
} from '../../../../tests/fixtures/image-folders.js';
import {
  decodeImages,
  type ImageSet,
  listImageFiles,
  loadData,
  loadEvaluationData,
  readSplits,
  writeSplits,
} from './index.js';

const cache = temporaryFolder();
const load = { cacheSide: 20, cache, workers: 0 } as const;

/** Bytes of one image of a set. */
function pixelsOf(images: ImageSet, index: number): number[] {
  const set = images.read(() => null).window;
  const bytes = set.heights[index] * set.widths[index] * 3;
  return scope(() => [...(set.pixels.narrow(0, set.offsets[index], bytes).data() as Uint8Array)]);
}

async function classFolders(count = 10): Promise<string> {
  const data = temporaryFolder();
  await writeClassFolders(data, ['cat', 'dog'], count);
  return data;
}

describe('loading', () => {
  test('gives mapped pixels, labels, hidden labels and splits that agree', async () => {
    const data = await classFolders();
    writeFile(data, 'notes.txt', 'x');
    const loaded = await loadData({ data, seed: 4, labelsPerClass: 3, ...load });
    expect(loaded.classes).toEqual(['cat', 'dog']);
    expect([loaded.train.length, loaded.val?.length, loaded.valSource]).toEqual([16, 4, 'hold-out']);
    expect(loaded.labeledIndices).toHaveLength(6);
    for (let i = 0; i < loaded.train.length; i++) {
      const isCat = loaded.train.paths[i].startsWith('cat/');
      expect(loaded.hiddenLabels[i]).toBe(isCat ? 0 : 1);
      expect([-1, loaded.hiddenLabels[i]]).toContain(loaded.labels[i]);
      const number = Number(/(\d+)\.png/.exec(loaded.train.paths[i])?.[1]);
      expect(pixelsOf(loaded.train, i)).toEqual([...testPixels(12, 16, number + 1 + (isCat ? 0 : 10))]);
    }
    expect([...loaded.valLabels]).toEqual([0, 0, 1, 1]);
    expect(loaded.splits.labeled.map((row) => row.path)).toEqual(
      [...loaded.labeledIndices].map((index) => loaded.train.paths[index]),
    );
    const all = [...loaded.splits.labeled, ...loaded.splits.unlabeled, ...loaded.splits.val].map((row) => row.path);
    expect(new Set(all).size).toBe(20);
    expect(loaded.report.notes.join()).toMatch(/1 file\(s\) are not images and are left out: notes\.txt/);
    loaded.dispose();
  });

  test('the same seed gives the same data whatever the workers, and splits repeat a run', async () => {
    const data = await classFolders();
    const options = { data, seed: 4, labelFraction: 0.5, ...load };
    const first = await loadData(options);
    const folder = join(temporaryFolder(), 'splits');
    writeSplits(folder, first.splits);
    await writeImages(data, ['cat/later.png']);
    const repeated = await loadData({ data, seed: 99, splits: readSplits(folder), ...load, workers: 2 });
    expect(repeated.train.paths).toEqual(first.train.paths);
    expect(repeated.val?.paths).toEqual(first.val?.paths);
    expect([repeated.labels, repeated.hiddenLabels, repeated.valLabels]).toEqual([
      first.labels,
      first.hiddenLabels,
      first.valLabels,
    ]);
    expect([repeated.classes, repeated.valSource]).toEqual([first.classes, 'hold-out']);
    expect(repeated.report.notes.join()).toMatch(/1 image\(s\) are not in the splits/);
    first.dispose();
    repeated.dispose();
    rmSync(join(data, first.train.paths[0]));
    await expect(loadData({ data, seed: 4, splits: readSplits(folder), ...load })).rejects.toMatchObject({
      code: 'MISSING_IMAGES',
    });
    writeFileSync(join(data, first.train.paths[0]), 'no image');
    await expect(loadData({ data, seed: 4, splits: readSplits(folder), ...load })).rejects.toMatchObject({
      code: 'IMAGES_CHANGED',
    });
  });

  test('unreadable files are left out, counted and named; the labels are chosen among the others', async () => {
    const data = await classFolders(40);
    const half = (await testImage(30, 30).png().toBuffer()).subarray(0, 200);
    writeFile(data, 'cat/half.png', half);
    writeFile(data, 'dog/text.jpg', 'text');
    writeFile(data, 'dog/zero.webp', '');
    const { report, train, labeledIndices, val, dispose } = await loadData({
      data,
      seed: 0,
      labelsPerClass: 4,
      ...load,
    });
    expect(report.skipped.map((file) => file.path).sort()).toEqual(['cat/half.png', 'dog/text.jpg', 'dog/zero.webp']);
    expect(report.notes.join()).toMatch(/3 image\(s\) cannot be read and are left out: dog\/zero\.webp \(empty file/);
    expect([train.length, val?.length, labeledIndices.length]).toEqual([64, 16, 8]);
    dispose();
  });

  test('more than 5 % unreadable files is an error that names them', async () => {
    const data = await classFolders(9);
    writeFile(data, 'cat/bad.png', 'text');
    writeFile(data, 'dog/bad.png', 'text');
    await expect(loadData({ data, seed: 0, ...load })).rejects.toMatchObject({
      code: 'TOO_MANY_UNREADABLE',
      exitCode: 2,
      message: expect.stringMatching(/got 2 of 20: cat\/bad\.png \(not a JPEG, PNG or WebP image\), dog\/bad\.png/),
    });
  });

  test('a class that only had unreadable images is an error', async () => {
    const data = await classFolders(30);
    writeFile(data, 'owl/bad.png', 'text');
    await expect(loadData({ data, seed: 0, ...load })).rejects.toMatchObject({ code: 'EMPTY_CLASS' });
  });

  test('two classes of one image each, and a thousand classes', async () => {
    const two = await loadData({ data: await classFolders(1), seed: 0, ...load });
    expect([two.train.length, two.val, two.valSource]).toEqual([2, null, 'none']);
    expect(two.report.notes.join()).toMatch(/too few labeled images/);
    two.dispose();
    const many = temporaryFolder();
    const png = await testImage(4, 4).png().toBuffer();
    for (let c = 0; c < 1000; c++) for (const i of [0, 1]) writeFile(many, `class ${c}/${i}.png`, png);
    const loaded = await loadData({ data: many, seed: 0, labelsPerClass: 1, ...load });
    expect([loaded.classes.length, loaded.train.length, loaded.labeledIndices.length]).toEqual([1000, 1600, 1000]);
    expect(loaded.classes[10]).toBe('class 10');
    loaded.dispose();
  });

  test('sets own their mapping: nothing stays after dispose', async () => {
    const data = await classFolders();
    const before = liveTensors().count;
    const loaded = await loadData({ data, seed: 0, ...load });
    expect(liveTensors().count).toBe(before + 2);
    loaded.train.dispose();
    expect(pixelsOf(loaded.val as ImageSet, 0)).toHaveLength(12 * 16 * 3);
    loaded.val?.dispose();
    expect(liveTensors().count).toBe(before);
    await expect(loadData({ data, seed: 0, ...load, cacheSide: 0 })).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(loadData({ data, seed: 0, ...load, cache: temporaryFolder(), workers: -1 })).rejects.toThrow(
      /--workers/,
    );
  });
});

describe('data to measure on', () => {
  const classes = ['dog', 'cat'];

  test('is DATA/val if present, in the order of the model', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 2, 'train/');
    await writeClassFolders(data, ['cat', 'dog', 'eel'], 2, 'val/');
    const { images, labels, source, notes } = await loadEvaluationData({ data, classes, ...load });
    expect([source, ...images.paths]).toEqual([
      'val',
      'val/cat/0.png',
      'val/cat/1.png',
      'val/dog/0.png',
      'val/dog/1.png',
    ]);
    expect([...labels]).toEqual([1, 1, 0, 0]);
    expect(notes).toEqual(['2 image(s) are not measured: the model does not know eel.']);
    images.dispose();
  });

  test("else, on the run's own data, its hold-out", async () => {
    const data = await classFolders();
    const loaded = await loadData({ data, seed: 1, ...load });
    const { images, labels, source } = await loadEvaluationData({ data, classes, splits: loaded.splits, ...load });
    expect(source).toBe('hold-out');
    expect(images.paths).toEqual(loaded.val?.paths);
    expect([...labels]).toEqual([...loaded.valLabels].map((label) => 1 - label));
    images.dispose();
    loaded.dispose();
  });

  test('else every image in a class folder', async () => {
    const data = await classFolders(2);
    await writeImages(data, ['stray.png', 'unlabeled/x.png']);
    const { images, labels, source, notes } = await loadEvaluationData({ data, classes, ...load });
    expect([source, ...labels]).toEqual(['all', 1, 1, 0, 0]);
    expect(notes).toEqual(['2 image(s) are not measured: their class is unknown.']);
    images.dispose();
    await expect(loadEvaluationData({ data, classes: ['a', 'b'], ...load })).rejects.toMatchObject({
      code: 'UNKNOWN_CLASS',
      message: expect.stringMatching(/like the model's classes \(a, b\).*got folders cat, dog/),
    });
  });
});

describe('files to predict', () => {
  test('are decoded in order, those that cannot be read are named', async () => {
    const folder = temporaryFolder();
    await writeImages(folder, ['10.png', '2.png', 'deep/1.jpg'], 30, 40);
    writeFile(folder, '3.png', 'text');
    writeFile(folder, 'zero.png', '');
    const { paths, skipped } = listImageFiles([folder, join(folder, '10.png')]);
    expect(paths.map((path) => path.slice(folder.length + 1))).toEqual([
      '2.png',
      '3.png',
      '10.png',
      'deep/1.jpg',
      '10.png',
    ]);
    expect(skipped).toEqual([{ path: join(folder, 'zero.png'), reason: 'empty file (0 bytes)' }]);
    for (const workers of [0, 1]) {
      const decoded = await decodeImages(paths, { cacheSide: 15, exifOrientation: 'apply' }, { workers });
      expect(decoded.images.paths).toEqual([paths[0], paths[2], paths[3], paths[4]]);
      expect(decoded.skipped).toEqual([{ path: paths[1], reason: 'not a JPEG, PNG or WebP image' }]);
      expect([...decoded.images.widths]).toEqual([20, 20, 20, 20]);
      expect(pixelsOf(decoded.images, 1)).toEqual(pixelsOf(decoded.images, 3));
      decoded.images.dispose();
    }
  });

  test('must exist and be images', () => {
    const folder = temporaryFolder();
    expect(() => listImageFiles([join(folder, 'no.png')])).toThrow(/no\.png", which does not exist/);
    expect(() => listImageFiles([writeFile(folder, 'a.txt', 'x')])).toThrow(/expected a JPEG, PNG or WebP image/);
    expect(() => listImageFiles([folder])).toThrow(/got none/);
  });
});
