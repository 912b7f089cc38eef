/** @file Fine-tuning and probing a run with the real command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '@suave/torch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { imageFolder, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let run: string;

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 12);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const labels = ['--labels-per-class', '5', '--seed', '4'];
  const outcome = await place.run(['train', photos, '--recipe', recipe, '--out', run, '--threads', '1', ...labels]);
  expect(outcome.stderr).toMatch(/suave epoch 2/);
  expect(outcome.status).toBe(0);
});
afterAll(() => place.remove());

const configOf = (folder: string) => parse(readFileSync(join(folder, 'config.yaml'), 'utf8'));
const splitsOf = (folder: string) => readFileSync(join(folder, 'splits', 'labeled.csv'), 'utf8');

/** Values of the network's tensors in the last checkpoint of a run. */
function weightsOf(folder: string): Map<string, string> {
  const { tensors } = readSafetensors(join(folder, 'checkpoints', 'last.safetensors'));
  const entries = [...tensors].filter(([name]) => name.startsWith('model.'));
  const values = new Map(entries.map(([name, tensor]) => [name, tensor.data().join()]));
  for (const tensor of tensors.values()) tensor.dispose();
  return values;
}

describe('suave finetune', () => {
  it("goes on with the run's own method, shortened, on its labels and hold-out", async () => {
    const out = place.path('fine');
    const outcome = await place.run(['finetune', photos, '--from', run, '--out', out, '--threads', '1', '--json']);
    expect(outcome.stderr).not.toMatch(/warning|hold-out:/);
    expect(outcome.status).toBe(0);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ images: 7, top5: 1 });
    const config = configOf(out);
    expect(config).toMatchObject({
      recipe: expect.stringMatching(/-finetune$/),
      init: join(run, 'checkpoints', 'last.safetensors'),
      seed: 4,
      model: { arch: 'resnet8', width: 0.25 },
      data: { labelsPerClass: 5 },
    });
    expect(config.stages).toHaveLength(1);
    expect(config.stages[0]).toMatchObject({
      name: 'finetune',
      method: 'suave',
      epochs: 1,
      init: 'all-but-prototypes',
    });
    expect(splitsOf(out)).toBe(splitsOf(run));
    const again = await place.run(['finetune', photos, '--from', run, '--out', out, '--threads', '1', '--resume']);
    expect(again.status).toBe(0);
    expect(again.stdout).toMatch(/finished, nothing to do/);
  });

  it('says that other images are set aside where the seed is another one', async () => {
    const out = place.path('other-seed');
    const args = ['finetune', photos, '--from', run, '--out', out, '--threads', '1', '--seed', '5'];
    const outcome = await place.run(args);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/hold-out: \d of the 7 images that are set aside were trained on/);
  });

  it('probes the frozen backbone with a recipe, on the architecture and the images of the checkpoint', async () => {
    const out = place.path('probe');
    const args = ['finetune', photos, '--from', run, '--out', out, '--recipe', 'swav-linear', '--epochs', '2'];
    const outcome = await place.run([...args, '--threads', '1', '--set', 'data.workers=0']);
    expect(outcome.status).toBe(0);
    expect(configOf(out)).toMatchObject({
      recipe: 'swav-linear',
      model: { arch: 'resnet8', stem: 'cifar' },
      evaluation: { crop: 16 },
    });
    const [before, after] = [weightsOf(run), weightsOf(out)];
    const shared = [...after.keys()].filter((name) => before.has(name));
    expect(shared.length).toBeGreaterThan(20);
    for (const name of shared) expect(after.get(name), name).toBe(before.get(name));
    const evaluated = await place.run(['evaluate', out, '--json']);
    expect(JSON.parse(evaluated.stdout).images).toBe(7);
  });

  it('fine-tunes everything from a SwAV checkpoint, the classifier faster than the backbone', async () => {
    const out = place.path('swav-fine');
    const swav = join(run, 'checkpoints', 'stage-swav.safetensors');
    const args = ['finetune', photos, '--from', swav, '--out', out, '--recipe', 'swav-finetune-10pct', '--epochs', '4'];
    const outcome = await place.run([...args, '--threads', '1', '--set', 'batch.labeled=5']);
    expect(outcome.status).toBe(0);
    expect(configOf(out).stages[0]).toMatchObject({
      batch: { labeled: 5 },
      optimizer: { lr: 0.01, headLr: 0.2, decay: { epochs: [2, 3] } },
    });
  });

  it('draws the prototypes anew for other classes', async () => {
    const others = await imageFolder(place, 'others', 4, 8);
    const out = place.path('four');
    const outcome = await place.run(['finetune', others, '--from', run, '--out', out, '--threads', '1', '--json']);
    expect(outcome.stderr).toMatch(/trained on 3 classes, the data has 4/);
    expect(outcome.status).toBe(0);
    expect(configOf(out).data.labelsPerClass).toBeNull();
    expect(weightsOf(out).get('model.prototypes.weight')?.split(',')).toHaveLength(4 * 8);
  });

  it.each([
    [['--from', 'nowhere'], /nowhere: no such run folder or checkpoint/],
    [['--from', 'run', '--recipe', 'swav-liner'], /Did you mean "swav-linear"/],
    [['--from', 'run', '--checkpoint', 'newest'], /--checkpoint: expected last or best/],
    [['--from', 'run', '--arch', 'resnet14'], /got one of resnet8/],
    [['--from', 'run', '--epochs', '0'], /epochs: expected a number >= 1/],
    [[], /--from/],
  ])('refuses %j in one sentence', async (args, message) => {
    const outcome = await place.run(['finetune', photos, '--out', 'refused', ...args]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.status).toBe(2);
    expect(place.entries()).not.toContain('refused');
  });

  it('refuses a probe of random weights', async () => {
    const outcome = await place.run(['train', photos, '--out', 'refused', '--recipe', 'swav-linear']);
    expect(outcome.stderr).toMatch(/needs trained weights\. Give --init CKPT, or use suave finetune --from/);
    expect(outcome.status).toBe(2);
    expect(place.entries()).not.toContain('refused');
  });
});
