import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  crc32,
  temporaryFolder,
  testImage,
  testPixels,
  writeFile,
  writeImages,
} from '../../../../tests/fixtures/image-folders.js';
import { cacheFolder, openImageCache } from './cache.js';
import { fileStore } from './pixel-store.js';
import { scanFolder } from './scan.js';

/** Sixty-odd images of two formats and three sizes, in more blocks than workers. */
async function makeData(): Promise<string> {
  const data = temporaryFolder();
  const names = (format: string, count: number) => Array.from({ length: count }, (_, i) => `${format}/${i}.${format}`);
  await writeImages(data, names('png', 40), 9, 13);
  await writeImages(data, names('jpg', 60), 40, 30);
  writeFile(data, 'jpg/7.jpg', 'damaged');
  return data;
}

function request(data: string, cache: string, more: { workers?: number; cacheSide?: number | null } = {}) {
  const images = scanFolder(data).images;
  return {
    store: fileStore(data),
    images,
    cache,
    cacheSide: 20,
    exifOrientation: 'apply',
    workers: 0,
    ...more,
  } as const;
}

const fileOf = (folder: string) => {
  const [name, ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  return join(folder, name);
};

describe('cache of decoded images', () => {
  test('holds the same bytes with 0, 1 and 3 workers', async () => {
    const data = await makeData();
    const files: Buffer[] = [];
    for (const workers of [0, 1, 3]) {
      const folder = temporaryFolder();
      const seen: number[] = [];
      const cache = await openImageCache({
        ...request(data, folder, { workers }),
        onProgress: (done, total) => {
          expect(total).toBe(100);
          seen.push(done);
        },
      });
      expect(seen.at(-1)).toBe(100);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(cache).toMatchObject({ numDecoded: 100, numReused: 0, wasDamaged: false });
      files.push(readFileSync(fileOf(folder)));
    }
    expect(files[1].equals(files[0])).toBe(true);
    expect(files[2].equals(files[0])).toBe(true);
  });

  test('has every image at its place, small ones as they are, large ones reduced', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const { path, entries } = await openImageCache(request(data, folder));
    const bytes = readFileSync(path);
    const png3 = entries.find((entry) => entry.path === 'png/3.png');
    expect(png3).toMatchObject({ height: 9, width: 13 });
    const start = png3?.offset ?? 0;
    expect(bytes.subarray(start, start + 9 * 13 * 3).equals(Buffer.from(testPixels(9, 13, 4)))).toBe(true);
    expect(entries.find((entry) => entry.path === 'jpg/3.jpg')).toMatchObject({ height: 26, width: 20 });
    expect(entries.find((entry) => entry.path === 'jpg/7.jpg')).toMatchObject({
      height: 0,
      width: 0,
      reason: 'not a JPEG, PNG or WebP image',
    });
  });

  test('is reused whole, for parts of it, and only changed files are decoded again', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const first = await openImageCache(request(data, folder));
    const file = fileOf(folder);
    const before = readFileSync(file);
    const again = await openImageCache(request(data, folder));
    expect(again).toMatchObject({ numDecoded: 0, numReused: 100, inode: first.inode });
    expect(again.entries).toEqual(first.entries);
    const part = { ...request(data, folder), images: scanFolder(data).images.slice(10, 20) };
    expect(await openImageCache(part)).toMatchObject({ numDecoded: 0, numReused: 10, inode: first.inode });

    await testImage(9, 13, 99)
      .png()
      .toFile(join(data, 'png', '3.png'));
    utimesSync(join(data, 'png', '5.png'), 1000, 1000);
    await writeImages(data, ['new.png'], 5, 5);
    const changed = await openImageCache(request(data, folder));
    expect(changed).toMatchObject({ numDecoded: 3, numReused: 98 });
    const fresh = temporaryFolder();
    await openImageCache(request(data, fresh));
    expect(readFileSync(fileOf(folder)).equals(readFileSync(fileOf(fresh)))).toBe(true);
    expect(readFileSync(file).equals(before)).toBe(false);
  });

  test('keeps images that another request has cached', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const images = scanFolder(data).images;
    await openImageCache({ ...request(data, folder), images: images.slice(0, 30) });
    expect(await openImageCache({ ...request(data, folder), images: images.slice(30) })).toMatchObject({
      numDecoded: 70,
    });
    expect(await openImageCache(request(data, folder))).toMatchObject({ numDecoded: 0, numReused: 100 });
  });

  test('is another one for another side or orientation', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const paths = new Set<string>();
    for (const cacheSide of [20, 10, null])
      paths.add((await openImageCache(request(data, folder, { cacheSide }))).path);
    paths.add((await openImageCache({ ...request(data, folder), exifOrientation: 'ignore' })).path);
    expect(paths.size).toBe(4);
  });

  test('that is damaged is recognised and made again', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const { path } = await openImageCache(request(data, folder));
    const good = readFileSync(path);
    const indexStart = Number(good.readBigUInt64LE(16));
    const flip = (at: number) => {
      const bytes = Buffer.from(good);
      bytes[at] ^= 1;
      writeFileSync(path, bytes);
    };
    const damages: (() => void)[] = [
      () => truncateSync(path, good.length - 1),
      () => truncateSync(path, 10),
      () => truncateSync(path, 0),
      () => writeFileSync(path, Buffer.concat([good, Buffer.alloc(5)])),
      () => writeFileSync(path, Buffer.alloc(good.length)),
      () => flip(0),
      () => flip(9),
      () => flip(13),
      () => flip(17),
      () => flip(40),
      () => flip(indexStart + 3),
      () => flip(good.length - 2),
    ];
    for (const damage of damages) {
      damage();
      const cache = await openImageCache(request(data, folder));
      expect(cache).toMatchObject({ wasDamaged: true, numDecoded: 100 });
      expect(readFileSync(path).equals(good)).toBe(true);
    }
  });

  test('can be made by several at once', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const caches = await Promise.all([0, 1, 0, 2].map((workers) => openImageCache(request(data, folder, { workers }))));
    for (const cache of caches) expect(cache.entries).toEqual(caches[0].entries);
    fileOf(folder);
    expect(await openImageCache(request(data, folder))).toMatchObject({ numDecoded: 0, wasDamaged: false });
  });

  test('stops on request and leaves nothing', async () => {
    const data = await makeData();
    for (const workers of [0, 2]) {
      const folder = temporaryFolder();
      const controller = new AbortController();
      const opening = openImageCache({
        ...request(data, folder, { workers }),
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('stopped')),
      });
      await expect(opening).rejects.toThrow('stopped');
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test('is made again after a kill in the middle, and what the killed process left is removed', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const modules = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', 'data')).href;
    const script = `
      const { openImageCache } = await import('${modules}/cache.js');
      const { fileStore } = await import('${modules}/pixel-store.js');
      const { scanFolder } = await import('${modules}/scan.js');
      await openImageCache({
        store: fileStore(${JSON.stringify(data)}), cache: ${JSON.stringify(folder)}, images: scanFolder(${JSON.stringify(data)}).images,
        cacheSide: 20, exifOrientation: 'apply', workers: 1, onProgress: () => process.kill(process.pid, 'SIGKILL'),
      });`;
    const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([killed.signal, killed.stderr]).toEqual(['SIGKILL', '']);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/\.tmp$/)]);
    expect(await openImageCache(request(data, folder))).toMatchObject({ numDecoded: 100, wasDamaged: false });
    fileOf(folder);
  });

  test('keeps temporary files of processes at work, and of other machines for a day', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const { path } = await openImageCache(request(data, folder));
    const mine = `${path}.${hostname().replace(/[^\w-]/g, '_')}-${process.pid}-00000000.tmp`;
    const names = [mine, `${path}.else-where-1-00000000.tmp`, `${path}.else-where-2-00000000.tmp`];
    for (const name of names) writeFileSync(name, 'pixels');
    utimesSync(mine, 1000, 1000);
    utimesSync(names[1], 1000, 1000);
    truncateSync(path, 5);
    await openImageCache(request(data, folder));
    expect(names.map((name) => existsSync(name))).toEqual([true, false, true]);
  });

  test('asks for enough space before it decodes anything', async () => {
    const data = temporaryFolder();
    const [width, height] = [16000, 16000];
    const header = Buffer.from(await testImage(2, 2).png().toBuffer());
    header.writeUInt32BE(width, 16);
    header.writeUInt32BE(height, 20);
    header.writeUInt32BE(crc32(header.subarray(12, 29)), 29);
    const folder = temporaryFolder();
    const { bavail, bsize } = statfsSync(folder);
    const images = Array.from({ length: Math.ceil((bavail * bsize) / (width * height * 3)) + 10 }, (_, i) => ({
      path: `${i % 50}.png`,
      size: i,
      mtimeMs: 1,
    }));
    for (let i = 0; i < 50; i++) writeFile(data, `${i}.png`, header);
    const opening = openImageCache({ ...request(data, folder, { cacheSide: null }), images });
    await expect(opening).rejects.toMatchObject({
      code: 'NO_SPACE',
      exitCode: 1,
      message: expect.stringMatching(
        /MB free of about \d+ MB that the images need\. Free some space or choose another disk/,
      ),
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('where the cache lies', () => {
  test('--cache, else XDG_CACHE_HOME, else the home folder', () => {
    const { XDG_CACHE_HOME } = process.env;
    try {
      process.env.XDG_CACHE_HOME = '/x';
      expect(cacheFolder('/given')).toBe('/given');
      expect(cacheFolder(null)).toBe('/x/suave');
      delete process.env.XDG_CACHE_HOME;
      expect(cacheFolder(undefined)).toMatch(/\/\.cache\/suave$/);
    } finally {
      if (XDG_CACHE_HOME !== undefined) process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
    }
  });

  test('never inside DATA, nor in a file', async () => {
    const data = await makeData();
    for (const folder of [data, join(data, 'cache')]) {
      await expect(openImageCache(request(data, folder))).rejects.toMatchObject({ code: 'CACHE_IN_DATA', exitCode: 2 });
    }
    expect(existsSync(join(data, 'cache'))).toBe(false);
    const file = writeFile(temporaryFolder(), 'file', 'x');
    await expect(openImageCache(request(data, join(file, 'sub')))).rejects.toMatchObject({ code: 'CACHE_FOLDER' });
  });

  test('moved data are decoded again, under a name of their own', async () => {
    const data = await makeData();
    const folder = temporaryFolder();
    const first = await openImageCache(request(data, folder));
    const elsewhere = join(temporaryFolder(), 'moved');
    mkdirSync(join(elsewhere, '..'), { recursive: true });
    renameSync(data, elsewhere);
    expect((await openImageCache(request(elsewhere, folder))).path).not.toBe(first.path);
  });
});
