/** @file The exported page in a real browser, from disk and from a server: its answers are those of `suave predict`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chromiumPath,
  launchBrowser,
  serveFolders,
  watchPage,
  whyNoBrowser,
} from '../../../../../tests/fixtures/browser.js';
import {
  choosePictures,
  diskAddress,
  openPage,
  waitForState,
  writeClassifier,
} from '../../../../../tests/fixtures/classifier-page.js';
import { temporaryFolder, testImage, testPixels, writeFile } from '../../../../../tests/fixtures/image-folders.js';
import { Classifier, type Prediction, predict } from '../../evaluation/index.js';
import { exportWeb, type WebExport } from './index.js';

const folder = temporaryFolder();
const small = join(folder, 'small');
const files: Record<string, string> = {};
let written: WebExport;

/** RGBA in which blending would change every color. */
function translucent(height: number, width: number) {
  const pixels = testPixels(height, width, 4);
  const bytes = Uint8Array.from({ length: height * width * 4 }, (_, i) =>
    i % 4 === 3 ? (i * 7) % 256 : pixels[Math.floor(i / 4) * 3 + (i % 4)],
  );
  return sharp(bytes, { raw: { height, width, channels: 4 } });
}

/** Writes one picture of each kind. @returns their paths */
async function pictures(): Promise<string[]> {
  const made = {
    'photo.jpg': testImage(90, 121, 1).jpeg({ quality: 88 }),
    'turned.jpg': testImage(70, 94, 2).withMetadata({ orientation: 6 }).jpeg(),
    'mirrored and wide.jpg': testImage(60, 200, 3).withMetadata({ orientation: 5 }).withIccProfile('p3').jpeg(),
    'gray.jpg': testImage(77, 53, 4).greyscale().jpeg(),
    'colors.png': testImage(64, 64, 5).png(),
    'alpha.png': translucent(50, 44).png(),
    'gray.png': testImage(51, 39, 6).greyscale().png(),
    'palette.png': testImage(41, 67, 7).png({ palette: true, colors: 16 }),
    'tiny.png': testImage(9, 13, 8).png(),
    'turned.png': testImage(30, 55, 9).withMetadata({ orientation: 8 }).png(),
    'lossy.webp': testImage(80, 60, 10).webp({ quality: 85 }),
    'alpha.webp': translucent(45, 61).webp({ lossless: true, exact: true }),
    'alpha lossy.webp': translucent(45, 61).webp({ quality: 90, exact: true }),
    'turned.webp': testImage(40, 66, 11).withMetadata({ orientation: 3 }).webp({ lossless: true }),
  };
  const paths: string[] = [];
  for (const [name, image] of Object.entries(made)) {
    paths.push(writeFile(folder, join('pictures', name), await image.toBuffer()));
  }
  return paths;
}

/** What `suave predict` says. */
async function predictions(file: string, paths: readonly string[]): Promise<Map<string, Prediction['top']>> {
  const classifier = Classifier.load(file);
  const found = new Map<string, Prediction['top']>();
  try {
    await predict(classifier, paths, {
      top: 5,
      workers: 0,
      onPrediction: ({ path, top }) => found.set(path.slice(path.lastIndexOf('/') + 1), top),
      onSkipped: (path, reason) => expect.fail(`${path}: ${reason}`),
    });
  } finally {
    classifier.dispose();
  }
  return found;
}

/** Same classes in the same order, same probabilities. */
function expectSame(top: Prediction['top'], expected: Prediction['top'] | undefined): void {
  expect(top.map((entry) => entry.class)).toEqual(expected?.map((entry) => entry.class));
  for (const [rank, { probability }] of top.entries()) {
    expect(Math.abs(probability - (expected?.[rank].probability ?? Number.NaN))).toBeLessThan(1e-4);
  }
}

beforeAll(async () => {
  files.small = writeClassifier(folder, 6, { cacheSide: 40 });
  written = await exportWeb({ model: files.small, out: small, title: 'Waves & <stripes>' });
});

describe.skipIf(chromiumPath === null)(`answers of the page in Chromium${whyNoBrowser}`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveFolders>>;
  let paths: string[];
  const large = join(folder, 'large');

  beforeAll(async () => {
    browser = await launchBrowser();
    paths = await pictures();
    files.large = writeClassifier(folder, 1000, { cacheSide: null, interpolation: 'bicubic', resize: 40 });
    await exportWeb({ model: files.large, out: large });
    server = await serveFolders({ '/': folder });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  for (const { from, which } of [
    { from: 'disk', which: 'small' },
    { from: 'a server', which: 'large' },
  ] as const) {
    it(`from ${from}: predicts what suave predict predicts, and asks nobody`, async () => {
      const page = await openPage(browser);
      const problems = watchPage(page);
      await page.goto(from === 'disk' ? diskAddress(small) : `${server.url}/large/index.html`);
      await waitForState(page, 'ready');
      const expected = await predictions(files[which], paths);
      const cards = await choosePictures(page, paths);
      expect(cards.map(({ name }) => name)).toEqual([...expected.keys()]);
      for (const { name, top } of cards) expectSame(top, expected.get(name));
      expect(await page.locator('#first-prediction').textContent()).toMatch(/^\d+\sms$|^\d\.\d\ss$/);
      expect(problems).toEqual([]);
      await page.close();
    });
  }

  it('a photo that training would reduce while it is decoded: the same answer, almost the same probability', async () => {
    const photo = writeFile(folder, 'large.jpg', await testImage(700, 961, 3).jpeg({ quality: 90 }).toBuffer());
    const page = await openPage(browser);
    await page.goto(diskAddress(small));
    await waitForState(page, 'ready');
    const [{ top }] = await choosePictures(page, [photo]);
    const [best] = (await predictions(files.small, [photo])).get('large.jpg') ?? [];
    expect(top[0].class).toBe(best.class);
    expect(Math.abs(top[0].probability - best.probability)).toBeLessThan(0.02);
    await page.close();
  });

  it('names title and classes, and finds one of a thousand', async () => {
    const page = await openPage(browser);
    await page.goto(diskAddress(small));
    expect(await page.title()).toBe('Waves & <stripes>');
    expect(await page.locator('h1').textContent()).toBe('Waves & <stripes>');
    expect(await page.locator('.summary').textContent()).toBe(
      'Tells 6 classes apart: class 0, class 1, class 2 and 3 more.',
    );
    await page.goto(diskAddress(large));
    await page.locator('summary').click();
    expect(await page.locator('#class-names li').count()).toBe(1000);
    await page.getByLabel('Filter').fill('class 99');
    expect(await page.locator('#class-count').textContent()).toBe('11 of 1000');
    await page.close();
  });

  it('with one class: everything is it', async () => {
    const one = join(folder, 'one');
    await exportWeb({ model: writeClassifier(folder, 1), out: one });
    const page = await openPage(browser);
    const problems = watchPage(page);
    await page.goto(diskAddress(one));
    await waitForState(page, 'ready');
    expect(await page.title()).toBe('classifier-1');
    expect((await choosePictures(page, [paths[0]]))[0]).toMatchObject({
      verdict: 'class 0',
      top: [{ class: 'class 0', probability: 1 }],
    });
    expect(problems).toEqual([]);
    await page.close();
  });
});

describe('writing the page', () => {
  it('tells what it wrote; weights of 8 bits are smaller', async () => {
    const eighth = await exportWeb({ model: files.small, out: join(folder, 'eighth'), quantize: 'int8' });
    expect(written.files).toEqual(['index.html', 'runtime-1.js', 'runtime-2.js', 'model.js']);
    const sizes = written.files.map((file) => readFileSync(join(written.out, file)).length);
    expect(written.bytes).toBe(sizes.reduce((a, b) => a + b));
    expect(eighth.bytes).toBeLessThan(written.bytes);
    expect(written).toMatchObject({ classes: 6, page: join(small, 'index.html') });
    expect(written.loadMs).toBeGreaterThan(0);
    expect(written.firstPredictionMs).toBeGreaterThan(0);
  });

  it('touches no folder that is in use, and leaves nothing where there is no network', async () => {
    const used = join(folder, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'mine.txt'), 'mine');
    await expect(exportWeb({ model: writeClassifier(folder, 2), out: used })).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(join(used, 'mine.txt'), 'utf8')).toBe('mine');
    await expect(exportWeb({ model: join(folder, 'none'), out: join(folder, 'new') })).rejects.toMatchObject({
      exitCode: 2,
    });
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});
