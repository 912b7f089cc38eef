/** @file The folder of an ONNX export: its files, what stands in them, and what is refused. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeBackbone, writeNetworkCheckpoint } from '../../../../tests/fixtures/network-checkpoint.js';
import type { CheckpointModel } from '../runs/index.js';
import { exportOnnxFolder } from './index.js';

const root = mkdtempSync(join(tmpdir(), 'suave-onnx-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const linear = (outputs: number): CheckpointModel => ({
  kind: 'linear',
  ...describeBackbone('resnet8', { width: 0.25, stem: 'cifar' }),
  outputs: [outputs],
  features: null,
});

function checkpoint(name: string, model: CheckpointModel, classes: string[] | null): string {
  const file = join(root, `${name}.safetensors`);
  writeNetworkCheckpoint(file, model, { classes, probabilityTemperature: 0.3 }).dispose();
  return file;
}

const read = (out: string, file: string) => JSON.parse(readFileSync(join(out, file), 'utf8'));

/** Paths below a folder. */
const tree = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

describe('exportOnnxFolder', () => {
  it('writes what transformers.js and the hub read, and compares it with our network', async () => {
    const classes = ['a "quoted" name', 'naïve <b>café</b>', '猫 | 犬'];
    const out = join(root, 'deep', 'folder');
    const result = await exportOnnxFolder({
      model: checkpoint('three', linear(3), classes),
      out,
      withPreprocessing: true,
      quantize: 'int8',
    });
    expect(tree(out)).toEqual([
      'README.md',
      'config.json',
      'onnx/model.onnx',
      'onnx/model_quantized.onnx',
      'onnx/model_with_preprocessing.onnx',
      'preprocessor_config.json',
    ]);
    for (const { path, bytes } of result.files) expect(readFileSync(join(out, path)).length).toBe(bytes);
    expect(result.comparison).toMatchObject({ images: 8, source: 'drawn' });
    expect(result.comparison.max).toBeLessThan(1e-4);
    expect(result.preparation?.max).toBeLessThan(0.02);
    expect(result.quantization).toMatchObject({ accuracy: null, images: 0 });
    expect(result.quantization?.cosine).toBeGreaterThan(0.99);
    expect(result.quantization?.bytes).toBeLessThan(0.7 * (result.quantization?.fullBytes ?? 0));
    expect(result.notes.join(' ')).toMatch(/drawn pictures.*not measured/);

    const config = read(out, 'config.json');
    expect(config).toMatchObject({
      architectures: ['ResNetForImageClassification'],
      model_type: 'resnet',
      num_labels: 3,
      id2label: { 0: classes[0], 1: classes[1], 2: classes[2] },
      label2id: { [classes[2]]: 2 },
      suave: { arch: 'resnet8', width: 0.25, stem: 'cifar' },
    });
    expect(read(out, 'preprocessor_config.json')).toMatchObject({
      size: { shortest_edge: 36 },
      crop_size: { height: 32, width: 32 },
      resample: 2,
      image_mean: [0.485, 0.456, 0.406],
    });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlibrary_name: transformers.js\npipeline_tag: image-classification\n/);
    expect(card).toContain('naïve \\<b\\>café\\</b\\>, 猫 \\| 犬');
    expect(card).toMatch(/model_with_preprocessing\.onnx/);
  });

  it('writes one class, and a thousand', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => `class ${index}`);
    for (const classes of [['only'], many]) {
      const out = join(root, `classes-${classes.length}`);
      const model = checkpoint(`classes-${classes.length}`, linear(classes.length), classes);
      const result = await exportOnnxFolder({ model, out });
      expect(result.numOutputs).toBe(classes.length);
      expect(Object.values(read(out, 'config.json').id2label)).toEqual(classes);
      expect(readFileSync(join(out, 'README.md'), 'utf8').length).toBeLessThan(6000);
    }
  });

  it('names the outputs of a network without classes clusters, or writes its features', async () => {
    const model: CheckpointModel = {
      kind: 'prototypes',
      ...describeBackbone('resnet8', { width: 0.25, stem: 'cifar' }),
      hidden: [16],
      outputDim: 8,
      outputs: [5],
      onlineClasses: null,
      ensembleHead: false,
    };
    const file = checkpoint('swav', model, null);
    const clusters = join(root, 'clusters');
    const { notes, numOutputs } = await exportOnnxFolder({ model: file, out: clusters });
    expect(numOutputs).toBe(5);
    expect(notes[0]).toMatch(/clusters, cluster-0 to cluster-4/);
    expect(read(clusters, 'config.json').id2label['4']).toBe('cluster-4');
    const features = join(root, 'features');
    const result = await exportOnnxFolder({
      model: file,
      out: features,
      features: true,
      withPreprocessing: true,
      quantize: 'int8',
    });
    expect(result).toMatchObject({ output: 'features', numOutputs: 16, quantization: { accuracy: null } });
    expect(result.notes.some((note) => note.includes('cluster'))).toBe(false);
    const config = read(features, 'config.json');
    expect(config.architectures).toEqual(['ResNetModel']);
    expect(config).not.toHaveProperty('id2label');
  });

  it('refuses what is not new, what is damaged and what is not there, and leaves nothing behind', async () => {
    const model = checkpoint('whole', linear(2), ['a', 'b']);
    const full = join(root, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine.txt'), 'mine');
    await expect(exportOnnxFolder({ model, out: full })).rejects.toMatchObject({ code: 'OUT_EXISTS', exitCode: 2 });
    expect(tree(full)).toEqual(['mine.txt']);
    const under = join(full, 'mine.txt', 'below');
    await expect(exportOnnxFolder({ model, out: under })).rejects.toMatchObject({ code: 'OUT_NOT_WRITABLE' });

    const out = join(root, 'new', 'nested');
    const bytes = readFileSync(model);
    const damaged = join(root, 'damaged.safetensors');
    writeFileSync(damaged, bytes.subarray(0, bytes.length - 100));
    for (const file of [damaged, join(root, 'missing'), join(root, 'missing.safetensors')])
      await expect(exportOnnxFolder({ model: file, out })).rejects.toThrow(/.+\./);
    await expect(exportOnnxFolder({ model, out, data: join(root, 'no-data') })).rejects.toMatchObject({ exitCode: 2 });
    expect(existsSync(join(root, 'new'))).toBe(false);

    const empty = join(root, 'empty');
    mkdirSync(empty);
    await exportOnnxFolder({ model, out: empty });
    expect(readdirSync(empty)).toContain('config.json');
    expect(readdirSync(root).filter((name) => name.includes('.tmp'))).toEqual([]);
  });
});
