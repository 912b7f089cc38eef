/** @file Event files and tables of real runs, read by readers that share nothing with what writes them; and a run that is killed. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReadEvent, readEventFile } from '../fixtures/event-file.js';
import { pythonWith, whyNoPython } from '../fixtures/python.js';
import { imageFolder, type Outcome, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
const length = ['--epochs', '4', '--set', 'stages.suave.optimizer.warmupEpochs=1'];
let recipe: string;
let photos: string;

const argsFor = (out: string, ...more: string[]): string[] => [
  ...['train', photos, '--recipe', recipe, '--out', place.path(out), '--threads', '1', ...length, ...more],
];
const train = (out: string, ...more: string[]): Promise<Outcome> => place.run(argsFor(out, ...more));

/** Events of a stage, from its one file; a resume leaves an empty one before it. */
function eventsOf(out: string, stage: string): ReadEvent[] {
  const folder = place.path(out, 'tensorboard', stage);
  const files = readdirSync(folder).filter((name) => name.includes('tfevents'));
  const [file, ...others] = files.filter((name) => statSync(join(folder, name)).size > 0);
  expect(others).toEqual([]);
  expect(file).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  return readEventFile(join(folder, file));
}

/** Step and every value of a stage's events, without the clock. */
const timeless = (out: string, stage: string) =>
  eventsOf(out, stage).map(({ wallTime: _wallTime, scalars, images, texts, ...rest }) => ({
    ...{ ...rest, images: Object.keys(images), texts: Object.keys(texts) },
    scalars: Object.entries(scalars).filter(([tag]) => !tag.includes('seconds')),
  }));

/** Records of a stage in metrics.jsonl. */
const recordsOf = (out: string, stage: string) =>
  timelessMetrics(place.path(out)).filter((record) => record.stage === stage);

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe);
  photos = await imageFolder(place, 'photos', 3, 16);
  const whole = await train('whole', '--log', 'tensorboard,csv');
  expect(whole.status, whole.stderr).toBe(0);
});
afterAll(() => place.remove());

describe('the event files of a run', () => {
  it('hold every number of metrics.jsonl at its step', () => {
    for (const stage of ['swav', 'suave']) {
      const events = eventsOf('whole', stage).filter(({ scalars }) => Object.keys(scalars).length > 0);
      const records = recordsOf('whole', stage);
      expect(events.map(({ step }) => step)).toEqual(records.map(({ step }) => step));
      for (const [i, { scalars }] of events.entries()) {
        const { stage: _stage, step: _step, ...numbers } = records[i];
        const found = Object.entries(scalars).filter(([tag]) => !tag.includes('seconds'));
        expect(found.map(([, value]) => value)).toEqual(
          Object.values(numbers).map((value) => Math.fround(value as number)),
        );
      }
    }
  });

  it('hold the views, histograms of every epoch and the configuration', async () => {
    const events = eventsOf('whole', 'suave');
    const [{ texts, images }] = events.filter(({ texts }) => 'config' in texts);
    expect(texts.config).toContain('    recipe: suave-cifar10');
    const sheet = readFileSync(place.path('whole', 'views', 'suave.png'));
    expect(Buffer.from(images.views.png).equals(sheet)).toBe(true);
    const { width, height } = await sharp(sheet).metadata();
    expect(images.views).toMatchObject({ width, height });
    const epochs = events.filter(({ histograms }) => 'weights/prototypes' in histograms);
    expect(epochs).toHaveLength(4);
    const { histograms } = epochs[3];
    expect(histograms['prototypes/lengths'].num).toBe(3);
    expect(histograms['weights/prototypes']).toMatchObject({ num: 3 * 8 });
    for (const { counts, limits, num, max } of Object.values(histograms)) {
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(num);
      expect(limits.at(-1)).toBe(max);
    }
  });

  it('come with what the projector reads: points of unit length, a description and a picture of each', async () => {
    const file = (name: string) => place.path('whole', 'tensorboard', 'suave', name);
    const lines = (name: string) => readFileSync(file(name), 'utf8').trimEnd().split('\n');
    const config = readFileSync(file('projector_config.pbtxt'), 'utf8');
    const points = lines(/tensor_path: "(.*)"/.exec(config)![1]).map((line) => line.split('\t').map(Number));
    const [columns, ...metadata] = lines('metadata.tsv').map((line) => line.split('\t'));
    expect(columns).toEqual(['class', 'kind', 'predicted', 'right', 'path']);
    expect(points).toHaveLength(metadata.length);
    const images = metadata.filter(([, kind]) => kind === 'image');
    expect(images.map((row) => row[4])).toEqual(
      readFileSync(place.path('whole', 'splits', 'val.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0]),
    );
    for (const [label, , , , path] of images) expect(path.startsWith(`${label}/`)).toBe(true);
    expect(metadata.filter(([, kind]) => kind === 'prototype').map(([name]) => name)).toEqual([
      'class-0',
      'class-1',
      'class-2',
    ]);
    for (const point of points) expect(Math.hypot(...point)).toBeCloseTo(1, 4);
    const { width, height } = await sharp(file('sprite.png')).metadata();
    const side = Math.ceil(Math.sqrt(points.length)) * 32;
    expect([width, height]).toEqual([side, side]);
  });

  const python = pythonWith('tensorboard.backend.event_processing.event_accumulator');
  it.skipIf(python === null)(`are read by TensorBoard's own reader${whyNoPython(python, 'tensorboard')}`, () => {
    const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
all = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0, 'histograms': 0, 'tensors': 0})
all.Reload()
tags = all.Tags()
print(json.dumps({
  'scalars': {tag: [[e.step, e.value] for e in all.Scalars(tag)] for tag in tags['scalars']},
  'images': {tag: [[e.width, e.height, len(e.encoded_image_string)] for e in all.Images(tag)] for tag in tags['images']},
  'histograms': {tag: [[e.step, e.histogram_value.num] for e in all.Histograms(tag)] for tag in tags['histograms']},
  'texts': {tag: all.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags['tensors']},
}))`;
    const read = JSON.parse(python!.run(program, [place.path('whole', 'tensorboard', 'suave')]));
    const records = recordsOf('whole', 'suave');
    const column = (key: string) =>
      records.filter((record) => key in record).map((record) => [record.step, Math.fround(record[key] as number)]);
    expect(read.scalars['loss/total']).toEqual(column('loss'));
    expect(read.scalars['accuracy/val_top1']).toEqual(column('val_top1'));
    expect(read.scalars['assignments/prototypes_used']).toEqual(column('prototypes_used'));
    const sheet = readFileSync(place.path('whole', 'views', 'suave.png'));
    expect(read.images.views[0][2]).toBe(sheet.length);
    expect(read.histograms['weights/prototypes'].map(([, num]: [number, number]) => num)).toEqual([24, 24, 24, 24]);
    expect(read.texts.config).toContain('recipe: suave-cifar10');
  });
});

describe('a run that is resumed', () => {
  /** metrics.csv without the clock. */
  const timelessTable = (out: string): string[][] => {
    const rows = readFileSync(place.path(out, 'metrics.csv'), 'utf8')
      .split('\n')
      .map((row) => row.split(','));
    const seconds = rows[0].indexOf('seconds');
    return rows.map((row) => row.filter((_, i) => i !== seconds));
  };
  const numbers = (out: string, stage: string) =>
    timeless(out, stage)
      .filter(({ scalars }) => scalars.length > 0)
      .map(({ step, scalars }) => [step, scalars]);
  /** Trains until `pattern` is told, then is killed. */
  const killedAt = async (pattern: RegExp, ...more: string[]): Promise<void> => {
    const running = place.start(argsFor('killed', ...more));
    await running.seen(pattern);
    running.child.kill('SIGKILL');
    await running.done;
  };

  it('has the same events and the same table after each kill -9 and a resume, also where it had other outputs', async () => {
    const blocking = place.write('killed/tensorboard', 'a file where a folder should be');
    const blocked = await train('killed');
    expect(blocked.status).toBe(1);
    expect(blocked.stderr.trim().split('\n').at(-1)).toMatch(/killed\/tensorboard/);
    rmSync(blocking);
    await killedAt(/swav epoch 1:/, '--resume', '--log', 'none', '--set', 'data.workers=1');
    expect(existsSync(place.path('killed', 'tensorboard'))).toBe(false);
    expect(existsSync(place.path('killed', 'metrics.csv'))).toBe(false);
    await killedAt(/suave epoch 1:/, '--resume', '--log', 'csv,tensorboard');
    await killedAt(/suave epoch 3:/, '--resume', '--log', 'csv,tensorboard');
    const resumed = await train('killed', '--resume', '--log', 'tensorboard,csv');
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(timelessMetrics(place.path('killed'))).toEqual(timelessMetrics(place.path('whole')));
    expect(numbers('killed', 'swav')).toEqual(numbers('whole', 'swav'));
    expect(timeless('killed', 'suave')).toEqual(timeless('whole', 'suave'));
    expect(timelessTable('killed')).toEqual(timelessTable('whole'));
  });

  it('that is finished gets the events of a stage that has none', async () => {
    rmSync(place.path('killed', 'tensorboard'), { recursive: true });
    rmSync(place.path('killed', 'metrics.csv'));
    const resumed = await train('killed', '--resume', '--log', 'csv,tensorboard');
    expect(resumed.status, resumed.stderr).toBe(0);
    for (const stage of ['swav', 'suave']) expect(numbers('killed', stage)).toEqual(numbers('whole', stage));
    expect(timelessTable('killed')).toEqual(timelessTable('whole'));
  });
});

describe('--log', () => {
  it('says what it takes', async () => {
    for (const [list, hint] of [
      ['tensorbord', /expected tensorboard, csv .* or none, got "tensorbord"\. Did you mean "tensorboard"\?/],
      ['csv,', /--log: expected .*got "csv,"/],
      ['none,csv', /--log: expected .*got "none,csv"/],
    ] as const) {
      const outcome = await train('never', '--log', list);
      expect([outcome.status, outcome.stderr.trim().split('\n').length]).toEqual([2, 1]);
      expect(outcome.stderr).toMatch(hint);
      expect(existsSync(place.path('never'))).toBe(false);
    }
  });
});
