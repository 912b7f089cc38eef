import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveTensors, scope, type Tensor } from '@suave/torch';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { temporaryFolder, writeFile, writeImages } from '../../../../tests/fixtures/image-folders.js';
import { reducedRecipe } from '../../../../tests/fixtures/reduced-recipe.js';
import { loadPlannedData } from '../data/index.js';
import type { Config } from '../recipes/index.js';
import { readMetrics, runPaths } from '../runs/index.js';
import { createBatches, type StageBatches } from './batches.js';
import { train } from './index.js';
import { resolveRun } from './resolve-run.js';
import { writeViewSheet } from './view-sheet.js';

let folder: string;
let data: string;

beforeAll(async () => {
  folder = temporaryFolder();
  data = join(folder, 'data');
  const names = ['ant', 'bee', 'cow'];
  await writeImages(
    data,
    names.flatMap((name) => [0, 1, 2, 3].map((i) => `train/${name}/${i}.png`)),
    20,
    24,
  );
  await writeImages(data, ['val/ant/0.png', 'val/bee/0.png', 'val/cow/0.png'], 24, 20);
});

function request(config: Config, out: string) {
  const recipe = writeFile(folder, 'recipe.yaml', stringify(config));
  const overrides = [{ path: 'data.cache', value: join(folder, 'cache'), isText: false }];
  return { data, out, recipe, overrides, resume: false, threads: 1 };
}

/** The batches of the last stage of a configuration. */
async function withBatches<T>(asked: Config, use: (batches: StageBatches) => Promise<T>): Promise<T> {
  const { config, plan } = await resolveRun(request(asked, join(folder, 'never')));
  const { cacheSide, exifOrientation, workers, cache } = config.data;
  const loaded = await loadPlannedData(plan, { cacheSide, exifOrientation, workers, cache });
  const batches = createBatches(config, config.stages.length - 1, loaded);
  try {
    return await use(batches);
  } finally {
    batches.close();
    loaded.dispose();
  }
}

const bitsOf = (images: Tensor): string => Buffer.from(images.contiguous().bytes()).toString('base64');
/** The first and the last image of a batch. */
const ends = (images: Tensor): string[] => [0, images.shape[0] - 1].map((row) => bitsOf(images.narrow(0, row, 1)));

const recipes = ['suave-cifar10', 'swav-cifar10', 'dino-cifar10', 'daino-cifar10', 'paws-cifar10'];

describe.each([...recipes, 'supervised'])('what is looked at of %s', (name) => {
  it.each([16, 'none'] as const)('are the views of the first step (data.cacheSide %s)', async (cacheSide) => {
    const config = reducedRecipe(name === 'supervised' ? 'suave-cifar10' : name);
    if (name === 'supervised') config.stages = [config.baseline];
    else config.stages = config.stages.slice(-1).map((stage) => ({ ...stage, init: 'nothing' }));
    config.data.cacheSide = cacheSide;
    const before = liveTensors().count;
    await withBatches(config, async (batches) => {
      const seen = await batches.lookAtFirst(2, (blocks) =>
        Object.fromEntries(
          blocks.map(({ stream, views }) => [stream, views.map((view) => ends(view.images))] as const),
        ),
      );
      await batches.prepare(0);
      scope(() => {
        const { labeled, unlabeled } = batches.batch(0, false);
        if (unlabeled !== null) expect(seen.unlabeled).toEqual(unlabeled.views.map(ends));
        expect(seen.unlabeled === undefined).toBe(unlabeled === null);
        expect(seen.labeled === undefined).toBe(labeled === null);
        if (labeled === null) return;
        const size = labeled.images.shape[0] / seen.labeled.length;
        const parts = seen.labeled.map((_, i) => ends(labeled.images.narrow(0, i * size, size)));
        expect(seen.labeled).toEqual(parts);
      });
    });
    expect(liveTensors().count).toBe(before);
  });
});

describe('the picture of a stage', () => {
  it('has a row for each image, a column for each view, and is drawn again only when asked', async () => {
    const config = reducedRecipe('suave-cifar10');
    config.stages = config.stages.slice(-1).map((stage) => ({ ...stage, init: 'nothing' as const }));
    const views = join(folder, 'views');
    await withBatches(config, (batches) => writeViewSheet(views, 'suave', batches, { anew: false }));
    const layout = JSON.parse(readFileSync(join(views, 'suave.json'), 'utf8'));
    expect(layout).toMatchObject({ rows: 4, cell: 48, gap: 2 });
    const { columns } = layout;
    expect(columns.slice(0, 4)).toEqual(['original', 'global 1', 'global 2', 'mixed 1']);
    expect(columns.slice(-3)).toEqual(['labeled original', 'labeled', 'labeled mixed']);
    const png = join(views, 'suave.png');
    const { width, height } = await sharp(png).metadata();
    expect([width, height]).toEqual([columns.length * 50 - 2, 4 * 50 - 2]);
    writeFileSync(png, 'seen');
    await withBatches(config, (batches) => writeViewSheet(views, 'suave', batches, { anew: false }));
    expect(readFileSync(png, 'utf8')).toBe('seen');
    await withBatches(config, (batches) => writeViewSheet(views, 'suave', batches, { anew: true }));
    expect((await sharp(png).metadata()).width).toBe(width);
  });

  it('stays small where every pixel is noise', async () => {
    const noise = Uint8Array.from({ length: 256 * 256 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 16) & 255);
    const image = await sharp(noise, { raw: { width: 256, height: 256, channels: 3 } })
      .png()
      .toBuffer();
    const own = { before: data, folder: join(folder, 'noise') };
    for (let i = 0; i < 16; i++) writeFile(own.folder, `${i < 8 ? 'a' : 'b'}/${i}.png`, image);
    data = own.folder;
    try {
      const config = reducedRecipe('suave-cifar10');
      config.stages = config.stages.slice(-1).map((stage) => ({ ...stage, init: 'nothing' as const }));
      const [stage] = config.stages;
      if (stage.method !== 'suave') throw new Error('the last stage is Suave');
      Object.assign(stage.batch, { unlabeled: 8, labeled: 8 });
      for (const view of stage.views.unlabeled) Object.assign(view, { size: 160, blur: null });
      config.data.cacheSide = 256;
      await withBatches(config, (batches) => writeViewSheet(join(folder, 'large'), 'suave', batches, { anew: false }));
    } finally {
      data = own.before;
    }
    expect(statSync(join(folder, 'large', 'suave.png')).size).toBeLessThan(300 * 1024);
  });
});

describe('a run', () => {
  it('learns the same however often views are drawn, and draws them for every stage', async () => {
    const config = reducedRecipe('suave-cifar10');
    const [once, twice] = ['once', 'twice'].map((name) => join(folder, name));
    const sheet = (out: string, { name }: { name: string }) => join(runPaths(out).views, `${name}.png`);
    mkdirSync(runPaths(once).views, { recursive: true });
    for (const stage of config.stages) writeFileSync(sheet(once, stage), 'of another run');
    await train({ ...request(config, once), baseline: false });
    const stopping = new AbortController();
    const events = { step: () => stopping.abort() };
    const stopped = await train({ ...request(config, twice), baseline: false, signal: stopping.signal, events });
    expect(stopped.interrupted).toBe(true);
    rmSync(runPaths(twice).views, { recursive: true });
    await train({ ...request(config, twice), resume: true, baseline: false });
    const learned = [once, twice].map((out) => {
      const { metrics, last } = runPaths(out);
      const bytes = readFileSync(last);
      const records = readMetrics(metrics).map(({ seconds: _seconds, ...rest }) => rest);
      return { records, tensors: bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))).toString('base64') };
    });
    expect(learned[1]).toEqual(learned[0]);
    for (const stage of config.stages) {
      expect((await sharp(sheet(once, stage)).metadata()).format).toBe('png');
      expect(readFileSync(sheet(twice, stage)).equals(readFileSync(sheet(once, stage)))).toBe(true);
      expect(existsSync(join(runPaths(twice).views, `${stage.name}.json`))).toBe(true);
    }
  });
});
