import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors, scope, writeSafetensors, zeros } from '@suave/torch';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate, evaluateProtocol, featureProtocols } from '../evaluation/index.js';
import { createBackbone } from '../models/index.js';
import type { Override } from '../recipes/index.js';
import { readConfig } from '../runs/index.js';
import { finetuneRequest } from './finetune.js';
import { finetune, train } from './index.js';
import { resolveRun } from './resolve-run.js';

let folder: string;
const path = (...parts: string[]): string => join(folder, ...parts);
const settings = (values: Record<string, unknown>): Override[] =>
  Object.entries(values).map(([key, value]) => ({ path: key, value, isText: false }));

async function writePhotos(name: string): Promise<string> {
  for (let label = 0; label < 2; label++) {
    mkdirSync(path(name, `class-${label}`), { recursive: true });
    for (let i = 0; i < 20; i++) {
      const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, k) => (k * (i + 7) * (label + 3)) % 256);
      const png = await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
        .png()
        .toBuffer();
      writeFileSync(path(name, `class-${label}`, `${i}.png`), png);
    }
  }
  return path(name);
}

const tiny = {
  'model.arch': 'resnet8',
  'model.width': 0.25,
  'model.hidden': [16],
  'model.outputDim': 8,
  'data.workers': 0,
  'batch.unlabeled': 8,
  'batch.labeled': 4,
  'optimizer.lr': 0.1,
  'views.unlabeled.0.size': 16,
  'views.unlabeled.1.size': 8,
  'views.labeled.size': 16,
  epochs: 1,
};

const common = { recipe: null, overrides: [] as Override[], resume: false, baseline: false, threads: 1 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'suave-finetune-'));
  process.env.XDG_CACHE_HOME = path('cache');
  await writePhotos('data');
  await writePhotos('other');
  const overrides = settings({ ...tiny, 'data.labelsPerClass': 6, 'data.holdout': 0.25, seed: 9 });
  await train({ ...common, data: path('data'), out: path('run'), overrides });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('finetuneRequest', () => {
  const request = (changes: object) =>
    finetuneRequest({ ...common, data: path('data'), out: path('fine'), from: path('run'), ...changes });
  const settingIn = (overrides: readonly Override[], key: string): unknown =>
    overrides.findLast((override) => override.path === key)?.value;

  it("keeps labels, hold-out and seed on the run's own data", () => {
    const { overrides, base } = request({});
    expect(settingIn(overrides, 'data.labelsPerClass')).toBe(6);
    expect(settingIn(overrides, 'data.holdout')).toBe(0.25);
    expect(settingIn(overrides, 'seed')).toBe(9);
    expect(settingIn(overrides, 'init')).toBe(path('run', 'checkpoints', 'last.safetensors'));
    expect(base?.stages).toMatchObject([{ name: 'finetune', init: 'all-but-prototypes' }]);
  });

  it('takes other labels where they are asked for, and none from a run on other data', () => {
    const own = request({ overrides: settings({ 'data.labelFraction': 0.5 }) });
    expect(settingIn(own.overrides, 'data.labelsPerClass')).toBeUndefined();
    expect(own.base?.data.labelsPerClass).toBeNull();
    const other = request({ data: path('other') });
    expect(other.overrides.map((override) => override.path)).toEqual(['init']);
    expect(other.base?.data).toMatchObject({ labels: null, labelsPerClass: null, labelFraction: null });
  });

  it('gives a recipe the architecture, the size and the colors of the checkpoint', () => {
    const { overrides, base } = request({ recipe: 'swav-linear', overrides: settings({ 'optimizer.lr': 2 }) });
    expect(base).toBeUndefined();
    expect(settingIn(overrides, 'model.arch')).toBe('resnet8');
    expect(settingIn(overrides, 'model.width')).toBe(0.25);
    expect(settingIn(overrides, 'evaluation.crop')).toBe(32);
    expect(settingIn(overrides, 'normalization.std')).toEqual([0.229, 0.224, 0.225]);
    expect(overrides.at(-1)).toMatchObject({ path: 'optimizer.lr', value: 2 });
  });

  it('needs a recipe for weights without a run', () => {
    const file = path('weights.safetensors');
    scope(() => writeSafetensors(file, new Map([['conv1.weight', zeros([4, 3, 3, 3])]])));
    expect(() => request({ from: file })).toThrow(expect.objectContaining({ code: 'CHECKPOINT_WITHOUT_CONFIG' }));
    expect(() => request({ from: file, recipe: 'swav-linear' })).not.toThrow();
  });

  it('gives a recipe the architecture of weights that another program wrote', () => {
    const backbone = createBackbone('resnet18', { width: 0.5, stem: 'cifar' });
    const file = path('resnet18.safetensors');
    writeSafetensors(file, backbone.stateDict());
    backbone.dispose();
    const { overrides } = request({ from: file, recipe: 'swav-finetune-1pct' });
    expect(settingIn(overrides, 'model.arch')).toBe('resnet18');
    expect(settingIn(overrides, 'model.width')).toBe(0.5);
    expect(settingIn(overrides, 'model.stem')).toBe('cifar');
    expect(settingIn(overrides, 'evaluation.crop')).toBeUndefined();
  });
});

describe('fine-tuning of Daino', () => {
  it('takes all but the last layer, for other classes too', async () => {
    const small = {
      'model.arch': 'resnet8',
      'model.width': 0.25,
      'stages.swav.epochs': 1,
      'stages.swav.optimizer.warmupEpochs': 0,
      'head.hiddenDim': 16,
      'head.bottleneckDim': 8,
      'batch.unlabeled': 8,
      'batch.labeled': 4,
      'data.workers': 0,
      epochs: 1,
    };
    const before = liveTensors().count;
    const overrides = settings(small);
    const run = { ...common, data: path('data'), out: path('daino'), recipe: 'daino-cifar10', overrides };
    expect((await train(run)).top1).not.toBeNull();
    await writePhotos('three');
    mkdirSync(path('three', 'class-2'));
    for (let i = 0; i < 5; i++) {
      copyFileSync(path('data', 'class-0', `${i}.png`), path('three', 'class-2', `${i}.png`));
    }
    const notes: string[] = [];
    const events = { note: (text: string) => void notes.push(text) };
    const result = await finetune({
      ...common,
      data: path('three'),
      out: path('daino-3'),
      from: path('daino'),
      events,
    });
    expect(result.top1).not.toBeNull();
    expect(notes.join()).toMatch(/trained on 2 classes, the data has 3/);
    expect(readConfig(path('daino-3'))).toMatchObject({ stages: [{ method: 'daino', init: 'backbone+head' }] });
    expect(liveTensors().count).toBe(before);
  }, 120_000);
});

describe('weights that another program wrote', () => {
  it('are refused before anything is written where the architecture is another one', async () => {
    const backbone = createBackbone('resnet14', { width: 0.25, stem: 'cifar' });
    const file = path('resnet14.safetensors');
    writeSafetensors(file, backbone.stateDict());
    backbone.dispose();
    const start = { ...common, data: path('data'), out: path('refused') };
    const before = liveTensors().count;
    const others = [
      ['resnet20', /of 105 entries do not fit/],
      ['resnet8', /resnet8, got a larger one: 30 of its 75 entries have no place/],
    ] as const;
    for (const [arch, message] of others) {
      const overrides = settings({ ...tiny, init: file, 'model.arch': arch });
      await expect(train({ ...start, overrides })).rejects.toThrow(message);
      expect(existsSync(path('refused'))).toBe(false);
      expect(liveTensors().count).toBe(before);
    }
    const fitting = settings({ ...tiny, init: file, 'model.arch': 'resnet14' });
    expect((await train({ ...start, overrides: fitting })).top1).not.toBeNull();
    expect(liveTensors().count).toBe(before);
  }, 120_000);
});

describe('a resume', () => {
  it('takes the time between checkpoints that it is given', async () => {
    const changes = settings({ 'logging.checkpointMinutes': 0.5 });
    const request = { ...common, data: path('data'), out: path('run'), resume: true, overrides: changes };
    expect((await resolveRun(request)).config.logging.checkpointMinutes).toBe(0.5);
  });
});

describe('images that are set aside', () => {
  it('are said to be trained on before, where files came since, and only then', async () => {
    await writePhotos('grown');
    const overrides = settings({ ...tiny, 'data.holdout': 0.25 });
    await train({ ...common, data: path('grown'), out: path('first'), overrides });
    const notesOf = async (out: string): Promise<string> => {
      const notes: string[] = [];
      const events = { note: (text: string) => void notes.push(text) };
      await finetune({ ...common, data: path('grown'), out: path(out), from: path('first'), events });
      return notes.join('\n');
    };
    expect(await notesOf('same')).not.toMatch(/hold-out:/);
    copyFileSync(path('grown', 'class-0', '0.png'), path('grown', 'class-0', '00.png'));
    expect(await notesOf('later')).toMatch(/hold-out: \d+ of the 10 images that are set aside were trained on/);
  }, 120_000);
});

describe('a checkpoint outside of its run', () => {
  it('is measured on all images of its data, and says that they are training images', async () => {
    const file = path('copied.safetensors');
    copyFileSync(path('run', 'checkpoints', 'last.safetensors'), file);
    const own = await evaluate({ model: file, data: null, workers: 0 });
    expect(own).toMatchObject({ source: 'all', evaluation: { images: 40 } });
    expect(own.notes.join()).toMatch(/images that the model was trained on/);
    expect((await evaluate({ model: file, data: path('other'), workers: 0 })).notes).toEqual([]);
    expect((await evaluate({ model: path('run'), data: null, workers: 0 })).notes).toEqual([]);
  });
});

describe('fine-tuning and comparing features', () => {
  it('leave no tensor behind', async () => {
    const before = liveTensors().count;
    const result = await finetune({ ...common, data: path('data'), out: path('fine'), from: path('run') });
    expect(result.images).toBe(10);
    expect(readConfig(path('fine'))).toMatchObject({ seed: 9, data: { labelsPerClass: 6, holdout: 0.25 } });
    const overrides = settings({ epochs: 1, 'data.workers': 0 });
    const probe = { ...common, data: path('data'), out: path('probe'), from: path('fine'), recipe: 'swav-linear' };
    expect((await finetune({ ...probe, overrides })).top1).not.toBeNull();
    expect(liveTensors().count).toBe(before);
    for (const protocol of featureProtocols) {
      const report = await evaluateProtocol({ model: path('fine'), data: null, protocol, workers: 0 });
      expect(report).toMatchObject({ bankImages: 12, source: 'hold-out', evaluation: { images: 10, protocol } });
      expect(liveTensors().count, protocol).toBe(before);
    }
    const tooMany = { model: path('fine'), data: null, protocol: 'knn', k: 13, workers: 0 } as const;
    await expect(evaluateProtocol(tooMany)).rejects.toThrow(expect.objectContaining({ code: 'USAGE_NEIGHBOURS' }));
    expect(liveTensors().count).toBe(before);
  }, 120_000);
});
