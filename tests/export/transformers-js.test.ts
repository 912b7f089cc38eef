/**
 * @file Exported folders in transformers.js, in a real browser. It prepares images with the browser's canvas: where an image needs no
 * resizing, probabilities are ours; where it does, the canvas reduces without antialiasing, and where the rest around the crop is
 * odd, it shifts by half a pixel. What that costs is bounded here, on smooth pictures; the whole graph of --with-preprocessing has
 * none of it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadClassifier } from '../../packages/suave/src/evaluation/index.js';
import { exportOnnxFolder } from '../../packages/suave/src/export/index.js';
import type { CheckpointModel } from '../../packages/suave/src/runs/index.js';
import { chromiumPath, launchBrowser, watchPage, whyNoBrowser } from '../fixtures/browser.js';
import { describeBackbone, writeNetworkCheckpoint } from '../fixtures/network-checkpoint.js';
import { classifyInPage, openTransformersPage, serveTransformersPage } from '../fixtures/transformers-page.js';

const classes = ['sea', 'a "wood"', '草原', 'town'];
const models: Record<string, CheckpointModel> = {
  resnet: {
    kind: 'linear',
    ...describeBackbone('resnet8', { stem: 'cifar' }),
    outputs: [classes.length],
    features: null,
  },
  vit: {
    kind: 'linear',
    ...describeBackbone('vit_tiny', { width: 1 / 3, patchSize: 8, imageSize: 32 }),
    outputs: [classes.length],
    features: null,
  },
};

/** Fresh weights tell little: their scores are spread by these. */
const temperatures: Record<string, number> = { resnet: 0.1, vit: 0.5 };

/** Sizes of the pictures, and how far the canvas may move a probability. */
const pictures: Record<string, { size: [number, number]; allowed: number }> = {
  'as-it-is.png': { size: [36, 36], allowed: 1e-5 },
  'wide.png': { size: [38, 36], allowed: 1e-5 },
  'tall.png': { size: [36, 40], allowed: 1e-5 },
  'reduced.png': { size: [64, 48], allowed: 0.05 },
  'half-a-pixel.png': { size: [37, 36], allowed: 0.05 },
  'photo.jpg': { size: [300, 200], allowed: 0.1 },
};

describe.skipIf(chromiumPath === null)(`transformers.js in Chromium${whyNoBrowser}`, () => {
  const root = mkdtempSync(join(tmpdir(), 'suave-hub-'));
  const images = join(root, 'images');
  let server: Awaited<ReturnType<typeof serveTransformersPage>>;
  let browser: Browser;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    mkdirSync(images);
    for (const [name, { size }] of Object.entries(pictures)) await drawPicture(join(images, name), ...size);
    for (const [name, model] of Object.entries(models)) {
      const file = join(root, `${name}.safetensors`);
      writeNetworkCheckpoint(file, model, { classes, probabilityTemperature: temperatures[name] }).dispose();
      await exportOnnxFolder({ model: file, out: join(root, 'models', name), quantize: 'int8' });
    }
    await exportOnnxFolder({
      model: join(root, 'vit.safetensors'),
      out: join(root, 'models', 'features'),
      features: true,
    });
    server = await serveTransformersPage(join(root, 'models'), images);
    browser = await launchBrowser();
    page = await browser.newPage();
    problems = watchPage(page);
    await openTransformersPage(page, server.url);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(root, { recursive: true, force: true });
  });

  it.each(Object.keys(models))('%s: the pipeline loads the folder and agrees with suave predict', async (name) => {
    const names = Object.keys(pictures);
    const answers = await classifyInPage(page, name, names);
    using classifier = await loadClassifier(join(root, `${name}.safetensors`), { threads: 1 });
    const own = await classifier.classify(
      names.map((each) => join(images, each)),
      { top: classes.length },
    );
    for (const [i, { top }] of own.entries()) {
      const { allowed } = pictures[names[i]];
      expect(answers[i]).toHaveLength(classes.length);
      for (const { class: label, probability } of top) {
        const score = answers[i].find((each) => each.label === label)?.score ?? Number.NaN;
        expect(Math.abs(score - probability), `${names[i]}, ${label}`).toBeLessThan(allowed);
      }
      expect(answers[i][0].label).toBe(top[0].class);
    }
    expect(new Set(own.map(({ top }) => top[0].probability.toFixed(4))).size).toBeGreaterThan(3);
  });

  it("finds the weights of 8 bits as dtype 'q8'", async () => {
    const [full] = await classifyInPage(page, 'resnet', ['as-it-is.png']);
    const [small] = await classifyInPage(page, 'resnet', ['as-it-is.png'], { dtype: 'q8' });
    for (const { label, score } of full) {
      const other = small.find((each) => each.label === label)?.score ?? Number.NaN;
      expect(Math.abs(other - score)).toBeLessThan(0.1);
    }
    expect(small.map(({ score }) => score)).not.toEqual(full.map(({ score }) => score));
  });

  it('gives features through AutoModel', async () => {
    const { dims, first } = await page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: the library is untyped in the page
      const { AutoModel, AutoProcessor, RawImage } = (globalThis as any).transformers;
      const processor = await AutoProcessor.from_pretrained('features');
      const model = await AutoModel.from_pretrained('features', { device: 'wasm' });
      const { features } = await model(await processor(await RawImage.read('/images/as-it-is.png')));
      return { dims: features.dims, first: features.data[0] };
    });
    expect(dims).toEqual([1, 64]);
    expect(Number.isFinite(first)).toBe(true);
  });

  it('asks for nothing outside the machine', () => {
    // the pipeline looks for a tokenizer, which a network of images has not
    const others = problems.filter((problem) => !/tokenizer_config|404|No available adapters/.test(problem));
    expect(others).toEqual([]);
  });
});

/** Slow waves of color. */
async function drawPicture(file: string, width: number, height: number): Promise<void> {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const channel = i % 3;
    const x = (Math.floor(i / 3) % width) / width;
    const y = Math.floor(i / 3 / width) / height;
    return 128 + 70 * Math.sin(5 * x + channel + width) + 50 * Math.cos(7 * y - 2 * channel * x);
  });
  await sharp(pixels, { raw: { width, height, channels: 3 } }).toFile(file);
}
