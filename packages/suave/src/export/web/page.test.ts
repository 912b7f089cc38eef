/** @file The exported page in a real browser: from disk and from a server, against `suave predict`, and where it cannot work. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chromiumPath,
  launchBrowser,
  serveFolders,
  watchPage,
  whyNoBrowser,
} from '../../../../../tests/fixtures/browser.js';
import { temporaryFolder, testImage, testPixels, writeFile } from '../../../../../tests/fixtures/image-folders.js';
import { describeBackbone, writeNetworkCheckpoint } from '../../../../../tests/fixtures/network-checkpoint.js';
import { Classifier, type Prediction, predict } from '../../evaluation/index.js';
import type { CheckpointInput } from '../../runs/index.js';
import { exportWeb, type WebExport } from './index.js';
import { modelElementId, type PageModel } from './page-model.js';

const folder = temporaryFolder();
const small = join(folder, 'small');
const files: Record<string, string> = {};
let written: WebExport;

/** A classifier that was never trained, sharp enough to tell its classes apart. */
function checkpoint(name: string, numClasses: number, input: Partial<CheckpointInput> = {}): string {
  const file = join(folder, `${name}.safetensors`);
  writeNetworkCheckpoint(
    file,
    {
      ...describeBackbone('resnet8', { width: 0.25, stem: 'cifar' }),
      kind: 'linear',
      outputs: [numClasses],
      features: null,
    },
    {
      classes: Array.from({ length: numClasses }, (_, i) => `class ${i}`),
      input,
      seed: numClasses,
      probabilityTemperature: 0.05,
    },
  ).dispose();
  return file;
}

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

const isReady = (page: Page) => page.waitForFunction(() => document.documentElement.dataset.state === 'ready');

/** What the page shows of every picture, in its order. */
const shown = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.card')].map((card) => ({
      name: card.querySelector('.file')?.textContent ?? '',
      note: card.querySelector('.note')?.textContent ?? '',
      verdict: card.querySelector('.verdict')?.textContent ?? null,
      top: [...card.querySelectorAll('.bars li')].map((row) => ({
        class: row.querySelector('.name')?.textContent ?? '',
        probability: Number((row.querySelector('data') as HTMLDataElement).value),
      })),
    })),
  );

async function give(page: Page, paths: readonly string[]): Promise<void> {
  const before = await page.locator('.card').count();
  await page.locator('#files').setInputFiles([...paths]);
  await page.waitForFunction(
    (count) => document.querySelectorAll('.card:not(.waiting)').length === count,
    before + paths.length,
  );
}

/** Same classes in the same order, same probabilities. */
function expectSame(top: Prediction['top'], expected: Prediction['top'] | undefined): void {
  expect(top.map((entry) => entry.class)).toEqual(expected?.map((entry) => entry.class));
  for (const [rank, { probability }] of top.entries()) {
    expect(Math.abs(probability - (expected?.[rank].probability ?? Number.NaN))).toBeLessThan(1e-4);
  }
}

beforeAll(async () => {
  files.small = checkpoint('small', 6, { cacheSide: 40 });
  written = await exportWeb({ model: files.small, out: small, title: 'Waves & <stripes>' });
});

describe.skipIf(chromiumPath === null)(`the page in Chromium${whyNoBrowser}`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveFolders>>;
  let paths: string[];
  const large = join(folder, 'large');
  const addressOf = (place: string) => pathToFileURL(join(place, 'index.html')).href;

  beforeAll(async () => {
    browser = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    paths = await pictures();
    files.large = checkpoint('large', 1000, { cacheSide: null, interpolation: 'bicubic', resize: 40 });
    await exportWeb({ model: files.large, out: large });
    server = await serveFolders({ '/': folder });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A new page, patient enough for a busy machine. */
  async function openPage(): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(100_000);
    return page;
  }

  for (const { from, which } of [
    { from: 'disk', which: 'small' },
    { from: 'a server', which: 'large' },
  ] as const) {
    it(`from ${from}: predicts what suave predict predicts, and asks nobody`, async () => {
      const page = await openPage();
      const problems = watchPage(page);
      await page.goto(from === 'disk' ? addressOf(small) : `${server.url}/large/index.html`);
      await isReady(page);
      await give(page, paths);
      const expected = await predictions(files[which], paths);
      const cards = await shown(page);
      expect(cards.map(({ name }) => name)).toEqual([...expected.keys()]);
      for (const { name, top } of cards) expectSame(top, expected.get(name));
      expect(await page.locator('#first-prediction').textContent()).toMatch(/^\d+\sms$|^\d\.\d\ss$/);
      expect(problems).toEqual([]);
      await page.close();
    });
  }

  it('names title and classes, and finds one of a thousand', async () => {
    const page = await openPage();
    await page.goto(addressOf(small));
    expect(await page.title()).toBe('Waves & <stripes>');
    expect(await page.locator('h1').textContent()).toBe('Waves & <stripes>');
    expect(await page.locator('.summary').textContent()).toBe(
      'Tells 6 classes apart: class 0, class 1, class 2 and 3 more.',
    );
    await page.goto(addressOf(large));
    await page.locator('summary').click();
    expect(await page.locator('#class-names li').count()).toBe(1000);
    await page.getByLabel('Filter').fill('class 99');
    expect(await page.locator('#class-count').textContent()).toBe('11 of 1000');
    await page.close();
  });

  it('with one class: everything is it', async () => {
    const one = join(folder, 'one');
    await exportWeb({ model: checkpoint('one', 1), out: one });
    const page = await openPage();
    const problems = watchPage(page);
    await page.goto(addressOf(one));
    await isReady(page);
    await give(page, [paths[0]]);
    expect((await shown(page))[0]).toMatchObject({ verdict: 'class 0', top: [{ class: 'class 0', probability: 1 }] });
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says of a file what is wrong with it, and goes on', async () => {
    const page = await openPage();
    const problems = watchPage(page);
    await page.goto(addressOf(small));
    await isReady(page);
    const huge = Buffer.from(readFileSync(join(folder, 'pictures', 'colors.png')));
    huge.writeUInt32BE(30_000, 16);
    huge.writeUInt32BE(30_000, 20);
    const wrong = [
      writeFile(folder, 'wrong/notes.txt', 'no picture'),
      writeFile(folder, 'wrong/empty.png', ''),
      writeFile(folder, 'wrong/cut.png', readFileSync(paths[4]).subarray(0, 900)),
      writeFile(folder, 'wrong/cut.webp', readFileSync(paths[10]).subarray(0, 60)),
      writeFile(folder, 'wrong/huge.png', huge),
    ];
    await give(page, [...wrong, paths[4]]);
    const cards = await shown(page);
    expect(cards.slice(0, 5).map(({ note, verdict }) => [note, verdict])).toEqual([
      ['This is not a JPEG, PNG or WebP image.', null],
      ['The file is empty.', null],
      ['The image is damaged or incomplete.', null],
      ['The image is damaged or incomplete.', null],
      ['30000 × 30000 pixels are too many: this page takes up to 100 million.', null],
    ]);
    expect(cards[5].verdict).toMatch(/class \d|Not sure/);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('works by keyboard alone, and tells listeners what happens', async () => {
    const page = await openPage();
    const chosen = page.waitForEvent('filechooser');
    await page.goto(addressOf(small));
    await isReady(page);
    const focused = () => page.evaluate(() => document.activeElement?.id);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('choose');
    await page.keyboard.press('Enter');
    await (await chosen).setFiles(paths[4]);
    await page.locator('.card:not(.waiting)').waitFor();
    const [{ verdict, top }] = await shown(page);
    expect(await page.locator('#status').textContent()).toContain('colors.png: ');
    expect(verdict).toBe(top[0].probability >= 0.5 ? top[0].class : 'Not sure');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('camera');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('threshold');
    await page.keyboard.press('End');
    expect(await page.locator('#threshold').getAttribute('aria-valuetext')).toBe('100 percent');
    expect((await shown(page))[0].verdict).toBe('Not sure');
    await page.keyboard.press('Home');
    expect((await shown(page))[0].verdict).toBe(top[0].class);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('clear');
    await page.keyboard.press('Enter');
    expect(await page.locator('.card').count()).toBe(0);
    expect(await focused()).toBe('choose');
    const unnamed = await page.evaluate(
      () =>
        [...document.querySelectorAll('button, input:not([hidden]), img, video, progress, section')].filter(
          (each) =>
            !each.textContent?.trim() &&
            !each.getAttribute('aria-label') &&
            !each.getAttribute('aria-labelledby') &&
            !document.querySelector(`label[for="${each.id}"]`),
        ).length,
    );
    expect(unnamed).toBe(0);
    await page.close();
  });

  it('takes what is dropped and pasted', async () => {
    const page = await openPage();
    const problems = watchPage(page);
    await page.goto(addressOf(small));
    await isReady(page);
    const base64 = readFileSync(paths[4]).toString('base64');
    for (const kind of ['drop', 'paste'] as const) {
      await page.evaluate(
        ([type, text]) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], `${type}.png`, { type: 'image/png' }));
          const event =
            type === 'drop'
              ? new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })
              : new ClipboardEvent('paste', { clipboardData: dataTransfer, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        },
        [kind, base64] as const,
      );
    }
    await page.waitForFunction(() => document.querySelectorAll('.card:not(.waiting)').length === 2);
    const cards = await shown(page);
    expect(cards.map(({ name }) => name)).toEqual(['paste.png', 'drop.png']);
    expect(cards[0].top).toEqual(cards[1].top);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('classifies what the camera sees, until it is stopped', async () => {
    const page = await openPage();
    const problems = watchPage(page);
    await page.goto(addressOf(small));
    await page.locator('#camera').click();
    await isReady(page);
    await page.locator('#live .bars').waitFor();
    expect(await page.locator('#live .bars li').count()).toBe(5);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('stop');
    await page.locator('#keep').click();
    await page.locator('.card:not(.waiting)').waitFor();
    expect((await shown(page))[0].top).toHaveLength(5);
    await page.locator('#stop').click();
    expect(await page.locator('#camera-view').isHidden()).toBe(true);
    expect(await page.evaluate(() => (document.getElementById('video') as HTMLVideoElement).srcObject)).toBeNull();
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says so where the browser has no WebAssembly SIMD, or no WebAssembly', async () => {
    for (const [script, sentence] of [
      ['WebAssembly.validate = () => false', 'it has no WebAssembly SIMD'],
      ['delete globalThis.WebAssembly', 'it has no WebAssembly.'],
      ['delete globalThis.DecompressionStream', 'it has no decompression'],
    ]) {
      const page = await openPage();
      const problems = watchPage(page);
      await page.addInitScript(script);
      await page.goto(addressOf(small));
      const alarm = page.locator('#problem');
      expect(await alarm.textContent()).toContain(`This browser cannot run the network: ${sentence}`);
      expect(await page.locator('#drop').isHidden()).toBe(true);
      expect(problems).toEqual([]);
      await page.close();
    }
  });

  /** What a changed copy of the small page says. */
  async function complaint(name: string, change: (copy: string) => void): Promise<string> {
    const copy = join(folder, name);
    cpSync(small, copy, { recursive: true });
    change(copy);
    const page = await openPage();
    await page.goto(addressOf(copy));
    await page.waitForFunction(() => document.documentElement.dataset.state === 'failed');
    const text = (await page.locator('#problem').textContent()) ?? '';
    await page.close();
    return text;
  }

  it('says so where the model does not match its description', async () => {
    const rewrite = (copy: string, edit: (model: PageModel) => PageModel) => {
      const file = join(copy, 'index.html');
      const pattern = new RegExp(`(<script id="${modelElementId}"[^>]*>)(.*)(</script>)`);
      const html = readFileSync(file, 'utf8');
      expect(html).toMatch(pattern);
      writeFileSync(
        file,
        html.replace(pattern, (_, start, json, end) => `${start}${JSON.stringify(edit(JSON.parse(json)))}${end}`),
      );
    };
    const found = await Promise.all([
      complaint('fewer', (copy) => rewrite(copy, (model) => ({ ...model, classes: model.classes.slice(1) }))),
      complaint('side', (copy) => rewrite(copy, (model) => ({ ...model, input: { ...model.input, crop: 30 } }))),
      complaint('other', (copy) => copyFileSync(join(large, 'model.js'), join(copy, 'model.js'))),
      complaint('missing', (copy) => rmSync(join(copy, 'model.js'))),
      complaint('empty', (copy) => writeFileSync(join(copy, 'model.js'), '')),
      complaint('cut', (copy) => {
        const text = readFileSync(join(copy, 'model.js'), 'utf8');
        writeFileSync(join(copy, 'model.js'), `${text.slice(0, 1021)}");`);
      }),
    ]);
    const number = String.raw`[\d,]+`;
    const again = 'Export the page again and keep its files together.';
    expect(found).toEqual([
      `The model does not fit this page: the page names 5 classes, the model has 6 outputs. ${again}`,
      `The model does not fit this page: it takes no pictures of 30 × 30 pixels. ${again}`,
      expect.stringMatching(
        new RegExp(
          String.raw`^The model \(model\.js\) does not match this page: expected ${number} bytes, got ${number} bytes\. ${again}$`,
        ),
      ),
      'model.js cannot be loaded. Keep all files of the folder together.',
      'model.js is damaged. Copy the folder again, or export the page again.',
      'The model (model.js) is damaged. Copy the folder again, or export the page again.',
    ]);
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
    await expect(exportWeb({ model: checkpoint('again', 2), out: used })).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(join(used, 'mine.txt'), 'utf8')).toBe('mine');
    await expect(exportWeb({ model: join(folder, 'none'), out: join(folder, 'new') })).rejects.toMatchObject({
      exitCode: 2,
    });
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});
