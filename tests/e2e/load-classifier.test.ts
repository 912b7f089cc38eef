/** @file The classifier as a program uses it: `import { loadClassifier } from 'suave'`, against what the command prints. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveTensors, readSafetensors, writeSafetensors } from '@suave/torch';
import sharp from 'sharp';
import { type Classification, ConfigError, DataError, type ImageClassifier, loadClassifier } from 'suave';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, picture, tinyRecipe, Workplace } from './command.js';

interface Printed {
  path: string;
  top: { class: string; probability: number }[];
  answer?: string | null;
}

const place = new Workplace();
let photos: string;
let run: string;
let files: string[];
let printed: Printed[];
let classifier: ImageClassifier;

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 20);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--threads', '1', '--epochs', '4'];
  expect((await place.run(args)).status).toBe(0);
  files = [0, 1, 2].flatMap((c) => [3, 4, 5].map((i) => join(photos, `class-${c}`, `${i}.png`)));
  printed = JSON.parse((await place.run(['predict', run, ...files, '--json'])).stdout) as Printed[];
  classifier = await loadClassifier(run, { threads: 1 });
});

afterAll(() => {
  classifier.dispose();
  place.remove();
});

describe('loadClassifier', () => {
  it('says what suave predict says, for paths, bytes and pixels, whatever the batch', async () => {
    const bytes = files.map((file) => new Uint8Array(readFileSync(file)));
    const pixels = await Promise.all(
      files.map(async (file) => {
        const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
        return { height: info.height, width: info.width, pixels: new Uint8Array(data) };
      }),
    );
    expect(classifier.classes).toEqual(['class-0', 'class-1', 'class-2']);
    for (const sources of [files, bytes, pixels]) {
      for (const batch of [2, 128]) {
        const results = await classifier.classify<string | Uint8Array | (typeof pixels)[number]>(sources, { batch });
        expect(results.map(({ source }) => source)).toEqual(sources);
        for (const [i, { top, answer }] of results.entries()) {
          expect(answer).toBe(printed[i].top[0].class);
          expect(top.map((entry) => entry.class)).toEqual(printed[i].top.map((entry) => entry.class));
          for (const [k, { probability }] of top.entries())
            expect(probability).toBeCloseTo(printed[i].top[k].probability, 5);
        }
      }
    }
  });

  it('withholds answers below a probability, as suave predict --abstain does', async () => {
    const confidences = printed.map(({ top }) => top[0].probability).sort((a, b) => a - b);
    const abstain = (confidences[3] + confidences[4]) / 2;
    const answers = printed.map(({ top }) => (top[0].probability >= abstain ? top[0].class : null));
    const results = await classifier.classify(files, { abstain, top: 1 });
    expect(results.map(({ answer }) => answer)).toEqual(answers);
    expect(results.every(({ top }) => top.length === 1)).toBe(true);
    const args = ['predict', run, ...files, '--abstain', String(abstain)];
    const json = JSON.parse((await place.run([...args, '--json'])).stdout) as Printed[];
    expect(json.map(({ answer }) => answer)).toEqual(answers);
    const csv = await place.run([...args, '--csv']);
    const classes = csv.stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').at(-2));
    expect(classes).toEqual(answers.map((answer) => answer ?? ''));
    expect(csv.stderr).toMatch(/4 of 9 images have no class of probability/);
    expect((await place.run(args)).stdout.match(/not sure: /g)).toHaveLength(4);
  });

  it('streams from any source, names what it cannot read, and holds no tensor', async () => {
    const before = liveTensors().count;
    async function* endless() {
      for (let i = 0; ; i++) yield i % 4 === 3 ? join(photos, 'missing.png') : files[i % files.length];
    }
    const unreadable: string[] = [];
    const seen: Classification<string>[] = [];
    for await (const result of classifier.stream(endless(), {
      batch: 3,
      onUnreadable: (source, reason) => unreadable.push(`${source}: ${reason}`),
    })) {
      seen.push(result);
      if (seen.length === 40) break;
    }
    expect(seen.map(({ source }) => source).slice(0, 3)).toEqual(files.slice(0, 3));
    expect(unreadable.length).toBeGreaterThan(9);
    expect(unreadable[0]).toMatch(/missing\.png: cannot be opened/);
    expect(liveTensors().count).toBe(before);
  });

  it('refuses what it cannot use in one sentence', async () => {
    const broken = place.write('broken.jpg', 'no image');
    await expect(classifier.classify([files[0], broken])).rejects.toThrow(DataError);
    await expect(classifier.classify([broken])).rejects.toThrow(/broken\.jpg: expected an image, but it is not a JPEG/);
    await expect(classifier.classify([{ height: 2, width: 2, pixels: new Uint8Array(5) }])).rejects.toThrow(
      /expected height · width · 3 bytes of RGB, got 5 bytes for 2 × 2 pixels/,
    );
    await expect(classifier.classify(files, { abstain: 1.5 })).rejects.toThrow(ConfigError);
    await expect(classifier.classify(files, { top: 0 })).rejects.toThrow(/top: expected a whole number from 1, got 0/);
    await expect(loadClassifier(place.path('nothing'))).rejects.toThrow(/no such run folder or checkpoint/);
    const aborted = classifier.classify(files, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(/abort/i);
    for (const abstain of ['1.5', 'x', '-0.1']) {
      const outcome = await place.run(['predict', run, files[0], '--abstain', abstain]);
      expect(outcome).toMatchObject({ status: 2, stdout: '' });
      expect(outcome.stderr).toMatch(/--abstain: expected a number from 0 to 1, got/);
    }
  });

  it('names a checkpoint whose weights are not those of the network that it describes', async () => {
    const before = liveTensors().count;
    const { tensors, metadata } = readSafetensors(join(run, 'checkpoints', 'last.safetensors'));
    const described = JSON.parse(metadata.suave) as { model: { outputDim: number } };
    described.model.outputDim += 1;
    const file = place.path('another.safetensors');
    writeSafetensors(file, tensors, { ...metadata, suave: JSON.stringify(described) });
    for (const tensor of tensors.values()) tensor.dispose();
    await expect(loadClassifier(file)).rejects.toMatchObject({
      code: 'CHECKPOINT_MISMATCH',
      message: expect.stringMatching(/another\.safetensors: expected weights that fit .*projection_head.*Use another/),
    });
    expect(liveTensors().count).toBe(before);
  });

  it('is freed by using', async () => {
    const before = liveTensors().count;
    {
      using own = await loadClassifier(run, { threads: 1, checkpoint: 'best' });
      const [{ top }] = await own.classify([new Uint8Array(await picture(1, 99))], { top: 3 });
      expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
      expect(liveTensors().count).toBeGreaterThan(before);
    }
    expect(liveTensors().count).toBe(before);
  });
});
