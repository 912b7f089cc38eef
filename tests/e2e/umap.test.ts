/** @file Maps of features with the real command, and the page in a real browser. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf } from '../../packages/suave/src/cli/exit.js';
import { type FeatureMapOptions, makeFeatureMap } from '../../packages/suave/src/figures/index.js';
import { chromiumPath, launchBrowser, watchPage, whyNoBrowser } from '../fixtures/browser.js';
import { imageFolder, picture, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let run: string;
const threads = ['--threads', '1', '--workers', '1'];

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 4, 12);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--epochs', '2'];
  const trained = await place.run([...args, ...threads]);
  expect(trained.status, trained.stderr).toBe(0);
});
afterAll(() => place.remove());

const stageFile = (): string => join(run, 'checkpoints', 'stage-swav.safetensors');

const options = (changes: Partial<FeatureMapOptions> = {}): FeatureMapOptions => ({
  runs: [{ model: run, title: '' }],
  data: photos,
  split: null,
  classes: null,
  numClasses: null,
  images: 1000,
  prototypes: 300,
  seed: 0,
  workers: 0,
  device: 'cpu',
  ...changes,
});

async function refused(changes: Partial<FeatureMapOptions>, sentence: RegExp): Promise<void> {
  const work = makeFeatureMap(options(changes));
  const failure = failureOf(
    await work.then(
      () => new Error('nothing was refused'),
      (error: unknown) => error,
    ),
  );
  expect(failure.message).toMatch(sentence);
  expect(failure.status).toBe(2);
}

describe('suave umap', () => {
  it('draws panels side by side, the same bytes twice', async () => {
    const args = [
      'umap',
      run,
      photos,
      '--split',
      'all',
      '--beside',
      stageFile(),
      '--titles',
      'Suave & co|SwAV',
      ...threads,
    ];
    const first = await place.run([...args, '--out', place.path('first.svg'), '--json']);
    expect(first.status, first.stderr).toBe(0);
    const summary = JSON.parse(first.stdout);
    expect(summary).toMatchObject({ images: 48, split: 'all', classes: ['class-0', 'class-1', 'class-2', 'class-3'] });
    const [suave, swav] = summary.panels;
    expect([suave.features, suave.dim, suave.prototypes]).toEqual(['embeddings', 8, 4]);
    expect(swav.prototypes).toBe(12);
    for (const { trustworthiness, neighbourAccuracy } of summary.panels) {
      expect(trustworthiness).toBeGreaterThan(0.8);
      expect(neighbourAccuracy.features).toBeGreaterThan(0.5);
    }
    const again = await place.run([...args, '--out', place.path('again.svg')]);
    expect(again.stdout).toMatch(/Suave & co: embeddings of 8 numbers, 4 prototypes, trustworthiness/);
    const svg = readFileSync(place.path('first.svg'), 'utf8');
    expect(readFileSync(place.path('again.svg'), 'utf8')).toBe(svg);
    expect(svg).toContain('>Suave &amp; co</text>');
    expect(svg.match(/h0/g)).toHaveLength(96);
    for (const text of ['class-3', 'prototype of a class', '12 prototypes']) expect(svg).toContain(`>${text}</text>`);
    expect((await sharp(Buffer.from(svg)).metadata()).width).toBe(768);
  });

  it('shows held-out images of the run unless said, some classes, some images', async () => {
    const held = await makeFeatureMap(options({ data: null }));
    expect(held.split).toBe('val');
    const rows = readFileSync(join(run, 'splits', 'val.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    expect([...held.figure.paths].sort()).toEqual(rows.map((row) => row.split(',')[0]).sort());
    const training = await makeFeatureMap(options({ split: 'train', classes: ['class-2', 'class-0'] }));
    expect(training.figure.classes).toEqual(['class-0', 'class-2']);
    expect(training.figure.paths.every((path) => /^class-[02]\//.test(path) && !held.figure.paths.includes(path))).toBe(
      true,
    );
    expect(training.figure.panels[0].prototypes.map((each) => each.class)).toEqual([0, 1]);
    const some = await makeFeatureMap(options({ split: 'all', numClasses: 3, images: 10, seed: 4 }));
    expect(some.figure.classes).toHaveLength(3);
    expect(some.figure.paths).toHaveLength(10);
    expect(some.notes.join()).toMatch(/3 of 4 classes.*10 of 36 images/);
    const drawn = await makeFeatureMap(options({ runs: [{ model: stageFile(), title: '' }], prototypes: 5 }));
    expect(drawn.figure.panels[0].prototypes.map((each) => each.class)).toEqual([-1, -1, -1, -1, -1]);
    expect(drawn.figure.panels[0].numPrototypes).toBe(12);
  });

  it('takes images of unknown class, one class, one image, equal and damaged images', async () => {
    const flat = place.path('flat');
    mkdirSync(flat);
    const bytes = await picture(1, 7);
    for (let i = 0; i < 20; i++) writeFileSync(join(flat, `${i}.png`), i < 18 ? bytes : await picture(i, i));
    writeFileSync(join(flat, 'broken.jpg'), 'no image');
    const { figure, skipped, split } = await makeFeatureMap(options({ data: flat }));
    expect([figure.classes, split, skipped.length]).toEqual([[], 'all', 1]);
    expect(figure.paths).toHaveLength(20);
    expect([...figure.labels]).toEqual(new Array(20).fill(-1));
    expect(figure.panels[0].points.every(Number.isFinite)).toBe(true);
    expect(figure.panels[0].quality.neighbourAccuracy).toBeNull();
    const alone = await makeFeatureMap(options({ data: join(flat, '3.png') }));
    expect([...alone.figure.panels[0].points].every(Number.isFinite)).toBe(true);
    const one = await makeFeatureMap(options({ data: join(photos, 'class-1'), images: 3 }));
    expect(one.figure.paths).toHaveLength(3);
    const out = place.path('flat.png');
    expect((await place.run(['umap', run, flat, '--out', out, ...threads])).status).toBe(0);
    expect(await sharp(out).metadata()).toMatchObject({ format: 'png', width: 1024 });
  });

  it('refuses bad input in one sentence', async () => {
    mkdirSync(place.path('nothing'));
    await refused({ runs: [{ model: place.path('no-run'), title: '' }] }, /no such run/);
    await refused({ data: place.path('no-photos') }, /no-photos/);
    await refused({ data: place.path('nothing') }, /got an empty folder/);
    await refused({ classes: ['class-9'] }, /got "class-9"\. Did you mean/);
    await refused({ data: place.path('flat'), split: 'val' }, /set aside.*got none/);
    const before = place.entries();
    for (const [args, sentence] of [
      [['--out', 'map.jpg'], /ends in \.svg, \.png, \.html/],
      [['--out', 'x.svg', '--titles', 'a|b'], /expected 1 titles/],
    ] as const) {
      const { status, stdout, stderr } = await place.run(['umap', run, photos, ...args]);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(sentence);
    }
    expect(place.entries()).toEqual(before);
  });

  it('leaves out images that are gone, and says so', async () => {
    const [path] = readFileSync(join(run, 'splits', 'val.csv'), 'utf8')
      .split('\n')[1]
      .split(',');
    const bytes = readFileSync(join(photos, path));
    rmSync(join(photos, path));
    const { figure, notes } = await makeFeatureMap(options({ data: null }));
    expect(figure.paths).not.toContain(path);
    expect(notes.join()).toContain(basename(path));
    writeFileSync(join(photos, path), bytes);
  });

  it.skipIf(chromiumPath === null)(`makes a page to look around in${whyNoBrowser}`, async () => {
    const out = place.path('map.html');
    const made = await place.run([
      'umap',
      run,
      photos,
      '--split',
      'all',
      '--beside',
      stageFile(),
      '--out',
      out,
      ...threads,
    ]);
    expect(made.status, made.stderr).toBe(0);
    expect(readFileSync(out, 'utf8')).not.toMatch(/(src|href)="http/);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const problems = watchPage(page);
      await page.goto(`file://${out}`);
      expect(await page.title()).toBe('Map of 48 images');
      const panel = page.getByRole('img', { name: /48 images by embeddings of 8 numbers/ });
      expect(await panel.count()).toBe(2);
      const box = await panel.first().boundingBox();
      if (box === null) throw new Error('the panel is not laid out');
      const status = page.getByRole('status');
      const named: string[] = [];
      for (let step = 0; step < 400 && named.length === 0; step++) {
        const [x, y] = [(step % 20) + 0.5, Math.floor(step / 20) + 0.5];
        await page.mouse.move(box.x + (box.width * x) / 20, box.y + (box.height * y) / 20);
        const text = (await status.textContent()) ?? '';
        if (text.includes('.png')) named.push(text);
      }
      expect(named[0]).toMatch(/^class-(\d) class-\1\/\d+\.png$/);
      const canvas = page.locator('canvas').first();
      const drawing = () => canvas.evaluate((element) => (element as unknown as { toDataURL(): string }).toDataURL());
      const all = await drawing();
      const button = page.getByRole('button', { name: /class-2/ });
      await button.click();
      expect(await button.getAttribute('aria-pressed')).toBe('false');
      const fewer = await drawing();
      expect(fewer).not.toBe(all);
      await page.getByRole('button', { name: 'none' }).click();
      expect([all, fewer]).not.toContain(await drawing());
      await page.getByRole('button', { name: 'all' }).click();
      expect(await drawing()).toBe(all);
      await panel.first().press('+');
      expect(await drawing()).not.toBe(all);
      await panel.first().press('0');
      expect(await drawing()).toBe(all);
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
