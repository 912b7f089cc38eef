/** @file PAWS with the real command: trains, continues bit for bit, and measures and predicts from the checkpoint file alone. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, type Outcome, tensorBytes, timelessMetrics, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let recipe: string;
let whole: Outcome;

const view = (name: string, count: number, size: number) =>
  `{ name: ${name}, count: ${count}, size: ${size}, scale: [0.5, 1], ratio: [0.75, 1.3333], interpolation: bilinear, flipProb: 0.5, jitter: null, grayProb: 0, blur: null, solarize: null, threeAugment: null, cropMode: resized, normalization: null }`;

/** Nine images of each class are labeled; the support asks for more classes than there are, and for more images than a class has. */
const tinyPaws = `extends: paws-cifar10
model: { arch: resnet8, width: 0.25 }
evaluation: { resize: 16, crop: 16, batch: 16 }
data: { cacheSide: 16, labelsPerClass: 9 }
logging: { every: 3 }
stages:
  paws:
    epochs: 6
    batch: { unlabeled: 8, classes: 5, imagesPerClass: 10, supportViews: 2 }
    views:
      unlabeled:
        - ${view('global', 2, 16)}
        - ${view('local', 2, 12)}
      support: ${view('support', 1, 16)}
    head: { hiddenDim: 16, outputDim: 16, prediction: true }
    optimizer: { lr: 0.1, startLr: 0.02, finalLr: 0.001, warmupEpochs: 1, trust: 0.01 }
`;

const train = (out: string, ...more: string[]): Promise<Outcome> =>
  place.run(['train', photos, '--recipe', recipe, '--out', place.path(out), '--threads', '1', ...more]);

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 20);
  recipe = place.write('paws.yaml', tinyPaws);
  whole = await train('whole');
  expect(whole.status, whole.stderr).toBe(0);
});
afterAll(() => place.remove());

describe('a PAWS run', () => {
  it('says how the support was fitted to the labels, and learns', () => {
    expect(whole.stderr).toMatch(/support of 5 classes is reduced to the 3 of the data/);
    expect(whole.stderr).toMatch(/3 class\(es\) have fewer than the 10 labeled images/);
    const metrics = timelessMetrics(place.path('whole'));
    for (const record of metrics) expect(record).toMatchObject({ loss_unlabeled: expect.any(Number) });
    const validated = metrics.filter((record) => record.val_top1 !== undefined);
    expect(validated).toHaveLength(6);
    expect(validated.at(-1)!.val_top1).toBeGreaterThan(0.6);
  });

  it('continues after an interruption as if nothing had happened', async () => {
    const running = place.start([
      ...['train', photos, '--recipe', recipe, '--out', place.path('stopped'), '--threads', '1'],
    ]);
    await running.seen(/paws epoch 2:/);
    running.child.kill('SIGINT');
    expect((await running.done).status).toBe(130);
    const resumed = await train('stopped', '--resume');
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(timelessMetrics(place.path('stopped'))).toEqual(timelessMetrics(place.path('whole')));
    for (const name of ['last', 'best']) {
      const file = join('checkpoints', `${name}.safetensors`);
      expect(tensorBytes(place.path('stopped', file)).equals(tensorBytes(place.path('whole', file))), name).toBe(true);
    }
  });

  it('is measured from its folder and from a checkpoint file alone, with the scores of training', async () => {
    const own = await place.run(['evaluate', place.path('whole'), '--json']);
    expect(own.status, own.stderr).toBe(0);
    const evaluation = JSON.parse(own.stdout);
    const last = timelessMetrics(place.path('whole')).findLast((record) => record.val_top1 !== undefined)!;
    expect(evaluation.top1).toBeCloseTo(last.val_top1 as number, 12);
    const file = place.path('whole', 'checkpoints', 'last.safetensors');
    expect((await place.run(['evaluate', file, photos, '--json'])).stdout).toBe(own.stdout);
  });

  it('predicts probabilities that sum to 1', async () => {
    const outcome = await place.run([
      ...['predict', place.path('whole'), join(photos, 'class-1', '0.png'), '--top', '3', '--json'],
    ]);
    expect(outcome.status, outcome.stderr).toBe(0);
    const [prediction] = JSON.parse(outcome.stdout) as { top: { probability: number }[] }[];
    expect(prediction.top).toHaveLength(3);
    expect(prediction.top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 4);
  });
});
