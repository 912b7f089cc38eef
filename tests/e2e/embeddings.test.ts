/** @file Features in files and searching by them, with the real command. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '@suave/torch';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf } from '../../packages/suave/src/cli/exit.js';
import { type EmbedReport, embed, search } from '../../packages/suave/src/evaluation/index.js';
import { imageFolder, picture, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let photos: string;
let run: string;
const threads = ['--threads', '1', '--workers', '1'];

beforeAll(async () => {
  photos = await imageFolder(place, 'photos', 3, 12);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--epochs', '4'];
  const trained = await place.run([...args, ...threads]);
  expect(trained.status, trained.stderr).toBe(0);
});
afterAll(() => place.remove());

const common = { device: 'cpu', workers: 0 };

async function embedTo(out: string, model: string, data: string, features?: 'bottleneck'): Promise<EmbedReport> {
  return embed({ ...common, model, data, out: place.path(out), ...(features ? { features } : {}) });
}

/** A refusal is one sentence with exit status 2 and leaves nothing behind. */
async function refused(work: Promise<unknown>, sentence: RegExp): Promise<void> {
  const before = place.entries();
  const failure = failureOf(
    await work.then(
      () => new Error('nothing was refused'),
      (error: unknown) => error,
    ),
  );
  expect(failure.message).toMatch(sentence);
  expect(failure.message).not.toContain('\n');
  expect(failure.status).toBe(2);
  expect(place.entries()).toEqual(before);
}

/** A safetensors file of embeddings as a reader sees it. */
function readEmbeddings(path: string) {
  const { tensors, metadata } = readSafetensors(path);
  const description = JSON.parse(metadata['suave.embeddings']);
  const column = (name: string) => Array.from(tensors.get(name)!.data() as ArrayLike<number>);
  const features = tensors.get('features')!;
  return { paths: JSON.parse(metadata.paths) as string[], description, column, features };
}

describe('suave embed', () => {
  it('writes the same rows as safetensors, Parquet and CSV', async () => {
    const args = ['embed', run, photos, '--out', place.path('all.safetensors'), '--json', ...threads];
    const { status, stdout, stderr } = await place.run(args);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: 36, dim: 16, features: 'backbone features', skipped: 0 });
    const { paths, description, column, features } = readEmbeddings(place.path('all.safetensors'));
    expect(features.shape).toEqual([36, 16]);
    expect(paths[0]).toBe('class-0/0.png');
    expect(description).toMatchObject({
      kind: 'backbone',
      arch: 'resnet8',
      classes: ['class-0', 'class-1', 'class-2'],
    });
    expect(column('label')).toEqual(paths.map((path) => Number(path[6])));
    const splits = column('split').map((index) => description.splits[index]);
    expect(new Set(splits)).toEqual(new Set(['labeled', 'held-out']));
    const rows = features.toArray() as number[][];

    await embedTo('all.parquet', run, photos);
    const file = await asyncBufferFromFile(place.path('all.parquet'));
    const table = (await parquetReadObjects({ file })) as Record<string, unknown>[];
    expect(table.map(({ path }) => path)).toEqual(paths);
    expect(table.map(({ features: row }) => row)).toEqual(rows);
    expect(table.map(({ label }) => label)).toEqual(column('label').map((index) => `class-${index}`));
    expect(table.map(({ predicted }) => predicted)).toEqual(column('predicted').map((index) => `class-${index}`));
    expect(table.map(({ probability }) => probability)).toEqual(column('probability'));
    expect(table.map(({ split }) => split)).toEqual(splits);
    const { key_value_metadata: own } = await parquetMetadataAsync(file);
    const text = own?.find(({ key }) => key === 'suave.embeddings')?.value ?? '';
    expect(JSON.parse(text)).toEqual(description);

    await embedTo('all.csv', run, photos);
    const [head, ...lines] = readFileSync(place.path('all.csv'), 'utf8').trim().split('\n');
    expect(head).toMatch(/^path,label,split,predicted,probability,f0,.*,f15$/);
    expect(
      lines.map((line) =>
        line
          .split(',')
          .slice(5)
          .map((text) => Math.fround(Number(text))),
      ),
    ).toEqual(rows);
  });

  it('predicts what suave predict predicts', async () => {
    const { column } = readEmbeddings(place.path('all.safetensors'));
    const { stdout } = await place.run(['predict', run, photos, '--json', '--top', '1', ...threads]);
    const predictions = JSON.parse(stdout) as { top: { class: string; probability: number }[] }[];
    expect(column('predicted').map((index) => `class-${index}`)).toEqual(predictions.map(({ top }) => top[0].class));
    column('probability').forEach((probability, i) => {
      expect(probability).toBeCloseTo(predictions[i].top[0].probability, 6);
    });
  });

  it('writes bottleneck features of unit length', async () => {
    await embedTo('bottleneck.safetensors', run, photos, 'bottleneck');
    const { features } = readEmbeddings(place.path('bottleneck.safetensors'));
    expect(features.shape).toEqual([36, 8]);
    for (const row of features.toArray() as number[][]) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
  });

  it('takes a flat folder with duplicates and damaged files, and one image', async () => {
    const flat = place.path('flat');
    mkdirSync(flat);
    for (let i = 0; i < 3; i++) writeFileSync(join(flat, `${i}.png`), await picture(i, 50));
    copyFileSync(join(flat, '0.png'), join(flat, 'copy, "of" 0.png'));
    writeFileSync(join(flat, 'broken.jpg'), 'no image');
    writeFileSync(join(flat, 'empty.png'), '');
    const { skipped } = await embedTo('flat.safetensors', run, flat);
    expect(skipped.map((text) => text.split(' ')[0]).sort()).toEqual(['broken.jpg', 'empty.png']);
    const { paths, column, features } = readEmbeddings(place.path('flat.safetensors'));
    expect(paths).toEqual(['0.png', '1.png', '2.png', 'copy, "of" 0.png']);
    expect(column('label')).toEqual([-1, -1, -1, -1]);
    expect(column('split')).toEqual([-1, -1, -1, -1]);
    const rows = features.toArray() as number[][];
    expect(rows[3]).toEqual(rows[0]);
    await embedTo('flat.csv', run, flat);
    expect(readFileSync(place.path('flat.csv'), 'utf8')).toMatch(/^"copy, ""of"" 0\.png",,,class-/m);
    await embedTo('one.csv', run, join(flat, '1.png'));
    expect(readFileSync(place.path('one.csv'), 'utf8').split('\n')).toHaveLength(3);
  });

  it('embeds by a stage without classes, without predictions', async () => {
    const stage = join(run, 'checkpoints', 'stage-swav.safetensors');
    expect(existsSync(stage)).toBe(true);
    await embedTo('swav.csv', stage, photos);
    expect(readFileSync(place.path('swav.csv'), 'utf8')).toMatch(/^path,label,split,f0,/);
  });

  it('refuses bad input in one sentence', async () => {
    const before = place.entries();
    const { status, stdout, stderr } = await place.run(['embed', run, photos, '--out', place.path('new.xlsx')]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/ends in \.safetensors, \.parquet, \.csv/);
    expect(place.entries()).toEqual(before);
    mkdirSync(place.path('nothing'));
    mkdirSync(place.path('damaged'));
    writeFileSync(place.path('damaged', 'x.png'), 'no image');
    await refused(embedTo('new.csv', place.path('no-run'), photos), /no such run/);
    await refused(embedTo('new.csv', run, place.path('no-photos')), /no-photos/);
    await refused(embedTo('new.csv', run, place.path('nothing')), /got an empty folder/);
    await refused(embedTo('new.csv', run, place.path('damaged')), /at least one readable image/);
    await refused(embedTo('all.csv', run, photos), /exists/);
    await refused(embedTo('no-folder/x.csv', run, photos), /no-folder/);
    const student = { ...common, model: run, data: photos, out: place.path('new.csv'), weights: 'student' as const };
    await refused(embed(student), /teacher/);
  });
});

describe('suave search', () => {
  it('finds the query itself first, then images of its class', async () => {
    const query = join(photos, 'class-1', '4.png');
    const { status, stdout } = await place.run([
      'search',
      run,
      photos,
      '--query',
      query,
      '--top',
      '4',
      '--json',
      ...threads,
    ]);
    expect(status).toBe(0);
    const [{ query: named, matches }] = JSON.parse(stdout);
    expect(named).toBe(query);
    expect(matches).toHaveLength(4);
    expect(matches[0].path).toBe(query);
    expect(matches[0].similarity).toBeCloseTo(1, 5);
    expect(matches[0].label).toBe('class-1');
    const similarities = matches.map(({ similarity }: { similarity: number }) => similarity);
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a));
  });

  it('finds in an index what it finds in the images', async () => {
    const queries = ['class-0/1.png', 'class-2/7.png'].map((name) => join(photos, name));
    const direct = await search({ ...common, model: run, data: photos, queries });
    const index = place.path('all.safetensors');
    expect((await search({ ...common, model: run, data: null, index, queries })).results).toEqual(direct.results);
    const args = ['search', run, '--index', index, ...queries.flatMap((query) => ['--query', query]), ...threads];
    const { stdout, stderr } = await place.run(args);
    expect(stdout, stderr).toMatch(/class-0\/1\.png\nsimilarity {2}class {4}image\n1\.0000 +class-0 /);
    expect(stdout).toMatch(/36 images compared by backbone features/);
  });

  it('searches the data of the run where none are given, more results than images', async () => {
    const queries = [join(photos, 'class-0', '0.png')];
    const { results } = await search({ ...common, model: run, data: null, queries, top: 999 });
    expect(results[0].matches).toHaveLength(36);
  });

  it('refuses bad input in one sentence', async () => {
    const queries = [join(photos, 'class-0', '0.png')];
    const index = place.path('all.safetensors');
    const within = { ...common, model: run, data: photos, queries };
    const indexed = { ...common, model: run, data: null, queries, index };
    await refused(search({ ...within, queries: [place.path('no.png')] }), /which does not exist/);
    await refused(search({ ...within, queries: [photos] }), /which is a folder/);
    await refused(search({ ...within, queries: [place.path('flat', 'broken.jpg')] }), /that can be read/);
    await refused(search({ ...indexed, checkpoint: 'best' }), /got those of another one/);
    await refused(search({ ...indexed, features: 'bottleneck' }), /features of the index/);
    const checkpoint = join(run, 'checkpoints', 'last.safetensors');
    await refused(search({ ...indexed, index: checkpoint }), /that suave embed wrote/);
    await refused(search({ ...indexed, index: place.path('all.csv') }), /all\.csv/);
    await refused(search({ ...indexed, index: place.path('no.safetensors') }), /no\.safetensors/);
    const both = await place.run(['search', run, photos, '--query', queries[0], '--index', index]);
    expect(both.status).toBe(2);
    expect(both.stderr).toMatch(/got both/);
  });

  it('goes on where images are gone, and says so', async () => {
    rmSync(join(photos, 'class-0', '3.png'));
    const queries = [join(photos, 'class-0', '0.png')];
    const { results, notes } = await search({ ...common, model: run, data: null, queries, top: 99 });
    expect(results[0].matches).toHaveLength(35);
    expect(notes.join()).toMatch(/1 image\(s\) of the run are gone.*class-0\/3\.png/);
  });
});
