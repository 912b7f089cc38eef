/** @file Training with the real command: interrupted runs equal uninterrupted ones, and every kind of data trains. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, type Outcome, tensorBytes, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let recipe: string;
let photos: string;

const train = (data: string, out: string, ...more: string[]): Promise<Outcome> =>
  place.run(['train', data, '--recipe', recipe, '--out', place.path(out), '--threads', '1', ...more]);
const slow = ['--epochs', '12', '--set', 'stages.suave.optimizer.warmupEpochs=1'];

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe);
  photos = await imageFolder(place, 'photos', 3, 16);
  const whole = await train(photos, 'whole', ...slow);
  expect(whole.stderr).not.toMatch(/unexpected/);
  expect(whole.status).toBe(0);
});
afterAll(() => place.remove());

describe('an interrupted run', () => {
  const expectEqualToWhole = (out: string): void => {
    expect(timelessMetrics(place.path(out))).toEqual(timelessMetrics(place.path('whole')));
    for (const name of ['last', 'best', 'stage-swav', 'stage-suave']) {
      const file = join('checkpoints', `${name}.safetensors`);
      expect(tensorBytes(place.path(out, file)).equals(tensorBytes(place.path('whole', file))), name).toBe(true);
    }
  };

  it('continues after kill -9 as if nothing had happened', async () => {
    for (const [index, pattern] of [/epoch 1:.*\n.*stage 2/, /suave epoch 2:/, /suave epoch 7:/].entries()) {
      const running = place.start([
        ...['train', photos, '--recipe', recipe, '--out', place.path('killed'), '--threads', '1', ...slow],
        ...(index === 0 ? [] : ['--resume']),
      ]);
      await running.seen(pattern);
      running.child.kill('SIGKILL');
      await running.done;
      expect(existsSync(place.path('killed', '.lock'))).toBe(true);
    }
    const resumed = await train(photos, 'killed', '--resume', ...slow);
    expect(resumed.status).toBe(0);
    expectEqualToWhole('killed');
    expect(existsSync(place.path('killed', '.lock'))).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 130 and a checkpoint on %s, then continues', async (signal) => {
    const out = `stopped-${signal}`;
    const args = ['train', photos, '--recipe', recipe, '--out', place.path(out), '--threads', '1', ...slow];
    const running = place.start(args);
    await running.seen(/suave epoch 3:/);
    running.child.kill(signal);
    const outcome = await running.done;
    expect(outcome.status).toBe(130);
    expect(outcome.stderr).toMatch(/--resume/);
    expect(existsSync(place.path(out, '.lock'))).toBe(false);
    // From the configuration in the run folder alone.
    const resumed = await place.run(['train', photos, '--out', place.path(out), '--resume']);
    expect(resumed.status).toBe(0);
    expectEqualToWhole(out);
  });

  it('that was stopped while images were decoded leaves nothing behind', async () => {
    const many = await imageFolder(place, 'slow', 2, 400);
    const args = ['train', many, '--recipe', recipe, '--out', place.path('early'), '--workers', '0'];
    const running = place.start(args);
    await running.seen(/decoding images/);
    running.child.kill('SIGINT');
    const outcome = await running.done;
    expect(outcome.status).toBe(130);
    expect(outcome.stderr).toMatch(/interrupted before training began/);
    expect(existsSync(place.path('early'))).toBe(false);
  });

  it('refuses other settings, and says what differs', async () => {
    const outcome = await train(photos, 'whole', '--resume', '--epochs', '5');
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/stages\.1\.epochs.*12.*5/);
  });

  it('that is finished says so', async () => {
    const before = readFileSync(place.path('whole', 'metrics.jsonl'));
    const outcome = await train(photos, 'whole', '--resume', ...slow);
    expect(outcome.status).toBe(0);
    expect(outcome.stdout).toMatch(/finished/);
    expect(readFileSync(place.path('whole', 'metrics.jsonl'))).toEqual(before);
  });
});

describe('the bits of a run', () => {
  it('are the same with 0, 1 and 3 decode workers', async () => {
    const runs: string[] = [];
    for (const workers of ['0', '1', '3']) {
      const out = `workers-${workers}`;
      const outcome = await train(photos, out, '--workers', workers, '--cache', place.path('cache', out));
      expect(outcome.status).toBe(0);
      runs.push(place.path(out));
    }
    for (const run of runs.slice(1)) {
      expect(timelessMetrics(run)).toEqual(timelessMetrics(runs[0]));
      const last = join('checkpoints', 'last.safetensors');
      expect(tensorBytes(join(run, last)).equals(tensorBytes(join(runs[0], last)))).toBe(true);
    }
  });

  it('are repeated from config.yaml', async () => {
    const config = place.path('whole', 'config.yaml');
    const outcome = await place.run(['train', photos, '--recipe', config, '--out', place.path('again')]);
    expect(outcome.status).toBe(0);
    expect(timelessMetrics(place.path('again'))).toEqual(timelessMetrics(place.path('whole')));
  });
});

describe('training', () => {
  it('takes the default recipe and says what it picked', async () => {
    const args = ['train', photos, '--out', place.path('default'), '--threads', '1', '--epochs', '1', '--json'];
    const outcome = await place.run([...args, '--set', 'model.width=0.25', '--set', 'model.hidden=[16]', '--baseline']);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/image size 32 px/);
    expect(outcome.stderr).toMatch(/backbone resnet8/);
    const result = JSON.parse(outcome.stdout);
    expect(result).toMatchObject({ interrupted: false, images: 10, baseline: { images: 10 } });
    expect(result.top1).toBeGreaterThanOrEqual(0);
    expect(result.top1).toBeLessThanOrEqual(1);
    expect(existsSync(place.path('default', 'baseline', 'checkpoints', 'last.safetensors'))).toBe(true);
  });

  it('works with two classes, and with a batch larger than the data, which is reduced and said', async () => {
    const two = await imageFolder(place, 'two', 2, 5);
    const outcome = await train(two, 'two-run', '--set', 'batch.unlabeled=64', '--set', 'batch.labeled=64');
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/training batch of 64 is larger than the 8 training images, reduced to 8/);
    expect(readFileSync(place.path('two-run', 'config.yaml'), 'utf8')).toMatch(/unlabeled: 8/);
  });

  it('works with a thousand classes', async () => {
    const many = await imageFolder(place, 'many', 1000, 2);
    const outcome = await train(
      many,
      'many-run',
      '--epochs',
      '1',
      '--set',
      'batch.unlabeled=256',
      '--set',
      'batch.labeled=128',
    );
    expect(outcome.status).toBe(0);
    const evaluation = JSON.parse((await place.run(['evaluate', place.path('many-run'), '--json'])).stdout);
    expect(Object.keys(evaluation.classes)).toHaveLength(1000);
  });

  it('starts from a checkpoint, leaving out the stages that made it', async () => {
    const swav = place.path('whole', 'checkpoints', 'stage-swav.safetensors');
    const outcome = await train(photos, 'from-swav', '--init', swav);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/stage swav is left out/);
    expect(outcome.stderr).toMatch(/stage 1 of 1: suave/);
  });

  it('needs no class folders when there is a label file', async () => {
    await imageFolder(place, 'flat/images', 2, 12);
    const rows = [0, 1].flatMap((c) => Array.from({ length: 6 }, (_, i) => `images/class-${c}/${i}.png,kind ${c}`));
    const labels = place.write('labels.csv', `\uFEFFpath,label\r\n\r\n${rows.join('\r\n')}\r\n`);
    const outcome = await train(place.path('flat'), 'flat-run', '--labels', labels);
    expect(outcome.status).toBe(0);
    const predicted = await place.run(['predict', place.path('flat-run'), place.path('flat'), '--json']);
    const predictions = JSON.parse(predicted.stdout) as {
      path: string;
      top: { class: string; probability: number }[];
    }[];
    expect(predictions).toHaveLength(24);
    expect(new Set(predictions.flatMap(({ top }) => top.map((entry) => entry.class)))).toEqual(
      new Set(['kind 0', 'kind 1']),
    );
  });

  it('refuses a second writer while one is at work', async () => {
    rmSync(place.path('busy'), { recursive: true, force: true });
    const args = ['train', photos, '--recipe', recipe, '--out', place.path('busy'), '--threads', '1', ...slow];
    const running = place.start(args);
    await running.seen(/suave epoch 1:/);
    const second = await place.run([...args, '--resume']);
    expect(second.status).toBe(2);
    expect(second.stderr).toMatch(/has been writing to this run/);
    running.child.kill('SIGINT');
    expect((await running.done).status).toBe(130);
  });
});

describe('what goes wrong while running', () => {
  it('a loss that is no number any more ends with 1 and keeps the last good checkpoint', async () => {
    const outcome = await train(photos, 'exploded', '--set', 'optimizer.lr=1e30', '--set', 'optimizer.startLr=1e30');
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/^suave: stage suave, step \d+: .* infinite or not a number\. /m);
    expect(outcome.stderr).not.toMatch(/\n {4}at /);
    const last = await place.run(['train', photos, '--out', place.path('exploded'), '--resume']);
    expect(last.status).toBe(1);
    expect(existsSync(place.path('exploded', 'checkpoints', 'stage-swav.safetensors'))).toBe(true);
  });
});

describe('--precision bf16', () => {
  it('trains on the processor', async () => {
    const outcome = await train(photos, 'bf16', '--precision', 'bf16', '--epochs', '1');
    expect(outcome.status).toBe(0);
    expect(timelessMetrics(place.path('bf16')).every((record) => Number.isFinite(record.loss))).toBe(true);
  });
});
