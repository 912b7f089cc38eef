/** @file The report's page in a real browser: its numbers are those of the data, it is quiet, and everybody can use it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launchBrowser, watchPage, whyNoBrowser } from '../../../../tests/fixtures/browser.js';
import { emptyReport, hostileNames, sampleReport, tenNames } from '../../../../tests/fixtures/sample-report.js';
import { renderReport } from './page.js';
import type { ReportData } from './report-data.js';

const ten = sampleReport({ names: tenNames });
const percent = (fraction: number, digits = 1) => `${(100 * fraction).toFixed(digits)}\u00a0%`;

describe('the HTML of a report', () => {
  it('escapes names of classes, and keeps them in the data', () => {
    const html = renderReport(sampleReport({ names: hostileNames }));
    expect(html).not.toContain('<script>alert(1)</script>');
    expect(html).not.toContain('<img src=x');
    expect(html.match(/<script/g)).toHaveLength(2);
    const json = html.split('id="report-data">')[1].split('</script>')[0];
    expect(JSON.parse(json).classNames).toEqual(hostileNames);
  });

  it('forbids connections, scripts of others and event attributes', () => {
    const html = renderReport(ten);
    const policy = html.match(/Content-Security-Policy" content="([^"]*)"/)?.[1];
    expect(policy).toMatch(/^default-src 'none'; img-src data:; script-src 'sha256-[\w+/]+=*'; style-src/);
    expect(html.split('<script')[0]).not.toMatch(/\son\w+=/);
    expect(html.split('<script')[0]).not.toMatch(/(src|href)="(?!#|data:)/);
  });

  it('stays small: under 1 MB with ten classes, under 2.5 MB with a thousand', () => {
    expect(renderReport(ten).length).toBeLessThan(1e6);
    const many = sampleReport({ names: Array.from({ length: 1000 }, (_, i) => `class ${i + 1}`), images: 5000 });
    expect(renderReport(many).length).toBeLessThan(2.5e6);
  });
});

describe.skipIf(chromiumPath === null)(`the report in Chromium${whyNoBrowser}`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'suave-report-page-'));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A report in a page of its own, and what it asked for and complained of. */
  async function show(data: ReportData, options: BrowserContextOptions = {}) {
    const file = join(mkdtempSync(join(folder, 'report-')), 'report.html');
    writeFileSync(file, renderReport(data));
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const problems = watchPage(page);
    const requests: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) requests.push(request.url());
    });
    const url = pathToFileURL(file).href;
    await page.goto(url);
    if (options.javaScriptEnabled !== false) await page.waitForSelector('html[data-ready]');
    /** Expects silence: no error, no warning, no request but for the file, nothing over the right edge. */
    const expectQuiet = async () => {
      expect(problems).toEqual([]);
      expect(requests).toEqual([url]);
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    };
    return { page, expectQuiet, close: () => context.close() };
  }

  /** Shows a report while `use` runs, and expects silence. */
  async function open(data: ReportData, use: (page: Page) => Promise<void>, options: BrowserContextOptions = {}) {
    const shown = await show(data, options);
    try {
      await use(shown.page);
      await shown.expectQuiet();
    } finally {
      await shown.close();
    }
  }

  const cellsOf = (page: Page, rows: string) =>
    page.locator(rows).evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));

  describe('of ten classes, looked at from one test to the next', () => {
    let shown: Awaited<ReturnType<typeof show>>;
    let page: Page;
    beforeAll(async () => {
      shown = await show(ten);
      page = shown.page;
    });
    afterAll(() => shown?.close());
    afterEach(() => shown.expectQuiet());

    it('shows the numbers of the data', async () => {
      const { score, baseline, gain, calibration } = ten;
      const tiles = await page.locator('#overview .tile').allInnerTexts();
      expect(tiles[0]).toContain(percent(score!.top1.value));
      expect(tiles[0]).toContain(`${(100 * score!.top1.low).toFixed(1)} – ${percent(score!.top1.high)}`);
      expect(tiles[1]).toContain(percent(score!.top5.value));
      expect(tiles[2]).toContain(percent(baseline!.top1.value));
      expect(tiles[3]).toContain(`+${(100 * gain!.value).toFixed(1)}`);
      expect(await page.locator('#ece').textContent()).toBe(percent(calibration!.ece, 2));
      expect(await page.locator('#temperature').textContent()).toBe('0.1374');
      const rows = await cellsOf(page, '#class-table tbody tr');
      expect(
        rows.map(([name, top1, , precision, images, labeled]) => [name, top1, precision, images, labeled]),
      ).toEqual(
        ten.classes!.map((row) => [
          row.name,
          percent(row.top1!.value),
          percent(row.precision!),
          String(row.images),
          String(row.labeled),
        ]),
      );
      const counts = tenNames.map((name, truth) => [
        name,
        ...tenNames.map((_, predicted) => {
          const cell = ten.confusion!.find((each) => each.truth === truth && each.predicted === predicted);
          return String(cell?.images ?? 0);
        }),
      ]);
      expect(await cellsOf(page, '#confusion-counts tbody tr')).toEqual(counts);
      const drawn = (await page.locator('#confusion-chart svg text').allTextContents()).filter((text) =>
        /^\d+$/.test(text),
      );
      expect(drawn.map(Number).sort((a, b) => a - b)).toEqual(
        ten.confusion!.map((cell) => cell.images).sort((a, b) => a - b),
      );
      const bins = await cellsOf(page, '#calibration details tbody tr');
      expect(bins.map((bin) => bin[1])).toEqual(calibration!.bins.map((bin) => String(bin.images)));
      expect(await page.locator('.chart svg').count()).toBe(ten.curves.length + 5);
    });

    it('points at all curves alike, hides a curve, and draws where stages begin', async () => {
      await page.locator('#curves-0').hover({ position: { x: 240, y: 120 } });
      await expect.poll(() => page.locator('#training .note').count()).toBe(4);
      const places = await page.locator('#training .note > div:first-child').allInnerTexts();
      expect(new Set(places.filter((_, i) => i !== 1)).size).toBe(1);
      await page.mouse.move(5, 5);
      expect(await page.locator('#curves-3 svg').innerHTML()).toContain('fine-tuning');
      const lines = () => page.locator('#curves-0 svg path[stroke-width="2"]').count();
      const before = await lines();
      await page
        .locator('#training')
        .getByRole('button', { name: /unlabeled/ })
        .press('Space');
      expect(await lines()).toBe(before - 1);
    });

    it('is used with the keyboard: sorting, choosing a cell, moving the threshold', async () => {
      await page.locator('.skip').focus();
      const reached: string[] = [];
      for (let i = 0; i < 80 && !reached.includes('map-class'); i++) {
        await page.keyboard.press('Tab');
        reached.push(String(await page.evaluate('document.activeElement.id || document.activeElement.name')));
      }
      const controls = ['theme', 'class-filter', 'matrix', 'threshold', 'map-color', 'map-class'];
      expect(reached.filter((id) => controls.includes(id))).toEqual(controls);
      const first = page.locator('#class-table tbody tr th').first();
      const byRecall = page.getByRole('button', { name: 'Right (recall)' });
      const sorted = [...ten.classes!].sort((a, b) => a.top1!.value - b.top1!.value);
      await byRecall.press('Enter');
      expect(await first.textContent()).toBe(sorted[0].name);
      expect(await page.locator('#class-table th[aria-sort]').getAttribute('aria-sort')).toBe('ascending');
      await byRecall.press('Enter');
      expect(await first.textContent()).toBe(sorted[9].name);

      await page.locator('#matrix').focus();
      for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
      const cell = ten.confusion!.find((each) => each.truth === 0 && each.predicted === 1)!;
      expect(await page.locator('#cell h3').textContent()).toBe('airplane predicted as automobile');
      expect(await page.locator('#cell').textContent()).toContain(`${cell.images} of 60 images`);
      expect(await page.locator('#cell img').count()).toBe(cell.examples.length);

      const slider = page.locator('#threshold');
      await slider.focus();
      await slider.press('Home');
      for (let i = 0; i < 3; i++) await page.keyboard.press('PageUp');
      for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowRight');
      const point = ten.coverage![32];
      expect(await page.locator('#at-threshold').textContent()).toBe('0.32');
      expect(await page.locator('#at-coverage').textContent()).toBe(percent(point.coverage));
      expect(await page.locator('#at-accuracy').textContent()).toBe(percent(point.accuracy!));
      expect(await page.locator('#abstain-command').textContent()).toBe(
        'suave predict runs/first IMAGES --abstain 0.32',
      );
      expect(await slider.getAttribute('aria-valuetext')).toContain(percent(point.coverage));
      const copy = page.locator('[data-copy="abstain-command"]');
      await copy.press('Enter');
      await expect.poll(() => copy.textContent()).toMatch(/^(Copied|Selected)$/);
    });

    it('shows the images of a cell that is clicked, and of a point on the map', async () => {
      const cell = ten.confusion!.find((each) => each.truth !== each.predicted && each.examples.length === 3)!;
      const number = page.locator('#confusion-chart svg text', { hasText: new RegExp(`^${cell.images}$`) }).first();
      // on a busy machine the chart may still be drawing itself when it is clicked: a person would click again
      const imagesAfterClick = async () => {
        await number.click({ force: true });
        return page.locator('#cell img').count();
      };
      await expect.poll(imagesAfterClick).toBeGreaterThan(0);
      // with keys: the images that have just appeared move what is below them, away from under a pointer
      await page.getByLabel(/mistakes only/).press('Space');
      await page.locator('#map-class').selectOption({ label: 'cat' });
      await page.locator('#map-table summary').press('Enter');
      // the table is filled once it is open
      await expect.poll(() => page.locator('#map-table tbody tr').count()).toBe(ten.map!.points.length);
      const star = page.locator('#map-chart svg path').last();
      await star.scrollIntoViewIfNeeded();
      const noteAtStar = async () => {
        const box = (await star.boundingBox())!;
        await page.mouse.move(0, 0);
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        return page.locator('#map-chart .note').allTextContents();
      };
      await expect.poll(noteAtStar).toEqual(['Prototype of truck']);
    });

    it('has landmarks, headings and words for every image and chart', async () => {
      const tree = await page.locator('body').ariaSnapshot();
      for (const landmark of ['banner', 'navigation', 'main', 'contentinfo', 'heading "first" [level=1]']) {
        expect(tree).toContain(landmark);
      }
      for (const title of ['Training', 'Classes', 'Confusion', 'Calibration', 'Abstaining', 'Map', 'Recipe']) {
        expect(tree).toContain(`heading "${title}" [level=2]`);
      }
      expect(await page.locator('img:not([alt]), img[alt=""]').count()).toBe(0);
      const silent = await page.locator('.chart[role="img"]:not([aria-label*="."])').count();
      expect(silent).toBe(0);
      expect(tree).toContain(
        `of ${ten.confusion!.reduce((sum, cell) => sum + cell.images, 0)} images are on the diagonal`,
      );
    });
  });

  it('is read without scripts', async () => {
    await open(
      ten,
      async (page) => {
        expect(await page.getByText(percent(ten.score!.top1.value)).first().isVisible()).toBe(true);
        expect(await page.locator('#class-table tbody tr').nth(9).isVisible()).toBe(true);
        expect(await page.locator('#pairs tbody tr').first().isVisible()).toBe(true);
        expect(await page.locator('#at-coverage').isVisible()).toBe(true);
        expect(
          await page.locator('.needs-script').evaluateAll((all) => all.filter((each) => each.checkVisibility()).length),
        ).toBe(0);
      },
      { javaScriptEnabled: false },
    );
  });

  it('follows the colors of the system, and the button', async () => {
    await open(
      ten,
      async (page) => {
        const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
        const drawn = () => page.locator('#curves-0 svg').innerHTML();
        const [darkGround, darkChart] = [await ground(), await drawn()];
        expect(darkGround).toBe('rgb(18, 22, 25)');
        await page.getByRole('button', { name: 'Light colors' }).press('Enter');
        expect(await ground()).toBe('rgb(245, 247, 248)');
        expect(await drawn()).not.toBe(darkChart);
      },
      { colorScheme: 'dark' },
    );
  });

  it('stays readable with a thousand classes', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `class ${i + 1}`);
    const many = sampleReport({ names, images: 5000 });
    await open(many, async (page) => {
      expect(await page.locator('#class-table tbody tr').count()).toBe(1000);
      expect(Number(await page.evaluate('document.documentElement.scrollHeight'))).toBeLessThan(12_000);
      expect(await page.locator('#confusion').textContent()).toMatch(/Of 1,000 classes the \d\d in the most frequent/);
      await page.locator('#class-filter').fill('class 77');
      expect(await page.locator('#class-table tbody tr:visible').count()).toBe(11);
      expect(await page.locator('#class-count').textContent()).toBe('11 of 1,000 classes');
      await page.locator('#class-filter').fill('');
      await page.getByRole('button', { name: 'Class', exact: true }).press('Enter');
      expect(await page.locator('#class-table tbody th').nth(9).textContent()).toBe('class 10');
      const spread = await cellsOf(page, '#classes figure tbody tr');
      expect(spread.reduce((sum, [, classes]) => sum + Number(classes), 0)).toBe(1000);
    });
  });

  it('fits a phone, and shows hostile names as text', async () => {
    await open(
      sampleReport({ names: hostileNames }),
      async (page) => {
        const shown = await page.locator('#class-table tbody th').allTextContents();
        expect(shown).toEqual(hostileNames);
        await page.locator('#map-class').selectOption({ label: hostileNames[0] });
      },
      { viewport: { width: 390, height: 844 } },
    );
  });

  it('says what is missing, and draws one class', async () => {
    const nothing = emptyReport();
    await open(nothing, async (page) => {
      const shown = await page.locator('.missing').allInnerTexts();
      for (const part of [
        'score',
        'curves',
        'classes',
        'confusion',
        'mistakes',
        'calibration',
        'coverage',
        'map',
      ] as const) {
        expect(shown).toContain(nothing.missing[part]);
      }
    });
    await open(sampleReport({ names: ['only'], images: 50 }), async (page) => {
      expect(await page.locator('#confusion').textContent()).toContain('There is one class only');
      expect(await page.locator('#class-count').textContent()).toBe('1 class');
    });
  });
});
