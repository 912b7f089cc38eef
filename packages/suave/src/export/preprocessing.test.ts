/** @file The preparation in the graph, run by onnxruntime-web, against our own: pixel by pixel, without a network behind it. */
import { scope } from '@suave/torch';
import { afterAll, describe, expect, it } from 'vitest';
import { reducedSize, resizeBilinear } from '../data/resize.js';
import { joined } from '../evaluation/predict-batch.js';
import { allIndices, prepare } from '../evaluation/scoring.js';
import type { CheckpointInput } from '../runs/index.js';
import { encodeOnnxModel, GraphBuilder, inputName, int, ints, OnnxSession } from './onnx/index.js';
import { raiseOpset } from './opset.js';
import { drawnPictures } from './pictures.js';
import { withPreprocessing } from './preprocessing.js';

const base: CheckpointInput = {
  resize: 36,
  crop: 32,
  interpolation: 'bilinear',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  exifOrientation: 'apply',
  cacheSide: null,
};

/** A model that gives back its prepared pixels. */
function identityModel(crop: number) {
  const graph = new GraphBuilder();
  const pixels = graph.input(inputName, 'float32', ['batch', 3, crop, crop]);
  const model = {
    irVersion: 8,
    producerName: 'test',
    producerVersion: '1',
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
  };
  const copy = graph.op('Flatten', [pixels]);
  return { ...model, graph: graph.finish('identity', copy, 'features', 'float32', ['batch', 3 * crop * crop]) };
}

const sessions: OnnxSession[] = [];
afterAll(async () => {
  for (const session of sessions) await session.release();
});

const cases: readonly [string, Partial<CheckpointInput>][] = [
  ['bilinear', {}],
  ['bicubic', { interpolation: 'bicubic' }],
  ['reduced before, as the cache does', { cacheSide: 48 }],
  ['a crop as large as the shorter side', { resize: 32 }],
  ['an odd rest around the crop', { resize: 37 }],
  ['black margins where the crop is larger', { resize: 27, crop: 32, cacheSide: 40 }],
];

describe('withPreprocessing', () => {
  it.each(cases)('prepares images of any size as suave predict does: %s', async (_, changes) => {
    const input = { ...base, ...changes };
    const session = await OnnxSession.open(encodeOnnxModel(withPreprocessing(identityModel(input.crop), input)));
    sessions.push(session);
    for (const image of [...drawnPictures(32), ...drawnPictures(7).slice(0, 2)]) {
      const { values } = await session.run(image.pixels, [1, image.height, image.width, 3]);
      const { height, width } = reducedSize(image.height, image.width, input.cacheSide);
      const own = scope(
        () =>
          prepare(joined([resizeBilinear(image, height, width)]), allIndices(1), {
            input,
            device: 'cpu',
          }).data() as Float32Array,
      );
      expect(values.length).toBe(own.length);
      const perChannel = input.crop ** 2;
      const levels = own.map((value, i) => 255 * Math.abs(value - values[i]) * input.std[Math.floor(i / perChannel)]);
      const passes = input.cacheSide === null ? 1 : 2;
      expect(Math.max(...levels)).toBeLessThan(passes + 0.01);
      // where the filters meet a half, the two round differently
      expect(levels.filter((level) => level > 0.01).length / levels.length).toBeLessThan(0.15);
    }
  });

  it('takes a batch of images of equal size', async () => {
    const [image] = drawnPictures(32);
    const dims = [image.height, image.width, 3];
    const [session] = sessions;
    const alone = await session.run(image.pixels, [1, ...dims]);
    const twice = new Uint8Array(2 * image.pixels.length);
    twice.set(image.pixels);
    twice.set(
      image.pixels.map((value) => 255 - value),
      image.pixels.length,
    );
    const both = await session.run(twice, [2, ...dims]);
    expect(both.dims).toEqual([2, alone.values.length]);
    expect(both.values.slice(0, alone.values.length)).toEqual(alone.values);
    expect(both.values[alone.values.length]).not.toBe(alone.values[0]);
  });

  it('rewrites reductions for the newer operators', () => {
    const graph = new GraphBuilder();
    const x = graph.input(inputName, 'float32', ['batch', 3, 2, 2]);
    const mean = graph.op('ReduceMean', [x], { axes: ints([2, 3]), keepdims: int(0) });
    const model = { ...identityModel(2), graph: graph.finish('g', mean, 'features', 'float32', ['batch', 3]) };
    const raised = raiseOpset(model, 18);
    expect(raised.opsetImport).toEqual([{ domain: '', version: 18 }]);
    expect(raised.graph.node[0].input).toEqual([inputName, 'axes(2,3)']);
    expect(raised.graph.node[0].attribute.map(({ name }) => name)).toEqual(['keepdims']);
    expect(raiseOpset(raised, 18)).toBe(raised);
  });
});
