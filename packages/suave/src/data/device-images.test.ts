/** @file Views of images on a device are those of the images on the host, bit for bit, however their pixels get there. */
import { join } from 'node:path';
import { cuda, fromTypedArray, keep, liveTensors, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, testImage, testPixels, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { applyViews, drawViews, type ViewSpec } from '../augment/index.js';
import type { DeviceImagesOptions, DevicePixelReader } from './device-images.js';
import { packedOrder } from './device-staging.js';
import type { BatchIndices, ImageSet, PixelReader } from './image-set.js';
import { imagesOnDevice, loadData, openOnDevice, residentImages } from './index.js';

const hasCuda = cuda.isAvailable();
if (!hasCuda) console.log('device images on CUDA: skipped, there is no CUDA device');
const devices: DeviceImagesOptions['device'][] = hasCuda ? ['cpu', 'cuda'] : ['cpu'];

/** Forty images of forty sizes, and a way to open them. */
async function photos(): Promise<(cacheSide: number | 'none') => Promise<ImageSet>> {
  const data = join(temporaryFolder(), 'data');
  for (let i = 0; i < 40; i++) {
    writeFile(
      data,
      `${'ab'[i % 2]}/${i}.png`,
      await testImage(14 + i, 60 - i, i)
        .png()
        .toBuffer(),
    );
  }
  const cache = join(data, '..', 'cache');
  return async (cacheSide) => {
    const { train } = await loadData({ data, seed: 1, holdout: 0, cacheSide, cache, workers: 0 });
    return train;
  };
}

const spec: ViewSpec = {
  ...{ name: 'view', size: 12, scale: [0.3, 1], ratio: [0.75, 1.3333], interpolation: 'bicubic', flipProb: 0.5 },
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, prob: 0.8 },
  ...{ grayProb: 0.2, blur: { prob: 0.5, sigma: [0.1, 1] }, solarize: null, threeAugment: null, cropMode: 'resized' },
  ...{ mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] },
};

/** Nine batches of ten images, some of them twice, in no order. */
const batches: BatchIndices = (batch) =>
  batch < 9 ? Int32Array.from({ length: 10 }, (_, i) => (batch * 13 + 7 * (i % 9)) % 40) : null;

/** Views of all batches as bytes. */
async function viewsOf(reader: PixelReader, device: string, path: 'native' | 'tensor'): Promise<string[]> {
  const all: string[] = [];
  for (let batch = 0; ; batch++) {
    const indices = batches(batch);
    if (indices === null) return all;
    await reader.prepare(batch);
    const { window } = reader;
    expect(window.pixels.device.replace(/:\d+$/, '')).toBe(device);
    const key = {
      seed: 5,
      stage: 0,
      stream: 'unlabeled',
      epochs: indices.map(() => batch),
      repeats: indices.map((_, i) => i),
      view: 0,
    } as const;
    all.push(
      scope(() => {
        const views = applyViews(window, indices, drawViews(spec, window, indices, key), spec, { device, path });
        return Buffer.from(views.bytes()).toString('base64');
      }),
    );
  }
}

async function closing<T>(reader: PixelReader, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    reader.close();
  }
}

describe.each(devices)('images on %s', (device) => {
  test.each([
    ['of a cache, all there', 24, 100, 'resident'],
    ['of a cache, batch by batch', 24, 0, 'staged'],
    ['of a stream, all there', 'none', 100, 'resident'],
    ['of a stream, batch by batch', 'none', 0, 'staged'],
  ] as const)('%s', async (_, cacheSide, residentMiB, placement) => {
    const open = await photos();
    const before = liveTensors();
    const set = await open(cacheSide);
    const path = device === 'cpu' ? 'native' : 'tensor';
    const host = set.read(batches);
    const expected = await closing(host, () => viewsOf(host, 'cpu', path));
    const reader = openOnDevice(set, batches, { device, residentMiB });
    expect([reader.placement, reader.isFixed]).toEqual([placement, true]);
    expect(() => reader.window).toThrow(/prepared before/);
    expect(await viewsOf(reader, device, path)).toEqual(expected);
    if (device === 'cpu') expect(await viewsOf(reader, device, 'tensor')).toHaveLength(9);
    reader.close();
    set.dispose();
    expect(liveTensors()).toEqual(before);
  });

  test('of a batch lie in memory that never moves, and only they are there', async () => {
    const set = await (await photos())(24);
    const reader = openOnDevice(set, batches, { device, residentMiB: 0 });
    await reader.prepare(0);
    const { pixels } = reader.window;
    const live = liveTensors().count;
    for (const batch of [3, 1, 8, 8]) {
      await reader.prepare(batch);
      expect(reader.window.pixels).toBe(pixels);
      const there = Array.from(reader.window.offsets.keys()).filter((i) => reader.window.offsets[i] >= 0);
      expect(there).toEqual([...new Set(batches(batch))].sort((a, b) => a - b));
      expect(liveTensors().count).toBe(live);
    }
    const sizes = Array.from(set.heights, (height, i) => 3 * height * set.widths[i]).sort((a, b) => b - a);
    expect(pixels.numel).toBe(sizes.slice(0, 10).reduce((sum, size) => sum + size, 0));
    await expect(reader.prepare(9)).rejects.toThrow(/no batch 9/);
    reader.close();
    const tight = openOnDevice(set, batches, { device, residentMiB: 0, maxImages: 1 });
    await expect(tight.prepare(0)).rejects.toThrow(/more than.*maxImages/);
    tight.close();
    set.dispose();
  });

  test('of a batch may take memory that grows, where the largest batch would be too large to hold', async () => {
    const set = await (await photos())('none');
    const reader = openOnDevice(set, batches, { device, residentMiB: 0, fixedMiB: 0 });
    expect(reader.isFixed).toBe(false);
    const host = set.read(batches);
    const path = device === 'cpu' ? 'native' : 'tensor';
    expect(await viewsOf(reader, device, path)).toEqual(await viewsOf(host, 'cpu', path));
    for (const each of [reader, host]) each.close();
    set.dispose();
  });

  test('are copied once for all readers, on after a failure, and stop when asked to', async () => {
    const set = await (await photos())(24);
    const before = liveTensors();
    const controller = new AbortController();
    controller.abort();
    const stopped = openOnDevice(set, batches, { device, residentMiB: 100, signal: controller.signal });
    await expect(stopped.prepare(0)).rejects.toMatchObject({ name: 'AbortError' });
    stopped.close();
    expect(liveTensors()).toEqual(before);
    const seen: number[] = [];
    const images = imagesOnDevice(set, { device, residentMiB: 100, onProgress: (done) => seen.push(done) });
    const [one, other] = [images.read(batches), images.read(batches)] as [DevicePixelReader, DevicePixelReader];
    await Promise.all([one.prepare(0), other.prepare(4)]);
    expect(other.window.pixels).toBe(one.window.pixels);
    expect(seen).toEqual([40]);
    one.close();
    await other.prepare(5);
    expect(other.window.pixels.isDisposed).toBe(false);
    images.dispose();
    expect(liveTensors()).toEqual(before);
    set.dispose();
  });

  test('of more bytes than are copied at once keep their bytes', async () => {
    const side = 2000; // 12 MB each: two do not fit into one copy
    const bytes = Buffer.alloc(3 * side * side, testPixels(101, 103)); // repeats with a period of no power of two
    const large = keep(fromTypedArray(bytes, [bytes.length], { dtype: 'uint8' }));
    const placements = [0, 0].map((offset, i) => ({ path: `${i}`, offset, height: side, width: side - i }));
    const set = residentImages(large, placements);
    const reader = openOnDevice(set, () => null, { device, residentMiB: 64 });
    await reader.prepare(0);
    const { offsets } = reader.window;
    expect([...offsets]).toEqual([0, 3 * side * side]);
    for (const [i, { height, width }] of placements.entries()) {
      const got = scope(() => reader.window.pixels.narrow(0, offsets[i], 3 * height * width).bytes());
      expect(Buffer.compare(got, bytes.subarray(0, got.length))).toBe(0);
    }
    reader.close();
    set.dispose();
  });
});

test('on the CPU nothing is copied unless asked for; wrong numbers are refused', async () => {
  const set = await (await photos())(24);
  const reader = openOnDevice(set, batches, { device: 'cpu' });
  expect([reader.placement, reader.isFixed]).toEqual(['host', false]);
  await reader.prepare(0);
  const host = set.read(batches);
  expect(reader.window.pixels).toBe(host.window.pixels);
  reader.close();
  expect(host.window.pixels.isDisposed).toBe(false);
  for (const residentMiB of [-1, Number.NaN]) {
    expect(() => imagesOnDevice(set, { device: 'cpu', residentMiB })).toThrow(/residentMiB.*0 or more, or auto/);
  }
  if (!hasCuda) expect(() => openOnDevice(set, batches, { device: 'cuda' })).toThrow(/CUDA/);
  set.dispose();
});

test('images side by side are packed as one stretch', () => {
  const heights = Int32Array.of(1, 2, 1, 3);
  const widths = Int32Array.of(2, 1, 1, 1);
  const offsets = Float64Array.of(10, 16, 30, 22);
  const window = { pixels: undefined as never, offsets, heights, widths };
  expect(packedOrder(window, [3, 0, 1])).toEqual({
    ...{ images: [0, 1, 3], places: Float64Array.of(0, 6, 12), numBytes: 21 },
    runs: [{ start: 10, length: 21 }],
  });
  expect(packedOrder(window, [2, 0]).runs).toEqual([
    { start: 10, length: 6 },
    { start: 30, length: 3 },
  ]);
});
