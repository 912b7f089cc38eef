/** @file Measuring and predicting with the real command. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, picture, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let run: string;

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 20);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--threads', '1', '--epochs', '8'];
  expect((await place.run(args)).status).toBe(0);
});
afterAll(() => place.remove());

describe('suave evaluate', () => {
  it("measures the run's own hold-out", async () => {
    const outcome = await place.run(['evaluate', run, '--json']);
    expect(outcome.status).toBe(0);
    const evaluation = JSON.parse(outcome.stdout);
    expect(Object.keys(evaluation)).toEqual(['top1', 'top5', 'loss', 'images', 'classes']);
    expect(evaluation.images).toBe(12);
    expect(evaluation.top5).toBe(1);
    expect(evaluation.classes['class-1']).toEqual({ top1: expect.any(Number), images: 4 });
    const classes = Object.values(evaluation.classes) as { top1: number; images: number }[];
    const hits = classes.reduce((sum, entry) => sum + entry.top1 * entry.images, 0);
    expect(hits / 12).toBeCloseTo(evaluation.top1, 12);
    expect(evaluation.loss).toBeLessThan(Math.log(3) + 0.05);
  });

  it('measures the best checkpoint, a checkpoint file, and a moved copy of the data alike', async () => {
    const best = await place.run(['evaluate', run, '--checkpoint', 'best', '--json']);
    expect(best.status).toBe(0);
    const file = join(run, 'checkpoints', 'best.safetensors');
    expect((await place.run(['evaluate', file, photos, '--json'])).stdout).toBe(best.stdout);
    await imageFolder(place, 'moved', 3, 20);
    expect((await place.run(['evaluate', run, place.path('moved'), '--json'])).stdout).toBe(
      (await place.run(['evaluate', run, '--json'])).stdout,
    );
  });

  it('measures another folder, classes matched by name', async () => {
    const other = place.path('other', 'class-2');
    mkdirSync(other, { recursive: true });
    mkdirSync(place.path('other', 'class-9'));
    for (let i = 0; i < 3; i++) writeFileSync(join(other, `${i}.png`), await picture(2, 100 + i));
    writeFileSync(place.path('other', 'class-9', 'x.png'), await picture(1, 5));
    const outcome = await place.run(['evaluate', run, place.path('other'), '--json']);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/class-9/);
    const evaluation = JSON.parse(outcome.stdout);
    expect(evaluation.images).toBe(3);
    expect(evaluation.classes['class-0']).toEqual({ top1: null, images: 0 });
  });

  it('prints a table for people', async () => {
    const outcome = await place.run(['evaluate', run]);
    expect(outcome.stdout).toMatch(/^top-1 \d\.\d{4} {2}top-5 1\.0000/);
    expect(outcome.stdout).toMatch(/class-0 +\d\.\d{4} +4/);
  });
});

describe('suave predict', () => {
  it('prints probabilities that sum to one, in the order of the files', async () => {
    const files = ['class-1/3.png', 'class-0/2.png'].map((name) => join(photos, name));
    const outcome = await place.run(['predict', run, ...files, '--json']);
    expect(outcome.status).toBe(0);
    const predictions = JSON.parse(outcome.stdout) as { path: string; top: { class: string; probability: number }[] }[];
    expect(predictions.map((entry) => entry.path)).toEqual(files);
    for (const { top } of predictions) {
      expect(top).toHaveLength(3);
      expect(top.reduce((sum, entry) => sum + entry.probability, 0)).toBeCloseTo(1, 9);
      expect(top[0].probability).toBeGreaterThanOrEqual(top[1].probability);
    }
  });

  it('agrees with evaluate', async () => {
    const { stdout } = await place.run(['predict', run, photos, '--json', '--top', '1']);
    const predictions = JSON.parse(stdout) as { path: string; top: { class: string }[] }[];
    const known = await place.run(['evaluate', join(run, 'checkpoints', 'last.safetensors'), photos, '--json']);
    const evaluation = JSON.parse(known.stdout);
    const heldOut = new Set(
      (await import('node:fs'))
        .readFileSync(join(run, 'splits', 'val.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1),
    );
    const hits = predictions.filter(({ path, top }) => {
      const [name] = path.slice(photos.length + 1).split('/');
      return heldOut.has(`${path.slice(photos.length + 1)},${name}`) && top[0].class === name;
    });
    expect(hits.length / heldOut.size).toBeCloseTo(evaluation.top1, 12);
  });

  it('writes CSV, names unreadable files and goes on', async () => {
    const mixed = await imageFolder(place, 'mixed "quoted", odd', 2, 3);
    writeFileSync(join(mixed, 'broken.jpg'), 'no image');
    writeFileSync(join(mixed, 'empty.png'), '');
    const outcome = await place.run(['predict', run, mixed, '--csv', '--workers', '1']);
    expect(outcome.status).toBe(0);
    const lines = outcome.stdout.trim().split('\n');
    expect(lines[0]).toBe('path,class,probability');
    expect(lines).toHaveLength(7);
    expect(lines[1]).toMatch(/^".*mixed ""quoted"", odd.*",class-\d,0\.\d{6}$/);
    expect(outcome.stderr).toMatch(/2 files cannot be read.*(broken|empty).*(broken|empty)/);
    const two = await place.run(['predict', run, mixed, '--csv', '--top', '2']);
    expect(two.stdout.trim().split('\n')).toHaveLength(13);
  });
});

describe('suave doctor and recipes', () => {
  it('finds what training needs', async () => {
    const outcome = await place.run(['doctor', '--json']);
    expect(outcome.status).toBe(0);
    const { canTrain, findings } = JSON.parse(outcome.stdout);
    expect(canTrain).toBe(true);
    expect(findings.map((finding: { what: string }) => finding.what)).toContain('BLAS');
  });

  it('says what is missing when there is no addon', async () => {
    const outcome = await place.run(['doctor'], { SUAVE_TORCH_BUILD: place.path('nothing') });
    expect(outcome.status).toBe(1);
    expect(outcome.stdout).toMatch(/libtorch +missing/);
    expect(outcome.stdout).toMatch(/npm run setup/);
    expect(outcome.stderr).toBe('');
  });

  it('lists and shows recipes', async () => {
    const list = JSON.parse((await place.run(['recipes', '--json'])).stdout);
    expect(list.recipes.map((recipe: { name: string }) => recipe.name)).toContain('suave-cifar10');
    const shown = await place.run(['recipes', 'suave-cifar10']);
    expect(shown.stdout).toMatch(/stages\.suave\.epsilon +0\.086 +Sinkhorn temperature/);
    const config = JSON.parse((await place.run(['recipes', 'suave-small', '--json'])).stdout);
    expect(config.stages.at(-1).method).toBe('suave');
  });
});
