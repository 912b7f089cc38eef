/** @file Bad input, each with one clear sentence and exit status 2, and nothing created. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, type Outcome, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let recipe: string;
let photos: string;

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe);
  photos = await imageFolder(place, 'photos', 3, 8);
  mkdirSync(place.path('empty'));
  await imageFolder(place, 'one-class', 1, 8);
  await imageFolder(place, 'no-label', 2, 8);
  mkdirSync(place.path('no-label', 'class-2'));
  await imageFolder(place, 'damaged', 2, 20);
  for (let i = 0; i < 5; i++) writeFileSync(place.path('damaged', 'class-0', `bad-${i}.png`), 'not a picture');
  const trained = await place.run([
    ...['train', photos, '--recipe', recipe, '--out', place.path('run'), '--threads', '1', '--epochs', '1'],
    ...['--set', 'optimizer.warmupEpochs=0'],
  ]);
  expect(trained.status).toBe(0);
  place.write('truncated.safetensors', '\u0008\u0000\u0000\u0000\u0000\u0000\u0000\u0000{"a":');
  place.write('weights.pth', 'PK');
  place.write('unknown-path.csv', 'path,label\nclass-0/0.png,class-0\nclass-0/99.png,class-0\n');
  place.write('unknown-class.csv', 'path,label\nclass-0/0.png,class-0\nclass-1/0.png,class-7\n');
  place.write('no-column.csv', 'path,kind\nclass-0/0.png,class-0\n');
  place.write('broken.yaml', 'a: [1\n');
  place.write('a-file', '');
});
afterAll(() => place.remove());

/** Runs a command that must be refused, and checks that it left nothing behind. */
async function refused(args: readonly string[]): Promise<string> {
  const before = place.entries();
  const outcome: Outcome = await place.run(args);
  expect(outcome.status, outcome.stderr).toBe(2);
  expect(outcome.stdout).toBe('');
  const lines = outcome.stderr.trim().split('\n');
  const sentence = lines.at(-1)!;
  expect(sentence).toMatch(/^suave/);
  expect(outcome.stderr).not.toMatch(/\n {4}at /);
  expect(place.entries()).toEqual(before);
  return sentence;
}

describe('suave train refuses', () => {
  const cases: [what: string, args: string[], sentence: RegExp][] = [
    ['a missing folder', ['nowhere'], /nowhere.*does not exist/],
    ['a file as folder', ['a-file'], /file "a-file"/],
    ['an empty folder', ['empty'], /empty folder/],
    ['one class only', ['one-class'], /class/],
    ['a class without labeled images', ['no-label'], /class-2/],
    ['a missing label file', ['photos', '--labels', 'none.csv'], /none\.csv/],
    ['an unknown path in the label file', ['photos', '--labels', 'unknown-path.csv'], /line 3.*class-0\/99\.png/],
    ['an unknown class in the label file', ['photos', '--labels', 'unknown-class.csv'], /line 3.*class-7/],
    ['a missing column in the label file', ['photos', '--labels', 'no-column.csv'], /label/],
    ['more labels per class than there are', ['photos', '--labels-per-class', '50'], /at most \d+, got 50/],
    ['too many unreadable files', ['damaged'], /5 %.*got 5 of 45.*bad-0\.png/],
    ['an unknown option', ['photos', '--epoch', '3'], /unknown option '--epoch'.*--epochs/],
    ['an unknown recipe', ['photos', '--recipe', 'suave-smal'], /suave-small/],
    ['a damaged recipe', ['photos', '--recipe', 'broken.yaml'], /not valid YAML/],
    ['an unknown architecture', ['photos', '--arch', 'resnet9'], /model\.arch.*Did you mean "resnet8"/],
    ['an unknown setting', ['photos', '--set', 'optimiser.lr=1'], /Did you mean "optimizer"/],
    ['an unknown stage', ['photos', '--set', 'stages.suavee.epochs=1'], /Did you mean "suave"/],
    ['a setting without value', ['photos', '--set', 'epochs'], /path=value/],
    ['a value out of range', ['photos', '--epochs', '0'], /epochs: expected a number >= 1, got 0/],
    ['a hold-out of everything', ['photos', '--holdout', '1'], /holdout: expected a number < 1, got 1/],
    ['a decimal comma', ['photos', '--set', 'optimizer.lr=0,3'], /decimal point/],
    ['half precision on the processor', ['photos', '--device', 'cpu', '--precision', 'fp16'], /--precision fp32/],
    ['two ways of choosing labels', ['photos', '--labels-per-class', '2', '--label-fraction', '0.5'], /excludes/],
    ['a missing checkpoint', ['photos', '--init', 'none.safetensors'], /none\.safetensors.*no such file/],
    [
      'a damaged checkpoint of PyTorch',
      ['photos', '--init', 'weights.pth'],
      /weights\.pth.*neither a zip file nor a legacy/,
    ],
    ['a damaged checkpoint', ['photos', '--init', 'truncated.safetensors'], /truncated\.safetensors/],
    ['a run folder inside a file', ['photos', '--out', 'a-file/run'], /is a file/],
  ];
  it.each(cases)('%s', async (_what, args, sentence) => {
    const out = args.includes('--out') ? [] : ['--out', 'new'];
    const withRecipe = args.includes('--recipe') ? [] : ['--recipe', recipe];
    expect(await refused(['train', ...args, ...out, ...withRecipe])).toMatch(sentence);
  });

  it('a missing --out', async () => {
    expect(await refused(['train', 'photos'])).toMatch(/--out/);
  });

  it('a folder that holds a run', async () => {
    const before = readdirSync(place.path('run'), { recursive: true }).length;
    expect(await refused(['train', 'photos', '--out', 'run'])).toMatch(/holds a run already.*--resume/);
    expect(readdirSync(place.path('run'), { recursive: true })).toHaveLength(before);
  });

  it('a checkpoint of another architecture', async () => {
    const init = join('run', 'checkpoints', 'last.safetensors');
    const args = ['train', 'photos', '--recipe', recipe, '--out', 'new', '--init', init, '--arch', 'resnet14'];
    expect(await refused(args)).toMatch(/expected a checkpoint of resnet14.*got one of resnet8/);
  });

  it('CUDA where there is none', async () => {
    const args = ['train', 'photos', '--recipe', recipe, '--out', 'new', '--device', 'cuda'];
    const { status, stderr } = await place.run(args, { CUDA_VISIBLE_DEVICES: '' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/no CUDA device.*--device cpu/);
  });
});

describe('a few unreadable files among many', () => {
  it('are skipped, counted and named', async () => {
    const folder = await imageFolder(place, 'mostly-good', 2, 30);
    writeFileSync(join(folder, 'class-0', 'bad.png'), 'not a picture');
    writeFileSync(join(folder, 'class-1', 'zero.jpg'), '');
    copyFileSync(join(folder, 'class-0', '0.png'), join(folder, 'class-0', 'fine.jpeg'));
    const outcome = await place.run([
      ...['train', folder, '--recipe', recipe, '--out', 'mostly', '--threads', '1', '--epochs', '1'],
      ...['--set', 'optimizer.warmupEpochs=0'],
    ]);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/2 image\(s\) cannot be read/);
    expect(outcome.stderr).toMatch(/class-0\/bad\.png/);
    expect(outcome.stderr).toMatch(/class-1\/zero\.jpg/);
  });
});

describe('the other commands refuse', () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [['trian', 'photos'], /unknown command 'trian'.*train/],
    [['evaluate', 'nowhere'], /nowhere: no such run folder or checkpoint/],
    [['evaluate', 'empty'], /expected a run folder/],
    [['evaluate', 'run', 'nowhere'], /nowhere.*does not exist/],
    [['evaluate', 'truncated.safetensors', 'photos'], /truncated\.safetensors/],
    [['evaluate', 'weights.pth', 'photos'], /names no classes.*suave train --init/],
    [['evaluate', 'run', '--checkpoint', 'newest'], /expected last or best, got "newest"/],
    [['evaluate', join('run', 'checkpoints', 'stage-swav.safetensors'), 'photos'], /clusters of stage "swav"/],
    [['predict', 'run', 'nowhere.png'], /nowhere\.png.*does not exist/],
    [['predict', 'run', 'a-file'], /a-file/],
    [['predict', 'run', 'empty'], /empty/],
    [['predict', 'run', 'photos', '--top', '0'], /--top: expected a whole number >= 1/],
    [['predict', 'run', 'photos', '--json', '--csv'], /one of --json and --csv/],
    [['predict', 'run'], /missing required argument/],
    [['recipes', 'suave-smal'], /Did you mean "suave-small"/],
    [['demo', '--seed', 'x'], /--seed: expected a whole number/],
    [['doctor', '--jsn'], /unknown option '--jsn'.*--json/],
  ];
  it.each(cases)('%j', async (args, sentence) => {
    expect(await refused(args)).toMatch(sentence);
  });

  it('and help and version are no errors', async () => {
    for (const args of [['--help'], ['train', '--help'], ['--version'], []]) {
      const outcome = await place.run(args);
      expect(outcome.status).toBe(0);
      expect(outcome.stdout).not.toBe('');
      expect(outcome.stderr).toBe('');
    }
    expect((await place.run(['train', '--help'])).stdout).toMatch(/^Examples:/);
  });
});
