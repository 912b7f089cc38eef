/** @file The exported page in a real browser as visitors use it, and where it cannot work. */
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launchBrowser, watchPage, whyNoBrowser } from '../../../../../tests/fixtures/browser.js';
import {
  choosePictures,
  diskAddress,
  openPage,
  shownCards,
  waitForCards,
  waitForState,
  writeClassifier,
} from '../../../../../tests/fixtures/classifier-page.js';
import { temporaryFolder, testImage, writeFile } from '../../../../../tests/fixtures/image-folders.js';
import { exportWeb } from './index.js';
import { modelElementId, type PageModel } from './page-model.js';

const folder = temporaryFolder();
const small = join(folder, 'small');
const cameraSwitches = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

describe.skipIf(chromiumPath === null)(`use of the page in Chromium${whyNoBrowser}`, () => {
  let browser: Browser;
  let png: string;
  let webp: string;

  beforeAll(async () => {
    browser = await launchBrowser(cameraSwitches);
    png = writeFile(folder, 'colors.png', await testImage(64, 64, 5).png().toBuffer());
    webp = writeFile(folder, 'lossy.webp', await testImage(80, 60, 10).webp().toBuffer());
    await exportWeb({ model: writeClassifier(folder, 6, { cacheSide: 40 }), out: small });
  });
  afterAll(async () => {
    await browser?.close();
  });

  it('says of a file what is wrong with it, and goes on', async () => {
    const page = await openPage(browser);
    const problems = watchPage(page);
    await page.goto(diskAddress(small));
    await waitForState(page, 'ready');
    const huge = Buffer.from(readFileSync(png));
    huge.writeUInt32BE(30_000, 16);
    huge.writeUInt32BE(30_000, 20);
    const wrong = [
      writeFile(folder, 'wrong/notes.txt', 'no picture'),
      writeFile(folder, 'wrong/empty.png', ''),
      writeFile(folder, 'wrong/cut.png', readFileSync(png).subarray(0, 900)),
      writeFile(folder, 'wrong/cut.webp', readFileSync(webp).subarray(0, 60)),
      writeFile(folder, 'wrong/huge.png', huge),
    ];
    const cards = await choosePictures(page, [...wrong, png]);
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
    const page = await openPage(browser);
    const chosen = page.waitForEvent('filechooser');
    await page.goto(diskAddress(small));
    await waitForState(page, 'ready');
    const focused = () => page.evaluate('document.activeElement?.id');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('choose');
    await page.keyboard.press('Enter');
    await (await chosen).setFiles(png);
    await page.locator('.card:not(.waiting)').waitFor();
    const [{ verdict, top }] = await shownCards(page);
    expect(await page.locator('#status').textContent()).toContain('colors.png: ');
    expect(verdict).toBe(top[0].probability >= 0.5 ? top[0].class : 'Not sure');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('camera');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('threshold');
    await page.keyboard.press('End');
    expect(await page.locator('#threshold').getAttribute('aria-valuetext')).toBe('100 percent');
    expect((await shownCards(page))[0].verdict).toBe('Not sure');
    await page.keyboard.press('Home');
    expect((await shownCards(page))[0].verdict).toBe(top[0].class);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('clear');
    await page.keyboard.press('Enter');
    expect(await page.locator('.card').count()).toBe(0);
    expect(await focused()).toBe('choose');
    const unnamed = await page.evaluate(`
      [...document.querySelectorAll('button, input:not([hidden]), img, video, progress, section')].filter((each) =>
        !each.textContent.trim() && !each.ariaLabel && !each.getAttribute('aria-labelledby') &&
        !document.querySelector('label[for="' + each.id + '"]')).length`);
    expect(unnamed).toBe(0);
    await page.close();
  });

  it('takes what is dropped and pasted', async () => {
    const page = await openPage(browser);
    const problems = watchPage(page);
    await page.goto(diskAddress(small));
    await waitForState(page, 'ready');
    const base64 = readFileSync(png).toString('base64');
    for (const kind of ['drop', 'paste']) {
      await page.evaluate(`{
        const bytes = Uint8Array.from(atob('${base64}'), (letter) => letter.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], '${kind}.png', { type: 'image/png' }));
        const options = { dataTransfer: files, clipboardData: files, bubbles: true, cancelable: true };
        const Kind = '${kind}' === 'drop' ? DragEvent : ClipboardEvent;
        document.body.dispatchEvent(new Kind('${kind}', options));
      }`);
    }
    await waitForCards(page, 2);
    const cards = await shownCards(page);
    expect(cards.map(({ name }) => name)).toEqual(['paste.png', 'drop.png']);
    expect(cards[0].top).toEqual(cards[1].top);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('lets nothing out, whatever a script in it tries', async () => {
    const asked: string[] = [];
    const server = createServer(({ url = '' }, response) => {
      asked.push(url);
      response.writeHead(200, { 'access-control-allow-origin': '*' }).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const page = await openPage(browser);
    await page.goto(diskAddress(small));
    await waitForState(page, 'ready');
    const outcomes = await page.evaluate(`(async () => {
      const address = (way) => 'http://127.0.0.1:${port}/' + way;
      const load = (tag, way) => new Promise((done) => {
        const element = Object.assign(document.createElement(tag), { onload: () => done('out'), onerror: () => done('kept') });
        element.src = address(way);
        document.body.append(element);
      });
      const text = "fetch('" + address('worker') + "').then(() => postMessage('out'), () => postMessage('kept'))";
      const worker = new Worker(URL.createObjectURL(new Blob([text])));
      const told = new Promise((done) => worker.addEventListener('message', ({ data }) => done(data)));
      return [
        await fetch(address('fetch')).then(() => 'out', () => 'kept'),
        await load('img', 'image'),
        await load('script', 'script'),
        await told,
      ];
    })()`);
    expect(outcomes).toEqual(['kept', 'kept', 'kept', 'kept']);
    expect(asked).toEqual([]);
    await page.close();
    await new Promise((done) => server.close(done));
  });

  it('classifies what the camera sees, until it is stopped', async () => {
    const page = await openPage(browser);
    const problems = watchPage(page);
    await page.goto(diskAddress(small));
    await page.evaluate(`{
      const given = (globalThis.given = []);
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wish) => given[given.push(await ask(wish)) - 1];
      for (let i = 0; i < 3; i++) document.getElementById('camera').click();
    }`);
    await waitForState(page, 'ready');
    await page.locator('#live .bars').waitFor();
    expect(await page.locator('#live .bars li').count()).toBe(5);
    expect(await page.evaluate('document.activeElement?.id')).toBe('stop');
    await page.locator('#keep').click();
    await page.locator('.card:not(.waiting)').waitFor();
    expect((await shownCards(page))[0].top).toHaveLength(5);
    await page.locator('#stop').click();
    expect(await page.locator('#camera-view').isHidden()).toBe(true);
    expect(await page.evaluate("document.getElementById('video').srcObject")).toBeNull();
    expect(await page.evaluate('given.map((stream) => stream.active)')).toEqual([false]);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says so where the browser has no WebAssembly SIMD, or no WebAssembly', async () => {
    for (const [script, sentence] of [
      ['WebAssembly.validate = () => false', 'it has no WebAssembly SIMD'],
      ['delete globalThis.WebAssembly', 'it has no WebAssembly.'],
      ['delete globalThis.DecompressionStream', 'it has no decompression'],
    ]) {
      const page = await openPage(browser);
      const problems = watchPage(page);
      await page.addInitScript(script);
      await page.goto(diskAddress(small));
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
    const page = await openPage(browser);
    await page.goto(diskAddress(copy));
    await waitForState(page, 'failed');
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
    const other = join(folder, 'another');
    await exportWeb({ model: writeClassifier(folder, 7), out: other });
    const found = await Promise.all([
      complaint('fewer', (copy) => rewrite(copy, (model) => ({ ...model, classes: model.classes.slice(1) }))),
      complaint('side', (copy) => rewrite(copy, (model) => ({ ...model, input: { ...model.input, crop: 30 } }))),
      complaint('other', (copy) => copyFileSync(join(other, 'model.js'), join(copy, 'model.js'))),
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
