/** @file Protocols that compare features, with the real command, for checkpoints with classes and without. */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '@suave/torch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBackbone } from '../../packages/suave/src/models/index.js';
import { imageFolder, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let run: string;

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 15);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--threads', '1', '--labels-per-class', '6'];
  expect((await place.run(args)).status).toBe(0);
});
afterAll(() => place.remove());

const evaluateJson = async (args: readonly string[]) => {
  const outcome = await place.run(['evaluate', ...args, '--threads', '1', '--json']);
  expect(outcome.stderr).not.toMatch(/suave:/);
  expect(outcome.status).toBe(0);
  return JSON.parse(outcome.stdout);
};

describe('suave evaluate --protocol', () => {
  it.each([
    ['knn', null],
    ['linear', expect.any(Number)],
    ['paws-nn', expect.any(Number)],
  ])('%s measures a checkpoint without classes by the labeled images of its run', async (protocol, loss) => {
    const swav = join(run, 'checkpoints', 'stage-swav.safetensors');
    const k = protocol === 'knn' ? ['--k', '5'] : [];
    const evaluation = await evaluateJson([swav, '--protocol', protocol, ...k]);
    expect(Object.keys(evaluation).sort()).toEqual(['classes', 'images', 'loss', 'protocol', 'top1', 'top5']);
    expect(evaluation).toMatchObject({ protocol, loss, images: 9, top5: 1 });
    expect(evaluation.classes['class-2'].images).toBe(3);
    expect(evaluation.top1).toBeGreaterThan(0.6); // the colors tell the classes
  });

  it('compares with the labels of the run, or with all that the folders tell', async () => {
    const few = await place.run(['evaluate', run, '--protocol', 'knn', '--threads', '1']);
    expect(few.stdout).toMatch(/9 held-out images/);
    expect(few.stdout).toMatch(/weighted k-NN \(k = 18\) on backbone features, with 18 labeled training images/);
    expect(few.status).toBe(0);
    const all = await place.run(['evaluate', run, '--protocol', 'paws-nn', '--bank', 'all', '--threads', '1']);
    expect(all.stdout).toMatch(/soft nearest neighbours on embeddings, with 36 labeled training images/);
  });

  it('takes another folder as a data set of its own', async () => {
    const other = await imageFolder(place, 'other/train', 4, 6);
    await imageFolder(place, 'other/val', 4, 2);
    const evaluation = await evaluateJson([run, join(other, '..'), '--protocol', 'knn', '--k', '3', '--split', 'val']);
    expect(evaluation.images).toBe(8);
    expect(Object.keys(evaluation.classes)).toHaveLength(4);
  });

  it('says of a linear probe what the published protocol is', async () => {
    const outcome = await place.run(['evaluate', run, '--protocol', 'linear', '--threads', '1']);
    expect(outcome.stderr).toMatch(/without augmentation; the published protocol is suave finetune .*swav-linear/);
  });

  it('measures the teacher of DINO unless the student is asked for', async () => {
    const out = place.path('dino');
    const sets = [
      'model.arch=vit_tiny',
      'model.width=0.3333333333333333',
      'model.patchSize=8',
      'model.imageSize=16',
      'batch.unlabeled=8',
      'outDim=12',
      'head.hiddenDim=16',
      'head.bottleneckDim=8',
      'views.unlabeled.0.size=16',
      'views.unlabeled.1.size=16',
      'evaluation.resize=16',
      'evaluation.crop=16',
      'data.cacheSide=16',
    ].flatMap((set) => ['--set', set]);
    const args = [
      'train',
      photos,
      '--recipe',
      'dino-cifar10',
      '--out',
      out,
      '--epochs',
      '1',
      '--threads',
      '1',
      ...sets,
    ];
    const trained = await place.run(args);
    expect(trained.stderr).not.toMatch(/suave:/);
    expect(trained.status).toBe(0);
    const teacher = await evaluateJson([out, '--protocol', 'linear']);
    expect(await evaluateJson([out, '--protocol', 'linear', '--weights', 'teacher'])).toEqual(teacher);
    const student = await evaluateJson([out, '--protocol', 'linear', '--weights', 'student']);
    expect(student.loss).not.toBe(teacher.loss);
    const probe = ['finetune', photos, '--from', out, '--out', place.path('dino-probe'), '--recipe', 'dino-linear'];
    const probed = await place.run([...probe, '--epochs', '1', '--threads', '1', '--json']);
    expect(probed.stderr).not.toMatch(/suave:/);
    expect(probed.status).toBe(0);
    const evaluated = await evaluateJson([place.path('dino-probe')]);
    expect(evaluated.images).toBe(9);
  });

  it('measures weights that another program wrote', async () => {
    const released = place.path('resnet18.safetensors');
    const backbone = createBackbone('resnet18', { width: 0.25 });
    writeSafetensors(released, new Map([...backbone.stateDict()].map(([key, value]) => [`module.${key}`, value])));
    backbone.dispose();
    const args = ['evaluate', released, photos, '--protocol', 'knn', '--k', '3', '--threads', '1'];
    const outcome = await place.run(args);
    expect(outcome.stderr).toMatch(/backbone resnet18; images are resized to 256 px \(bilinear\), 224 px of them/);
    expect(outcome.stdout).toMatch(/9 held-out images/);
    expect(outcome.status).toBe(0);
    const small = place.path('resnet8.safetensors');
    const other = createBackbone('resnet8', { width: 0.25 });
    writeSafetensors(small, other.stateDict());
    other.dispose();
    const refused = await place.run(['evaluate', small, photos, '--protocol', 'knn', '--threads', '1']);
    expect(refused.stderr).toMatch(/for small images, of unknown size/);
    expect(refused.status).toBe(2);
  });

  it('refuses what cannot be meant, in one sentence', async () => {
    const swav = join(run, 'checkpoints', 'stage-swav.safetensors');
    const alone = place.path('alone');
    mkdirSync(alone);
    await imageFolder(place, 'flat', 1, 2);
    const refused: [string[], RegExp][] = [
      [[swav], /which have no class names.*--protocol knn, linear or paws-nn/],
      [[run, '--protocol', 'kmeans'], /--protocol: expected classifier or knn or linear or paws-nn, got "kmeans"/],
      [[run, '--protocol', 'knn', '--k', '19'], /--k: expected at most the 18 labeled images.*got 19.*--bank all/],
      [[run, '--protocol', 'knn', '--k', '0'], /--k: expected a whole number >= 1/],
      [[run, '--protocol', 'linear', '--k', '3'], /--k: expected with --protocol knn, got linear/],
      [[run, '--bank', 'all'], /--bank: expected with --protocol/],
      [[run, '--protocol', 'knn', '--weights', 'student'], /expected a checkpoint of DINO or Daino/],
      [[run, '--split', 'test'], /--split: expected val, got "test"/],
      [[run, place.path('flat'), '--protocol', 'knn'], /./],
      [[run, place.path('nowhere'), '--protocol', 'knn'], /nowhere/],
    ];
    for (const [args, message] of refused) {
      const outcome = await place.run(['evaluate', ...args, '--threads', '1']);
      expect(outcome.stderr, args.join(' ')).toMatch(message);
      expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
      expect(outcome.status, args.join(' ')).toBe(2);
    }
    renameSync(photos, place.path('moved'));
    const outcome = await place.run(['evaluate', swav, '--protocol', 'knn']);
    renameSync(place.path('moved'), photos);
    expect(outcome.stderr).toMatch(/trained on .*photos, which is not there.*second argument/);
    expect(outcome.status).toBe(2);
  });

  it('keeps to images that were set aside with --split val', async () => {
    const folder = await imageFolder(place, 'no-val', 3, 3);
    const file = join(run, 'checkpoints', 'last.safetensors');
    const all = await place.run(['evaluate', file, folder, '--json', '--threads', '1']);
    expect(JSON.parse(all.stdout).images).toBe(9);
    const outcome = await place.run(['evaluate', file, folder, '--split', 'val', '--threads', '1']);
    expect(outcome.stderr).toMatch(/expected images that were set aside/);
    expect(outcome.status).toBe(2);
  });
});
