/** @file `suave prepare`: a run on the one file it makes is the run on the folder, and what is wrong is refused in one sentence. */
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, tensorBytes, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let recipe: string;
let photos: string;

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe);
  photos = await imageFolder(place, 'photos', 3, 10);
  place.write(
    'labels.csv',
    ['path,label', ...[0, 1, 2].flatMap((c) => [0, 1, 2, 3].map((i) => `class-${c}/${i}.png,class-${c}`))].join('\n'),
  );
});
afterAll(() => place.remove());

/** Runs a command that must succeed; its standard output. */
async function run(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await place.run(args);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** Trains for an epoch in each of two stages; the result. */
async function train(data: string, out: string, more: readonly string[] = []): Promise<{ top1: number }> {
  const settings = ['--recipe', recipe, '--threads', '1', '--epochs', '1', '--set', 'optimizer.warmupEpochs=0'];
  return JSON.parse(await run(['train', data, '--out', out, '--json', ...settings, ...more]));
}

/** What of a run depends on its images and options. */
function contentOf(out: string) {
  const splits = readdirSync(place.path(out, 'splits')).map((name) =>
    readFileSync(place.path(out, 'splits', name), 'utf8'),
  );
  const last = tensorBytes(place.path(out, 'checkpoints', 'last.safetensors'));
  return { metrics: timelessMetrics(place.path(out)), splits, last: last.toString('base64') };
}

describe('training on a prepared file', () => {
  it('is training on the folder, bit for bit, where the folder is gone', async () => {
    const { top1 } = await train(photos, 'on-folder', ['--labels', 'labels.csv']);
    const stored = JSON.parse(
      await run(['prepare', photos, '--labels', 'labels.csv', '--out', 'photos.suave', '--json']),
    );
    expect(stored).toMatchObject({ images: 30, form: 'files', labels: 12, skipped: [], notes: [] });
    const text = await run([
      'prepare',
      photos,
      '--labels',
      'labels.csv',
      '--cache-side',
      '16',
      '--out',
      'pixels.suave',
    ]);
    expect(text).toMatch(
      /30 images as pixels, shorter side 16, 12 lines of labels.*\n.*suave train pixels\.suave --out RUN/,
    );
    renameSync(photos, place.path('gone'));
    rmSync(place.path('cache'), { recursive: true });
    for (const name of ['photos', 'pixels']) {
      expect((await train(`${name}.suave`, `on-${name}`)).top1).toBe(top1);
      expect(contentOf(`on-${name}`)).toEqual(contentOf('on-folder'));
    }
    const evaluated = JSON.parse(await run(['evaluate', 'on-folder', 'photos.suave', '--json']));
    expect(evaluated).toMatchObject({ images: 6, top1 }); // its hold-out is known by its paths
    renameSync(place.path('gone'), photos);
  });
});

describe('a filled cache', () => {
  it('is the one that training finds', async () => {
    const found = JSON.parse(await run(['prepare', photos, '--recipe', recipe, '--cache', 'caches', '--json']));
    expect(found).toMatchObject({ images: 30, cacheSide: 16, cache: { numDecoded: 30, numReused: 0 } });
    const settings = ['--recipe', recipe, '--cache', 'caches', '--epochs', '1', '--set', 'optimizer.warmupEpochs=0'];
    const outcome = await place.run(['train', photos, '--out', 'cached', ...settings]);
    expect(outcome.status, outcome.stderr).toBe(0);
    expect(outcome.stderr).not.toMatch(/decoding images/);
  });
});

describe('suave prepare refuses', () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [['photos'], /one of --out FILE and --cache DIR, got neither/],
    [['photos', '--out', 'new.suave', '--cache', 'caches'], /got both/],
    [['photos', '--out', 'new.zip'], /a file that ends in \.suave, got "new\.zip"/],
    [['photos', '--out', 'photos.suave'], /a new file, got "photos\.suave", which exists/],
    [['photos', '--out', 'new.suave', '--cache-side', '0'], /--cache-side: expected a whole number >= 1, auto or none/],
    [['photos', '--out', 'new.suave', '--recipe', 'suave-small'], /--recipe.*files are stored as they are/],
    [['photos', '--cache', 'caches', '--compress'], /--compress.*got --cache/],
  ];
  it.each(cases)('%j', async (args, sentence) => {
    const before = place.entries();
    const { status, stdout, stderr } = await place.run(['prepare', ...args]);
    expect([status, stdout], stderr).toEqual([2, '']);
    expect(stderr.trim().split('\n').at(-1)).toMatch(sentence);
    expect(place.entries()).toEqual(before);
  });
});

describe('a prepared file that cannot be used', () => {
  it('is refused by the other commands, and nothing is created', async () => {
    copyFileSync(place.path('photos.suave'), place.path('cut.suave'));
    truncateSync(place.path('cut.suave'), 20000);
    const before = place.entries();
    const cases: [args: string[], sentence: RegExp][] = [
      [
        ['train', 'cut.suave', '--recipe', recipe, '--out', 'new'],
        /whole prepared file.*got 20000 of its \d+ bytes\. Copy it again/,
      ],
      [['predict', 'cached', 'photos.suave'], /images or folders, got the prepared file/],
    ];
    for (const [args, sentence] of cases) {
      const { status, stderr } = await place.run(args);
      expect(status, stderr).toBe(2);
      expect(stderr.trim().split('\n').at(-1)).toMatch(sentence);
    }
    expect(place.entries()).toEqual(before);
  });
});
