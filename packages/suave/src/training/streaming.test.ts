import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { liveTensors, scope } from '@suave/torch';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, testImage, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { loadPlannedData } from '../data/index.js';
import type { Batch } from '../methods/index.js';
import type { Override } from '../recipes/index.js';
import { createBatches } from './batches.js';
import { train } from './index.js';
import { resolveRun } from './resolve-run.js';

/** Forty images of two classes, JPEG and PNG, in forty sizes. */
async function mixedPhotos(): Promise<string> {
  const data = join(temporaryFolder(), 'data');
  for (let i = 0; i < 40; i++) {
    const image = testImage(14 + i, 60 - i, i);
    const bytes = await (i % 3 === 0 ? image.jpeg() : image.png()).toBuffer();
    writeFile(data, `class-${i % 2}/${i}.${i % 3 === 0 ? 'jpg' : 'png'}`, bytes);
  }
  return data;
}

const view = (name: string, count: number, size: number) => ({
  ...{ name, count, size, scale: [0.3, 1], ratio: [0.75, 1.3333], interpolation: 'bicubic', flipProb: 0.5 },
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, prob: 0.8 },
  ...{ grayProb: 0.2, blur: { prob: 0.5, sigma: [0.1, 1] }, solarize: null, threeAugment: null },
  ...{ cropMode: 'resized', normalization: null },
});

const common = {
  ...{ 'model.arch': 'resnet8', 'model.width': 0.25, epochs: 5, 'data.labelsPerClass': 4, 'logging.every': 2 },
  ...{ 'evaluation.resize': 18, 'evaluation.crop': 16, 'evaluation.batch': 7 },
};

/** A recipe with each kind of stream, and small sizes. */
const recipes: [string, Record<string, unknown>][] = [
  [
    'paws-cifar10',
    {
      ...{ 'batch.unlabeled': 6, 'batch.classes': 2, 'batch.imagesPerClass': 3, 'batch.supportViews': 2 },
      'views.unlabeled': [view('global', 2, 16), view('local', 2, 12)],
      ...{ 'views.support': view('support', 1, 16), 'head.hiddenDim': 16, 'head.outputDim': 16 },
    },
  ],
  [
    'suave-small',
    {
      ...{ 'model.hidden': [16], 'model.outputDim': 8, 'batch.unlabeled': 6, 'batch.labeled': 5, 'queue.size': 12 },
      'views.unlabeled': [view('global', 2, 16), view('local', 2, 12)],
      'views.labeled': view('labeled', 1, 16),
    },
  ],
];

function request(data: string, recipe: string, settings: Record<string, unknown>) {
  const overrides: Override[] = Object.entries({ ...common, ...settings }).map(([path, value]) => ({
    ...{ path, value, isText: false },
  }));
  return { data, recipe, overrides, resume: false, threads: 1, out: join(temporaryFolder(), 'run') };
}

/** All numbers of a batch. */
function numbersOf({ labeled, unlabeled }: Batch): unknown {
  const tensors = [labeled?.images, labeled?.targets, ...(unlabeled?.views ?? []), unlabeled?.hiddenLabels];
  return [
    tensors.map((tensor) => (tensor ? Buffer.from(tensor.bytes()).toString('base64') : null)),
    [unlabeled?.mixedPositions, unlabeled?.mixedLambdas, labeled?.numOriginal],
  ];
}

/** Batches of all stages in the order of `steps`. */
async function batchesOf(options: ReturnType<typeof request>, steps: (total: number) => number[]): Promise<unknown[]> {
  const { config, plan } = await resolveRun(options);
  const { cacheSide, exifOrientation, workers, cache } = config.data;
  const data = await loadPlannedData(plan, { cacheSide, exifOrientation, workers, cache });
  const found: unknown[] = [];
  for (const [index, { epochs }] of config.stages.entries()) {
    const batches = createBatches(config, index, data);
    for (const step of steps(epochs * batches.stepsPerEpoch)) {
      await batches.prepare(step);
      found.push(scope(() => numbersOf(batches.batch(step, true))));
    }
    batches.close();
  }
  data.dispose();
  return found;
}

describe.each(recipes)('batches of %s without a cache', (recipe, settings) => {
  it('equal those with all images cached at full size, over several epochs and from the middle', async () => {
    const data = await mixedPhotos();
    const cache = temporaryFolder();
    const ofRun = (cacheSide: number | 'none', workers: number, steps: (total: number) => number[]) =>
      batchesOf(
        request(data, recipe, {
          ...settings,
          'data.cacheSide': cacheSide,
          'data.workers': workers,
          'data.cache': cache,
        }),
        steps,
      );
    const all = (total: number) => [...Array(total).keys()];
    const before = liveTensors().count;
    const cached = await ofRun(4096, 0, all);
    expect(cached.length).toBeGreaterThan(20);
    expect(await ofRun('none', 1, all)).toEqual(cached);
    const rest = await ofRun('none', 2, (total) => all(total).slice(total - 4));
    expect(rest.slice(-4)).toEqual(cached.slice(-4));
    expect(await ofRun('none', 0, (total) => [...all(total)].reverse())).toHaveLength(cached.length);
    expect(liveTensors().count).toBe(before);
  });
});

it('a run of PAWS, which looks at its labeled images after every epoch, learns the same', async () => {
  const data = await mixedPhotos();
  const cache = temporaryFolder();
  const results = [];
  for (const cacheSide of [4096, 'none']) {
    const [recipe, settings] = recipes[0];
    const run = request(data, recipe, { ...settings, 'data.cacheSide': cacheSide, 'data.cache': cache });
    const { top1, loss, best } = await train({ ...run, baseline: false });
    expect(existsSync(join(run.out, 'checkpoints', 'last.safetensors'))).toBe(true);
    results.push({ top1, loss, best });
  }
  expect(results[1]).toEqual(results[0]);
});
