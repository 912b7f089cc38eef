import { rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { scope } from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  archiveOfFiles,
  binaryFiles,
  type CifarSet,
  cifarFolders,
  cifarSet,
  pythonFiles,
  tarOf,
  writeCifarFolders,
  writeFiles,
} from '../../../../tests/fixtures/cifar-files.js';
import { temporaryFolder, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { balancedIndexList, type ImageSet, type LoadedData, loadData, loadEvaluationData } from './index.js';
import { scanData } from './scan-data.js';

const cache = temporaryFolder();
const load = { cacheSide: 32, cache, workers: 0, seed: 5 } as const;

/** Writes a set in one of its forms and gives DATA. */
const forms: Record<string, (set: CifarSet) => string | Promise<string>> = {
  'a binary folder': (set) => writeFiles(temporaryFolder(), binaryFiles(set)),
  'a binary archive': (set) =>
    writeFile(temporaryFolder(), 'set.tar.gz', archiveOfFiles(cifarFolders[set.kind].binary, binaryFiles(set))),
  'a plain tar file': (set) =>
    writeFile(temporaryFolder(), 'set.tar', tarOf([...binaryFiles(set)].map(([path, bytes]) => ({ path, bytes })))),
  'a Python folder': (set) => writeFiles(temporaryFolder(), pythonFiles(set)),
  'a Python folder with keys as bytes': (set) => writeFiles(temporaryFolder(), pythonFiles(set, 'python3-bytes')),
  'a Python archive': (set) =>
    writeFile(temporaryFolder(), 'set.tgz', archiveOfFiles(cifarFolders[set.kind].python, pythonFiles(set))),
  'the folder above it': (set) => {
    const folder = temporaryFolder();
    writeFiles(join(folder, cifarFolders[set.kind].binary), binaryFiles(set));
    writeFiles(join(folder, cifarFolders[set.kind].python), pythonFiles(set));
    return folder;
  },
  'class folders': (set) => writeCifarFolders(temporaryFolder(), set),
};

/** Every image of a set as one batch: name, size, bytes. */
async function imagesOf(set: ImageSet, name: (path: string) => string) {
  const all = Int32Array.from({ length: set.length }, (_, i) => i);
  const reader = set.read((batch) => (batch === 0 ? all : null));
  await reader.prepare(0);
  const { pixels, offsets, heights, widths } = reader.window;
  const images = Array.from(all, (i) => {
    const bytes = heights[i] * widths[i] * 3;
    const content = scope(() => Buffer.from(pixels.narrow(0, offsets[i], bytes).data() as Uint8Array));
    return [name(set.paths[i]), heights[i], widths[i], content.toString('base64')];
  });
  reader.close();
  return images;
}

/** All that training sees of DATA, without the ends of file names. */
async function contentOf(data: LoadedData) {
  const name = (path: string) => path.replace(/\.png$/, '');
  const images = await Promise.all([data.train, data.val].map((set) => (set === null ? [] : imagesOf(set, name))));
  return {
    classes: data.classes,
    images,
    labels: [...data.labels],
    hiddenLabels: [...data.hiddenLabels],
    valLabels: [...data.valLabels],
    valSource: data.valSource,
    splits: {
      labeled: data.splits.labeled.map((row) => ({ ...row, path: name(row.path) })),
      unlabeled: data.splits.unlabeled.map((row) => name(row.path)),
    },
  };
}

async function contentAndEnd(options: Parameters<typeof loadData>[0]) {
  const data = await loadData(options);
  const content = await contentOf(data);
  data.dispose();
  return content;
}

describe('CIFAR', () => {
  test('gives the same pixels, labels and choices in every form, at every cache side', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('cifar10' as const, 'cifar100' as const),
        fc.uniqueArray(fc.constantFrom('apple', 'aquarium_fish', 'bear', 'bird', 'cat', 'zebra'), { minLength: 2 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom<number | 'none'>(8, 32, 64, 'none'),
        async (kind, classes, perClass, seed, cacheSide) => {
          const set = cifarSet(kind, classes, perClass, seed);
          const options = { ...load, seed, cacheSide, labelsPerClass: 1 };
          const expected = await contentAndEnd({ ...options, data: await forms['class folders'](set) });
          expect(expected.images[0]).toHaveLength(set.train.flat().length);
          expect(expected.valLabels).toHaveLength(set.test.length);
          for (const form of Object.values(forms))
            expect(await contentAndEnd({ ...options, data: await form(set) })).toEqual(expected);
        },
      ),
      { numRuns: 6 },
    );
  });

  test('keeps the original order in its paths, with the test images as val/', async () => {
    const set = cifarSet('cifar10');
    const scan = await scanData(await forms['a binary folder'](set));
    const paths = set.train.flat().map((image, i) => `train/${set.classes[image.label]}/${String(i).padStart(5, '0')}`);
    expect(scan.images.map((image) => image.path).filter((path) => path.startsWith('train/'))).toEqual(paths.sort());
    expect(scan.folders).toEqual(['train', 'val'].flatMap((r) => [r, ...set.classes.map((name) => `${r}/${name}`)]));
  });

  test('is decoded once, and again only when its file changes', async () => {
    const data = await forms['a binary archive'](cifarSet('cifar100'));
    const numDecoded = async () => {
      const loaded = await loadData({ ...load, data });
      loaded.dispose();
      return loaded.report.cache.numDecoded;
    };
    expect([await numDecoded(), await numDecoded()]).toEqual([12, 0]);
    utimesSync(data, 1, 1);
    expect(await numDecoded()).toBe(12);
  });

  test('is found again by the splits of a run, and measured on its test images', async () => {
    const set = cifarSet('cifar10');
    const data = await forms['a Python archive'](set);
    const first = await loadData({ ...load, data, labelsPerClass: 2 });
    const again = await loadData({ ...load, data, splits: first.splits, classes: first.classes });
    expect(await contentOf(again)).toEqual(await contentOf(first));
    const measured = await loadEvaluationData({ ...load, data, classes: ['cat', 'bird', 'airplane'] });
    expect(measured).toMatchObject({ source: 'val', images: { length: set.test.length } });
    expect([...measured.labels]).toEqual([...first.valLabels].map((label) => 2 - label));
    for (const each of [first, again]) each.dispose();
    measured.images.dispose();
  });

  test('takes index lists, in every form that numbers its images', async () => {
    const set = cifarSet('cifar10', ['airplane', 'bird', 'cat'], 4);
    const labels = set.train.flat().map((image) => image.label);
    const list = balancedIndexList(labels, 3, 73);
    const file = writeFile(temporaryFolder(), 'list.txt', `${list.join('\n')}\n`);
    for (const form of ['a binary folder', 'a Python folder', 'class folders']) {
      const loaded = await loadData({ ...load, data: await forms[form](set), labels: file });
      const named = loaded.splits.labeled.map((row) => Number(/(\d+)(\.png)?$/.exec(row.path)?.[1]));
      expect(named.sort((a, b) => a - b)).toEqual(list);
      expect(loaded.splits.labeled.every((row) => row.path.startsWith(`train/${row.label}/`))).toBe(true);
      loaded.dispose();
    }
    const data = await forms['a binary folder'](set);
    const beyond = writeFile(temporaryFolder(), 'list.txt', '0\n60\n');
    await expect(loadData({ ...load, data, labels: beyond })).rejects.toMatchObject({
      code: 'UNKNOWN_PATH',
      message: expect.stringMatching(/list\.txt line 2: .*got 60, which none of the 60 images/),
    });
  });

  test('balanced lists of one seed contain each other, those of others differ', () => {
    const labels = Array.from({ length: 500 }, (_, i) => i % 10);
    const small = balancedIndexList(labels, 4, 73);
    const large = balancedIndexList(labels, 20, 73);
    expect(small.every((index) => large.includes(index))).toBe(true);
    for (let c = 0; c < 10; c++) expect(large.filter((index) => labels[index] === c)).toHaveLength(20);
    expect(balancedIndexList(labels, 4, 91)).not.toEqual(small);
    expect(() => balancedIndexList(labels, 51, 1)).toThrow(/at most 50/);
    expect(() => balancedIndexList(labels, 0, 1)).toThrow(/1 or more/);
  });
});

describe('refuses with one sentence', () => {
  const set = cifarSet('cifar10');
  const binary = () => writeFiles(temporaryFolder(), binaryFiles(set));
  const archive = () => writeFile(temporaryFolder(), 'set.tar.gz', archiveOfFiles('x', binaryFiles(set)));
  const python = (change: (bytes: Buffer) => Uint8Array) => {
    const files = pythonFiles(set);
    return writeFiles(temporaryFolder(), files.set('data_batch_2', Buffer.from(change(files.get('data_batch_2')!))));
  };

  const cases: [what: string, data: () => string, code: string, message: RegExp][] = [
    [
      'a binary file of the wrong length',
      () => {
        const data = binary();
        truncateSync(join(data, 'data_batch_3.bin'), 10_000);
        return data;
      },
      'PACKED_FILE',
      /records of 3073 bytes in ".*data_batch_3\.bin", got 10000 bytes/,
    ],
    [
      'an empty file',
      () => writeFiles(binary(), new Map([['test_batch.bin', Buffer.alloc(0)]])),
      'PACKED_FILE',
      /test_batch\.bin", got 0 bytes/,
    ],
    [
      'a missing file',
      () => {
        const data = binary();
        rmSync(join(data, 'data_batch_4.bin'));
        return data;
      },
      'PACKED_INCOMPLETE',
      /CIFAR-10 \(binary\).*none named data_batch_4\.bin/,
    ],
    [
      'an archive without one of the files',
      () => {
        const files = binaryFiles(set);
        files.delete('test_batch.bin');
        return writeFile(temporaryFolder(), 'set.tar.gz', archiveOfFiles('x', files));
      },
      'PACKED_INCOMPLETE',
      /none named test_batch\.bin/,
    ],
    [
      'a label without a name',
      () => writeFiles(binary(), new Map([['batches.meta.txt', Buffer.from('airplane\nbird\n')]])),
      'PACKED_FILE',
      /labels from 0 to 1 in ".*data_batch_1\.bin", got 2 for image \d/,
    ],
    [
      'a class name twice',
      () => writeFiles(binary(), new Map([['batches.meta.txt', Buffer.from('a\na\nb\n')]])),
      'PACKED_FILE',
      /names of the classes/,
    ],
    [
      'two sets in one folder',
      () => {
        const folder = temporaryFolder();
        writeFiles(join(folder, 'cifar-10-batches-bin'), binaryFiles(set));
        writeFiles(join(folder, 'cifar-100-python'), pythonFiles(cifarSet('cifar100')));
        return folder;
      },
      'AMBIGUOUS_DATA',
      /CIFAR-10 \(binary\) and CIFAR-100 \(Python\)/,
    ],
    [
      'a truncated archive',
      () => {
        const file = archive();
        truncateSync(file, Math.floor(statSync(file).size / 2));
        return file;
      },
      'ARCHIVE',
      /ends too early/,
    ],
    [
      'a truncated tar file',
      () => {
        const file = writeFile(temporaryFolder(), 's.tar', tarOf([{ path: 'a/train.bin', bytes: Buffer.alloc(3000) }]));
        truncateSync(file, 1024);
        return file;
      },
      'ARCHIVE',
      /ends too early/,
    ],
    [
      'a damaged archive',
      () => {
        const file = archive();
        writeFileSync(file, Buffer.alloc(64, 7), { flag: 'r+' });
        writeFileSync(file, Buffer.from([0x1f, 0x8b, 8, 0]), { flag: 'r+' });
        return file;
      },
      'ARCHIVE',
      /damaged/,
    ],
    [
      'an archive of something else',
      () => writeFile(temporaryFolder(), 'x.tar.gz', gzipSync(tarOf([{ path: 'a/b.txt', bytes: Buffer.from('x') }]))),
      'UNKNOWN_SET',
      /CIFAR-10 or CIFAR-100 in the archive/,
    ],
    [
      'a truncated pickle',
      () => python((bytes) => bytes.subarray(0, 5000)),
      'PACKED_FILE',
      /data_batch_2", got one that cannot be read/,
    ],
    [
      'a pickle that calls something',
      () => python(() => Buffer.from('cos\nsystem\n(S"true"\ntR.', 'latin1')),
      'PACKED_FILE',
      /data_batch_2".*cannot be read \(.*os/,
    ],
    [
      'a pickle of something else',
      () => python(() => Buffer.from('](K\x01e.', 'latin1')),
      'PACKED_FILE',
      /another value/,
    ],
    [
      'a pickle with too few labels',
      () =>
        python(() => {
          const short = { ...set, train: [set.train[0].slice(1)] };
          const text = (of: CifarSet) => pythonFiles(of).get('data_batch_1')!.toString('latin1');
          const split = (of: CifarSet) => text(of).split('U\x06labels');
          return Buffer.from([split(short)[0], split(set)[1]].join('U\x06labels'), 'latin1');
        }),
      'PACKED_FILE',
      /without "labels", a list of 5 class numbers/,
    ],
  ];
  test.each(cases)('%s', async (_, data, code, message) => {
    await expect(loadData({ ...load, data: data() })).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  test('a file that is no archive is still no folder', async () => {
    const file = writeFile(temporaryFolder(), 'a.txt', 'x'.repeat(2000));
    await expect(scanData(file)).rejects.toMatchObject({ code: 'NOT_A_FOLDER' });
  });

  test('a stray file, or a set beside class folders, does not make a folder of images a packed set', async () => {
    const data = await writeCifarFolders(temporaryFolder(), set);
    writeFile(data, 'meta', 'x');
    writeFiles(join(data, 'cifar-10-batches-bin'), binaryFiles(set));
    expect((await scanData(data)).store.root).toBe(data);
  });
});
