/** @file What goes wrong while training, or would: a loss that is no number, a collapse, other classes, small images; and what goes beyond the paper. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, type Outcome, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let recipe: string;
let photos: string;
let otherPhotos: string;

const suaveAlone = ['--set', 'stages.suave.init=nothing'];
const train = (data: string, out: string, ...more: string[]): Promise<Outcome> =>
  place.run(['train', data, '--recipe', recipe, '--out', place.path(out), '--threads', '1', ...more]);
const last = (run: string) => place.path(run, 'checkpoints', 'last.safetensors');

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe);
  photos = await imageFolder(place, 'photos', 3, 16);
  otherPhotos = await imageFolder(place, 'other-photos', 4, 16);
  const other = await train(otherPhotos, 'other');
  expect(other.status, other.stderr).toBe(0);
});
afterAll(() => place.remove());

describe('a loss that is no number', () => {
  it('ends the run with the step, the term and the last good checkpoint, which stays', async () => {
    const outcome = await train(photos, 'absurd', '--epochs', '6', '--set', 'stages.suave.optimizer.lr=1e30');
    expect(outcome.status).toBe(1);
    const sentence = outcome.stderr.trim().split('\n').at(-1)!;
    expect(sentence).toMatch(
      /stage suave, step \d+: (the .*loss(es)? (is|are)|values of .* are) infinite or not a number/,
    );
    const [, path, step] = /The last good checkpoint is (\S+) \(stage (?:swav|suave), step (\d+)\)/.exec(sentence)!;
    expect(path).toBe(last('absurd'));
    expect(sentence).toMatch(/smaller stages\.suave\.optimizer\.lr/);
    const header = readFileSync(path).subarray(8).toString('latin1');
    expect(header).toContain(`\\"step\\":${step}`);
    // The same file is what training would continue from: it fails again in the same way, and is not replaced.
    const bytes = readFileSync(path);
    const again = await train(photos, 'absurd', '--resume');
    expect([again.status, again.stderr.trim().split('\n').at(-1)]).toEqual([1, sentence]);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe('a collapse', () => {
  const collapsing = [...suaveAlone, '--epochs', '8', '--set', 'stages.suave.epsilon=1000', '--set', 'logging.every=1'];
  // No step moves the network away from equal shares.
  const still = ['--set', 'stages.suave.optimizer.lr=1e-9', '--set', 'temperature=100', '--set', 'batch.unlabeled=16'];

  it.each([
    ['warn', 0],
    ['stop', 1],
    ['off', 0],
  ] as const)('with logging.collapse=%s ends with %d', async (action, status) => {
    const out = `collapse-${action}`;
    const outcome = await train(photos, out, ...collapsing, ...still, '--set', `logging.collapse=${action}`);
    expect(outcome.status, outcome.stderr).toBe(status);
    const sentence = /the unlabeled loss stayed at ln K = 1\.099 in steps.*a smaller stages\.suave\.epsilon \(now 1000/;
    if (action === 'off') expect(outcome.stderr).not.toMatch(/ln K/);
    else expect(outcome.stderr).toMatch(sentence);
    if (action === 'stop')
      expect(outcome.stderr).toMatch(/The last good checkpoint is .*logging\.collapse=warn trains on/);
  });

  it('is not seen in a healthy run', async () => {
    const outcome = await train(photos, 'healthy', ...suaveAlone, '--epochs', '8', '--set', 'logging.every=1');
    expect(outcome.stderr).not.toMatch(/ln K|were assigned to|was assigned to/);
  });
});

describe('other classes', () => {
  it('of a checkpoint to go on from are refused, to learn anew are noted', async () => {
    const init = ['--init', last('other'), '--epochs', '1', '--set', 'stages.suave.optimizer.warmupEpochs=0'];
    const refused = await train(photos, 'more', ...init, '--set', 'stages.suave.init=all-but-prototypes');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(
      /data's 3 classes \(class-0, class-1, class-2\), got one of 4.*stages\.suave\.init=backbone/,
    );
    expect(existsSync(place.path('more'))).toBe(false);
    const noted = await train(photos, 'more', ...init);
    expect(noted.status, noted.stderr).toBe(0);
    expect(noted.stderr).toMatch(/was trained on 4 classes, the data has 3/);
  });

  it('of the checkpoint of a run are refused', async () => {
    expect(
      (await train(photos, 'mixed-up', ...suaveAlone, '--epochs', '1', '--set', 'optimizer.warmupEpochs=0')).status,
    ).toBe(0);
    copyFileSync(last('other'), last('mixed-up'));
    const outcome = await train(photos, 'mixed-up', '--resume');
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/the 3 classes of this run's splits.*got one of 4.*same run/);
  });
});

it('images smaller than the views are said, with the setting', async () => {
  const view = ['--set', 'stages.suave.views.labeled.size=32', '--set', 'data.cacheSide=none'];
  const outcome = await train(
    photos,
    'small',
    ...suaveAlone,
    '--epochs',
    '1',
    '--set',
    'optimizer.warmupEpochs=0',
    ...view,
  );
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(outcome.stderr).toMatch(
    /a side below the 32 pixels of the largest view.*Set stages\.suave\.views\.labeled\.size to at most 20/,
  );
});

describe('beyond the paper', () => {
  const settings = ['prior=labels', 'extraPrototypes=2', 'epsilon=auto'].flatMap((set) => [
    '--set',
    `stages.suave.${set}`,
  ]);
  const args = [...suaveAlone, '--epochs', '4', '--set', 'onlineHeads=true', ...settings];

  it('trains, evaluates and predicts the classes alone', async () => {
    const outcome = await train(photos, 'beyond', ...args);
    expect(outcome.status, outcome.stderr).toBe(0);
    const records = timelessMetrics(place.path('beyond'));
    expect(records.at(-1)).toMatchObject({ epsilon: expect.any(Number), assignment_entropy: expect.any(Number) });
    const evaluated = await place.run(['evaluate', 'beyond', photos, '--json']);
    expect(Object.keys(JSON.parse(evaluated.stdout).classes)).toEqual(['class-0', 'class-1', 'class-2']);
    const predicted = await place.run(['predict', 'beyond', join(photos, 'class-0'), '--top', '9', '--json']);
    expect(predicted.status, predicted.stderr).toBe(0);
    expect(predicted.stdout).toContain('class-2');
  });

  it('continues after an interruption as if nothing had happened', async () => {
    const running = place.start([
      ...['train', photos, '--recipe', recipe, '--out', place.path('cut'), '--threads', '1', ...args],
    ]);
    await running.seen(/suave epoch 2:/);
    running.child.kill('SIGKILL');
    await running.done;
    expect((await train(photos, 'cut', '--resume')).status).toBe(0);
    expect(timelessMetrics(place.path('cut'))).toEqual(timelessMetrics(place.path('beyond')));
  });

  it('says what epsilon may be', async () => {
    const outcome = await train(photos, 'never', '--set', 'stages.suave.epsilon=automatic');
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/stages\.suave\.epsilon: expected .*number.*auto/);
  });
});
