import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { liveTensors, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { binaryFiles, cifarSet, writeFiles } from '../../../../tests/fixtures/cifar-files.js';
import { temporaryFolder, testImage, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { encodeHeader } from './framed-file.js';
import {
  type DataOptions,
  describeImages,
  type ImageSet,
  type LoadOptions,
  listImageFiles,
  loadData,
  loadEvaluationData,
  type PrepareOptions,
  prepareFile,
} from './index.js';
import { imagesOf } from './scan-data.js';

/** Forty-eight images of three classes, formats and many sizes, some on their side, one damaged; a folder without labels. */
async function photos(): Promise<string> {
  const data = join(temporaryFolder(), 'data');
  for (let i = 0; i < 48; i++) {
    const image = testImage(20 + (i % 7) * 9, 16 + (i % 5) * 13, i);
    const bytes =
      i % 3 === 0
        ? image.png()
        : i % 3 === 1
          ? image.jpeg().withMetadata({ orientation: 1 + (i % 8) })
          : image.webp({ lossless: i % 2 === 0 });
    const folder = i % 8 === 7 ? 'unlabeled' : ['cat', 'dog', 'été'][i % 3];
    writeFile(data, `${folder}/${i}.${['png', 'jpg', 'webp'][i % 3]}`, await bytes.toBuffer());
  }
  writeFile(data, 'cat/half.png', (await testImage(30, 30).png().toBuffer()).subarray(0, 200));
  writeFile(data, 'dog/empty.jpg', '');
  writeFile(data, 'notes.txt', 'no image');
  return data;
}

const fileIn = (name = 'photos.suave') => join(temporaryFolder(), name);

/** Bytes of all images of a set, read in batches of seven. */
async function bytesOf(set: ImageSet): Promise<string[]> {
  const indices = (batch: number) =>
    7 * batch < set.length
      ? Int32Array.from({ length: Math.min(7, set.length - 7 * batch) }, (_, i) => 7 * batch + i)
      : null;
  const reader = set.read(indices);
  const all: string[] = [];
  for (let batch = 0; indices(batch) !== null; batch++) {
    await reader.prepare(batch);
    const { pixels, offsets, heights, widths } = reader.window;
    for (const i of indices(batch) ?? []) {
      const bytes = scope(() => pixels.narrow(0, offsets[i], heights[i] * widths[i] * 3).data() as Uint8Array);
      all.push(`${heights[i]}x${widths[i]} ${Buffer.from(bytes).toString('base64')}`);
    }
  }
  reader.close();
  return all;
}

/** All that training sees of DATA. */
async function seen(data: string, options: Partial<DataOptions & LoadOptions> = {}) {
  const loaded = await loadData({ data, seed: 3, cacheSide: 24, workers: 0, cache: temporaryFolder(), ...options });
  const { classes, train, val, labels, hiddenLabels, valLabels, valSource, splits, report } = loaded;
  const found = {
    ...{ classes, labels, hiddenLabels, valLabels, valSource, splits },
    paths: [train.paths, val?.paths],
    pixels: [await bytesOf(train), val && (await bytesOf(val))],
    notes: report.notes.map((note) => note.replace(/(truncated or damaged):[^)]*/g, '$1')), // the rest differs each time
    skipped: report.skipped.map(({ path }) => path),
  };
  loaded.dispose();
  return found;
}

async function prepare(data: string, options: Partial<PrepareOptions> = {}): Promise<string> {
  const { file } = await prepareFile({ data, out: fileIn(), workers: 0, ...options });
  return file;
}

describe('a prepared file in the place of DATA', () => {
  test.each([
    ['the files, reduced into a cache', {}, { cacheSide: 24 }],
    ['the files, decoded anew each time', {}, { cacheSide: 'none', workers: 1 }],
    ['the files, without turning them', {}, { cacheSide: 24, exifOrientation: 'ignore' }],
    ['pixels', { cacheSide: 24 }, { cacheSide: 24 }],
    ['pixels as stored', { cacheSide: 24, exifOrientation: 'ignore' }, { cacheSide: 24, exifOrientation: 'ignore' }],
  ] as [string, Partial<PrepareOptions>, Partial<LoadOptions>][])('gives the same: %s', async (_, how, use) => {
    const data = await photos();
    const file = await prepare(data, how);
    const before = liveTensors().count;
    const expected = await seen(data, { ...use, labelsPerClass: 3 });
    const got = await seen(file, { ...use, labelsPerClass: 3 });
    expect(got).toEqual(expected);
    expect(expected.skipped).toEqual(['dog/empty.jpg', 'cat/half.png']);
    expect(expected.pixels[0]).toHaveLength(expected.labels.length);
    const described = await describeImages(file, { splits: null, classes: null });
    const there = await describeImages(data, { splits: null, classes: null });
    expect(described.images.map(({ path, label }) => [path, label])).toEqual(
      there.images.map(({ path, label }) => [path, label]),
    );
    expect(liveTensors().count).toBe(before);
  });

  test('is measured like the folder', async () => {
    const data = await photos();
    const options = { classes: ['cat', 'dog', 'été'], cacheSide: 24, workers: 0 } as const;
    const [one, other] = await Promise.all(
      [data, await prepare(data)].map((each) =>
        loadEvaluationData({ ...options, data: each, cache: temporaryFolder() }),
      ),
    );
    expect([other.labels, other.source, other.images.paths]).toEqual([one.labels, one.source, one.images.paths]);
    expect(await bytesOf(other.images)).toEqual(await bytesOf(one.images));
    for (const { images } of [one, other]) images.dispose();
  });

  test('holds the same bytes whenever, wherever and by however many workers it is made', async () => {
    const data = await photos();
    const copy = join(temporaryFolder(), 'elsewhere');
    cpSync(data, copy, { recursive: true });
    utimesSync(join(copy, 'cat/0.png'), 1000, 1000);
    for (const cacheSide of ['none', 24] as const) {
      const first = await prepareFile({ data, out: fileIn(), workers: 0, cacheSide });
      const second = await prepareFile({ data: copy, out: fileIn(), workers: 2, cacheSide });
      expect(readFileSync(second.file).equals(readFileSync(first.file))).toBe(true);
      expect(second).toEqual({ ...first, file: second.file });
      expect(first).toMatchObject({ images: 49, form: cacheSide === 'none' ? 'files' : 'pixels', labels: 0 });
      expect(first.bytes).toBe(statSync(first.file).size);
      expect(readFileSync(first.file).includes(data)).toBe(false);
      const again = await prepareFile({ data: first.file, out: fileIn(), workers: 0, cacheSide });
      expect(readFileSync(again.file).equals(readFileSync(first.file))).toBe(true);
    }
  });

  test('needs no cache for its pixels, and fills one from its files only once', async () => {
    const data = await photos();
    const cache = join(temporaryFolder(), 'cache');
    await seen(await prepare(data, { cacheSide: 24 }), { cache });
    expect(existsSync(cache)).toBe(false);
    const file = await prepare(data);
    const load = () => loadData({ data: file, seed: 1, cacheSide: 24, workers: 0, cache });
    for (const numDecoded of [49, 0]) {
      const { report, dispose } = await load();
      expect(report.cache).toMatchObject({ numDecoded, numReused: 49 - numDecoded });
      dispose();
    }
    writeFile(data, 'cat/0.png', await testImage(31, 33).png().toBuffer());
    await prepareFile({ data, out: file, workers: 0 });
    const { report, dispose } = await load();
    expect(report.cache.numDecoded).toBe(1);
    dispose();
    expect(readdirSync(cache)).toHaveLength(1);
  });

  test('of another size or orientation than a run wants is refused', async () => {
    const file = await prepare(await photos(), { cacheSide: 24 });
    const sides = /shorter side of 32 in ".*photos\.suave", got 24\. Train with --set data\.cacheSide=24/;
    await expect(seen(file, { cacheSide: 32 })).rejects.toMatchObject({ code: 'PREPARED_SIDE', message: sides });
    await expect(seen(file, { cacheSide: 'none' })).rejects.toMatchObject({ message: /full size.*got 24/ });
    await expect(seen(file, { exifOrientation: 'ignore' })).rejects.toMatchObject({
      message: /EXIF orientation ignore.*got apply\. Train with --set data\.exifOrientation=apply/,
    });
    await expect(prepareFile({ data: file, out: fileIn() })).rejects.toMatchObject({ code: 'PREPARED_SIDE' });
  });
});

describe('labels in a prepared file', () => {
  /** Images at any depth without class folders. */
  async function flat(): Promise<string> {
    const data = join(temporaryFolder(), 'data');
    for (let i = 0; i < 24; i++) {
      writeFile(data, `${'abc'[i % 3]}-${i}.png`, await testImage(20, 20, i).png().toBuffer());
    }
    return data;
  }

  const csv = (data: string, names: [string, string]) =>
    [
      'path,label',
      ...Array.from({ length: 6 }, (_, i) => `${i % 2 ? '' : `${data}/`}a-${3 * i}.png,${names[i % 2]}`),
    ].join('\n');

  test('are those of the file that was given, absolute paths too; another file takes their place', async () => {
    const data = await flat();
    const labels = writeFile(data, 'labels.csv', csv(data, ['x', 'y']));
    const file = await prepare(data, { labels });
    const expected = await seen(data, { labels });
    expect(await seen(file)).toEqual(expected);
    expect(expected.notes.join()).not.toMatch(/labels\.csv/);
    expect([expected.classes, expected.labels.filter((label) => label >= 0).length]).toEqual([['x', 'y'], 5]);
    expect(await seen(await prepare(file))).toEqual(expected);
    const others = writeFile(data, 'others.csv', csv('.', ['p', 'q']));
    const { notes: _, ...relabeled } = await seen(data, { labels: others });
    expect(await seen(file, { labels: others })).toMatchObject(relabeled);
    await expect(seen(file, { labelsPerClass: 2 })).rejects.toMatchObject({
      code: 'LABEL_OPTIONS',
      message: /no --labels-per-class beside the labels in ".*photos\.suave: labels\.csv"/,
    });
    const plain = await prepare(data);
    expect(await seen(plain, { labels: others })).toMatchObject(relabeled);
    await expect(seen(plain)).rejects.toMatchObject({ code: 'NO_LABELS' });
  });

  test('may be a list of files in class folders; wrong ones are refused before anything is written', async () => {
    const data = await photos();
    const list = writeFile(temporaryFolder(), 'list.txt', '0.png\n4.jpg\ncat/3.png\n5.webp\n');
    expect(await seen(await prepare(data, { labels: list }))).toEqual(await seen(data, { labels: list }));
    const wrong = writeFile(temporaryFolder(), 'wrong.csv', 'path,label\ncat/99.png,cat\n');
    const out = fileIn();
    await expect(prepareFile({ data, out, labels: wrong })).rejects.toMatchObject({ code: 'UNKNOWN_PATH' });
    expect(readdirSync(join(out, '..'))).toEqual([]);
  });
});

describe('a prepared packed set', () => {
  test('is what the set is, as whole pixels or lossless WebP', async () => {
    const data = writeFiles(temporaryFolder(), binaryFiles(cifarSet('cifar10', ['airplane', 'bird', 'cat'], 4)));
    const whole = await prepareFile({ data, out: fileIn(), workers: 0 });
    const small = await prepareFile({ data, out: fileIn(), workers: 0, compress: true });
    expect([whole.form, small.form, whole.images]).toEqual(['pixels', 'files', 72]);
    for (const cacheSide of [32, 40, 20, 'none'] as const) {
      const expected = await seen(data, { cacheSide, labelsPerClass: 4 });
      expect(expected.labels).toHaveLength(60);
      for (const { file } of [whole, small]) {
        expect(await seen(file, { cacheSide, labelsPerClass: 4 })).toEqual(expected);
      }
    }
    const cache = join(temporaryFolder(), 'cache');
    await seen(whole.file, { cacheSide: 'none', cache });
    expect(existsSync(cache)).toBe(false);
    const indices = writeFile(temporaryFolder(), 'indices.txt', '0\n1\n2\n3\n4\n5\n');
    expect(await seen(await prepare(data, { labels: indices }), { cacheSide: 32 })).toEqual(
      await seen(data, { labels: indices, cacheSide: 32 }),
    );
    const out = fileIn();
    await expect(prepareFile({ data, out, compress: true, cacheSide: 16 })).rejects.toMatchObject({
      code: 'PREPARE_OPTIONS',
    });
    await expect(prepareFile({ data: await photos(), out, compress: true })).rejects.toMatchObject({
      message: /--compress.*compressed already/,
    });
  });
});

describe('a file that is not whole', () => {
  test('is refused in one sentence', async () => {
    const file = await prepare(await photos());
    const { size } = statSync(file);
    const bytes = readFileSync(file);
    const load = () => seen(file, { labelsPerClass: 3 });
    for (const length of [8, 63, 64, size >> 1, size - 1]) {
      truncateSync(file, length);
      await expect(load()).rejects.toMatchObject({
        code: 'PREPARED_TRUNCATED',
        message: /got \d+.*bytes\. Copy it again/,
      });
      writeFileSync(file, bytes);
    }
    const changed = (at: number, value: number) => {
      const other = Buffer.from(bytes);
      other[at] = value;
      writeFileSync(file, other);
    };
    for (const at of [size - 2, 33]) {
      changed(at, bytes[at] ^ 1);
      await expect(load()).rejects.toMatchObject({ code: 'PREPARED_DAMAGED' });
    }
    writeFileSync(file, Buffer.concat([bytes, Buffer.of(0)]));
    await expect(load()).rejects.toMatchObject({ code: 'PREPARED_DAMAGED' });
    changed(8, 2);
    await expect(load()).rejects.toMatchObject({
      code: 'PREPARED_NEWER',
      message: /format 1 .*format 2, made by a newer/,
    });
    for (const content of ['', 'SUAVEIMG', 'PK\u0003\u0004']) {
      writeFileSync(file, content);
      await expect(load()).rejects.toMatchObject({ code: 'PREPARED_FOREIGN', exitCode: 2 });
    }
  });

  test('names a file whose bytes are others, and refuses pixels that are', async () => {
    const data = await photos();
    rmSync(join(data, 'cat/half.png'));
    const file = await prepare(data);
    const place = (content: Buffer, inside: Buffer) => inside.indexOf(content) + 40;
    const image = readFileSync(join(data, 'cat/0.png'));
    const bytes = readFileSync(file);
    bytes[place(image, bytes)] ^= 1;
    writeFileSync(file, bytes);
    const { notes } = await seen(file, { labelsPerClass: 2 });
    expect(notes.join()).toMatch(/cat\/0\.png \(damaged: other bytes than were stored\)/);
    const pixels = await prepare(data, { cacheSide: 24 });
    const other = readFileSync(pixels);
    other[64 + 1000] ^= 1;
    writeFileSync(pixels, other);
    await expect(seen(pixels, { labelsPerClass: 2 })).rejects.toMatchObject({
      code: 'PREPARED_DAMAGED',
      message: /the pixels of "cat\/\d+\.\w+" are others/,
    });
  });

  test('whose index points beyond its images is damaged', async () => {
    const file = await prepare(await photos(), { cacheSide: 24 });
    const bytes = readFileSync(file);
    const start = Number(bytes.readBigUInt64LE(16));
    const index = Buffer.from(bytes.subarray(start));
    index.writeDoubleLE(start, 0);
    const { header } = encodeHeader({ magic: 'SUAVESET', version: 1 }, bytes.readUInt32LE(12), start, index);
    writeFileSync(file, Buffer.concat([header, bytes.subarray(64, start), index]));
    await expect(seen(file)).rejects.toMatchObject({ code: 'PREPARED_DAMAGED' });
  });
});

describe('preparing', () => {
  test('is refused inside DATA, of nothing, and of too many damaged images; nothing is left behind', async () => {
    const data = await photos();
    await expect(prepareFile({ data, out: join(data, 'p.suave') })).rejects.toMatchObject({ code: 'OUT_IN_DATA' });
    const out = fileIn();
    await expect(prepareFile({ data: temporaryFolder(), out })).rejects.toMatchObject({ code: 'EMPTY_FOLDER' });
    for (let i = 0; i < 5; i++) writeFile(data, `cat/bad-${i}.png`, 'text');
    await expect(prepareFile({ data, out, cacheSide: 24, workers: 0 })).rejects.toMatchObject({
      code: 'TOO_MANY_UNREADABLE',
    });
    const stopped = AbortSignal.abort();
    await expect(prepareFile({ data, out, signal: stopped })).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(join(out, '..'))).toEqual([]);
  });

  test('looks at the free space first', async () => {
    const data = await photos();
    const out = fileIn();
    const { bavail, bsize } = statfsSync(join(out, '..'));
    truncateSync(writeFile(data, 'cat/huge.png', ''), bavail * bsize + 1); // takes no room itself
    await expect(prepareFile({ data, out })).rejects.toMatchObject({
      ...{ code: 'NO_SPACE', exitCode: 1 },
      message: /prepare: expected room for the prepared file.*MB free of about \d+ MB/,
    });
    expect(readdirSync(join(out, '..'))).toEqual([]);
  });

  test('leaves the file that was there when it fails', async () => {
    const data = await photos();
    const file = await prepare(data);
    const before = readFileSync(file);
    const controller = new AbortController();
    await expect(
      prepareFile({ data, out: file, signal: controller.signal, onProgress: () => controller.abort() }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(join(file, '..'))).toHaveLength(1);
  });

  test('a run of predict and a question about its images say what a prepared file is', async () => {
    const file = await prepare(await photos());
    expect(() => listImageFiles([file])).toThrow(/prepared file ".*photos\.suave"\. Give the files it was made of/);
    const has = imagesOf(file);
    expect([has('cat/0.png'), has('été/2.webp'.normalize('NFD')), has('cat/1.png')]).toEqual([true, true, false]);
  });
});
