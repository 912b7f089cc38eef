import { readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveTensors, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, testImage, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { medianGrowth } from '../../../../tests/fixtures/memory-trend.js';
import type { BatchIndices, ImageSet, PixelReader } from './image-set.js';
import { loadData, loadEvaluationData } from './index.js';

/** Sixty images of two classes, three formats and many sizes, some of them lying on their side. */
async function mixedData(): Promise<string> {
  const data = join(temporaryFolder(), 'data');
  for (let i = 0; i < 60; i++) {
    const image = testImage(20 + (i % 7) * 9, 16 + (i % 5) * 13, i);
    const bytes =
      i % 3 === 0
        ? image.png()
        : i % 3 === 1
          ? image.jpeg().withMetadata({ orientation: 1 + (i % 8) })
          : image.webp({ lossless: i % 2 === 0 });
    const ending = ['png', 'jpg', 'webp'][i % 3];
    writeFile(data, `${i % 2 === 0 ? 'cat' : 'dog'}/${i}.${ending}`, await bytes.toBuffer());
  }
  return data;
}

function load(data: string, cacheSide: number | 'none', more: { workers?: number; aheadMiB?: number } = {}) {
  return loadData({
    data,
    seed: 1,
    labelsPerClass: 5,
    holdout: 0.2,
    cache: cacheOf(data),
    workers: 0,
    cacheSide,
    ...more,
  });
}

const cacheOf = (data: string) => join(data, '..', 'cache');

/** A side that no image has: everything is cached at full size. */
const fullSize = 4096;

/** Bytes of images that are there. */
function bytesOf({ window }: PixelReader, indices: Iterable<number>): string[] {
  const { pixels, offsets, heights, widths } = window;
  return scope(() =>
    Array.from(indices, (i) => {
      const bytes = pixels.narrow(0, offsets[i], heights[i] * widths[i] * 3).data() as Uint8Array;
      return `${heights[i]}x${widths[i]} ${Buffer.from(bytes).toString('base64')}`;
    }),
  );
}

async function allBytes(set: ImageSet, batches: BatchIndices): Promise<string[][]> {
  const reader = set.read(batches);
  const all: string[][] = [];
  try {
    for (let batch = 0; ; batch++) {
      const indices = batches(batch);
      if (indices === null) return all;
      await reader.prepare(batch);
      all.push(bytesOf(reader, indices));
    }
  } finally {
    reader.close();
  }
}

/** Eleven batches with images that come twice and in several batches. */
const batchesOf =
  (set: ImageSet): BatchIndices =>
  (batch) =>
    batch < 11 ? Int32Array.from({ length: 9 }, (_, i) => (batch * 5 + 7 * (i % 8)) % set.length) : null;

describe('a stream of images', () => {
  test.each([0, 1, 3])('has the sizes and bytes of the cache of full-size images with %i workers', async (workers) => {
    const data = await mixedData();
    const cached = await load(data, fullSize);
    const streamed = await load(data, 'none', { workers });
    expect(streamed.train.paths).toEqual(cached.train.paths);
    expect([streamed.labels, streamed.splits]).toEqual([cached.labels, cached.splits]);
    for (const [own, other] of [
      [streamed.train, cached.train],
      [streamed.val!, cached.val!],
    ]) {
      expect([own.heights, own.widths]).toEqual([other.heights, other.widths]);
      expect(await allBytes(own, batchesOf(own))).toEqual(await allBytes(other, batchesOf(own)));
    }
    const evaluated = await loadEvaluationData({
      ...{ data, classes: ['cat', 'dog'], cacheSide: 'none', cache: cacheOf(data), workers },
    });
    expect(evaluated.images.length).toBe(60);
    const files = readdirSync(cacheOf(data)).map((name) => ({ name, bytes: statSync(join(cacheOf(data), name)).size }));
    const sizes = files.filter(({ name }) => name.endsWith('.sizes'));
    expect([files.length, sizes.length]).toEqual([2, 1]);
    expect(sizes[0].bytes).toBeLessThan(60 * 100);
    for (const loaded of [cached, streamed]) loaded.dispose();
  });

  test('measures a file once, and again when it has changed', async () => {
    const data = await mixedData();
    const first = await load(data, 'none');
    expect(first.report.cache).toMatchObject({ numDecoded: 60, numReused: 0 });
    writeFile(data, 'cat/0.png', await testImage(31, 33).png().toBuffer());
    const again = await load(data, 'none');
    expect(again.report.cache).toMatchObject({ numDecoded: 1, numReused: 59 });
    const sets = [again.train, again.val!].filter((set) => set.paths.includes('cat/0.png'));
    expect(sets).toHaveLength(1);
    const at = sets[0].paths.indexOf('cat/0.png');
    expect([sets[0].heights[at], sets[0].widths[at]]).toEqual([31, 33]);
  });

  test('obeys the orientation of photos only where asked to', async () => {
    const data = join(temporaryFolder(), 'data');
    for (const path of ['a/0.jpg', 'a/1.jpg', 'b/0.jpg', 'b/1.jpg']) {
      const photo = testImage(20, 30).jpeg().withMetadata({ orientation: 6 });
      writeFile(data, path, await photo.toBuffer());
    }
    for (const [exifOrientation, height] of [
      ['apply', 30],
      ['ignore', 20],
    ] as const) {
      const loaded = await loadData({
        ...{ data, seed: 0, holdout: 0.01, cacheSide: 'none', cache: cacheOf(data), workers: 0, exifOrientation },
      });
      expect([...loaded.train.heights]).toEqual([height, height, height, height]);
      await allBytes(loaded.train, (batch) => (batch === 0 ? Int32Array.of(0, 1, 2, 3) : null));
    }
  });

  test('leaves out what cannot be read, as the cache does, with the same reasons', async () => {
    const data = await mixedData();
    writeFile(data, 'cat/damaged.jpg', 'damaged');
    writeFile(data, 'dog/cut.jpg', (await testImage(60, 50).jpeg().toBuffer()).subarray(0, 900));
    writeFile(data, 'dog/cut.png', (await testImage(60, 50).png().toBuffer()).subarray(0, -20));
    writeFile(data, 'dog/longer.jpg', Buffer.concat([await testImage(30, 20).jpeg().toBuffer(), Buffer.alloc(9)]));
    const cached = await load(data, fullSize);
    const streamed = await load(data, 'none', { workers: 1 });
    expect(streamed.report.skipped).toHaveLength(3);
    const reasons = (report: typeof cached.report) =>
      report.skipped.map(({ path, reason }) => [path, reason.slice(0, 20)]);
    expect(reasons(streamed.report)).toEqual(reasons(cached.report));
    expect(streamed.train.paths).toEqual(cached.train.paths);
    cached.dispose();
    writeFile(data, 'cat/other.jpg', 'damaged');
    await expect(load(data, 'none')).rejects.toMatchObject({ code: 'TOO_MANY_UNREADABLE' });
  });

  test.each([0, 2])('names a file that was changed or removed meanwhile, with %i workers', async (workers) => {
    const data = await mixedData();
    const { train } = await load(data, 'none', { workers });
    const batches: BatchIndices = (batch) => (batch < train.length ? Int32Array.of(batch) : null);
    const spoil = [
      (file: string) => rmSync(file),
      (file: string) => utimesSync(file, 1, 1),
      (file: string) => truncateSync(file, 40),
    ];
    const reader = train.read(batches);
    for (const [i, change] of spoil.entries()) {
      const file = join(data, train.paths[10 * (i + 1)]);
      change(file);
      await reader.prepare(10 * (i + 1) - 1);
      await expect(reader.prepare(10 * (i + 1))).rejects.toMatchObject({
        ...{ code: 'IMAGES_CHANGED', file, message: expect.stringContaining(file) },
      });
    }
    await reader.prepare(15);
    expect(bytesOf(reader, [15])).toHaveLength(1);
    reader.close();
  });

  test('decodes ahead without the main thread, within its memory', async () => {
    const data = await mixedData();
    /** Whether batch 1 is there after its first file was removed, and the main thread blocked before, as by a step of libtorch. */
    const isAhead = async (aheadMiB: number, milliseconds: number): Promise<boolean> => {
      const { train } = await load(data, 'none', { workers: 1, aheadMiB });
      const reader = train.read((batch) => (batch < 5 ? Int32Array.of(5 * batch, 5 * batch + 1) : null));
      await reader.prepare(0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
      const file = join(data, train.paths[5]);
      const kept = readFileSync(file);
      const { atime, mtime } = statSync(file);
      rmSync(file);
      const failure = await reader.prepare(1).then(
        () => null,
        (error: unknown) => error,
      );
      writeFileSync(file, kept);
      utimesSync(file, atime, mtime);
      reader.close();
      if (failure !== null) expect(failure).toMatchObject({ code: 'IMAGES_CHANGED' });
      return failure === null;
    };
    // However long the main thread is blocked, what it alone could do is not done: longer waits are for slow machines.
    let ahead = false;
    for (const milliseconds of [500, 4000, 30_000]) ahead ||= await isAhead(100, milliseconds);
    expect(ahead).toBe(true);
    expect(await isAhead(0, 1000)).toBe(false);
  });

  test('leaves the memory of the process flat', async () => {
    const data = join(temporaryFolder(), 'data');
    for (let i = 0; i < 24; i++) {
      const image = testImage(200 + 11 * i, 350 - 5 * i, i);
      writeFile(data, `${i % 2 === 0 ? 'a' : 'b'}/${i}.jpg`, await image.jpeg().toBuffer());
    }
    const { train } = await loadData({
      ...{ data, seed: 0, holdout: 0.01, cacheSide: 'none', cache: cacheOf(data), workers: 1 },
    });
    // About 5 MiB a batch: four of them are held, and 240 decoded.
    const reader = train.read((batch) => Int32Array.from({ length: 18 }, (_, i) => (7 * batch + i) % train.length));
    const resident: number[] = [];
    for (let batch = 0; batch < 240; batch++) {
      await reader.prepare(batch);
      if (batch % 10 === 0) {
        globalThis.gc?.();
        resident.push(process.memoryUsage().rss / 2 ** 20);
      }
    }
    reader.close();
    // About 150 MiB are decoded in thirty batches: a thirtieth of that, kept, is too much.
    expect(medianGrowth(resident, 6), resident.map(Math.round).join(' ')).toBeLessThan(5);
  });

  test('holds no tensor but that of the current batch', async () => {
    const data = await mixedData();
    const before = liveTensors().count;
    const { train } = await load(data, 'none', { workers: 1 });
    const reader = train.read((batch) => Int32Array.of(batch % 40));
    for (let batch = 0; batch < 10; batch++) {
      await reader.prepare(batch);
      expect(liveTensors().count).toBe(before + 1);
      expect(reader.window.offsets.filter((offset) => offset >= 0)).toHaveLength(1);
    }
    reader.close();
    expect(liveTensors().count).toBe(before);
  });
});
