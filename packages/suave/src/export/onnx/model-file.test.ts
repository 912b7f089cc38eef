import { tensor } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import {
  decodeOnnxModel,
  elementType,
  encodeOnnxModel,
  float,
  floatsOf,
  GraphBuilder,
  int,
  ints,
  OnnxError,
  type OnnxModel,
  OnnxSession,
  tensorOf,
  text,
} from './index.js';

/** `pixel_values · [2, 0.5] + [1, -1]`, twice the same constants. */
function smallModel(): OnnxModel {
  const graph = new GraphBuilder();
  const x = graph.input('pixel_values', 'float32', ['batch', 2]);
  const scaled = graph.op('Mul', [x, graph.constant('float32', [2, 0.5])]);
  const moved = graph.op('Add', [scaled, graph.constant('float32', [1, -1])]);
  const again = graph.op('Add', [moved, graph.constant('float32', [1, -1])]);
  return {
    irVersion: 8,
    producerName: 'suave',
    producerVersion: '1',
    graph: graph.finish('small', again, 'logits', 'float32', ['batch', 2]),
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [{ key: 'task', value: 'test' }],
  };
}

describe('GraphBuilder', () => {
  test('names every value once and stores a constant once', () => {
    const { graph } = smallModel();
    expect(graph.node.map(({ name, input, output }) => [name, input, output])).toEqual([
      ['Mul', ['pixel_values', 'float32[2,0.5]'], ['Mul']],
      ['Add', ['Mul', 'float32[1,-1]'], ['Add']],
      ['Add_2', ['Add', 'float32[1,-1]'], ['logits']],
    ]);
    expect(graph.initializer.map(({ name, dims }) => [name, dims])).toEqual([
      ['float32[2,0.5]', [2]],
      ['float32[1,-1]', [2]],
    ]);
  });

  test('keeps a number and a list of one number apart', () => {
    const graph = new GraphBuilder();
    for (const values of [1, [1], 1, [1]]) graph.constant('int64', values);
    const { initializer } = graph.finish('constants', '', 'logits', 'int64', []);
    expect(initializer.map(({ dims }) => dims)).toEqual([[], [1]]);
  });

  test('stores a shared weight once, under its first key; a strided one row by row; as many rows as are wanted', () => {
    const strided = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]).transpose(0, 1);
    const state = new Map([
      ['first', strided],
      ['second', strided],
    ]);
    const graph = new GraphBuilder(state);
    expect(graph.weight(strided, 2)).toBe('first');
    expect(graph.weight(state.get('second')!, 2)).toBe('first');
    const { initializer } = graph.finish('weights', 'first', 'logits', 'float32', [2, 2]);
    expect(initializer.map((each) => [each.name, each.dims, [...floatsOf(each)]])).toEqual([
      ['first', [2, 2], [1, 4, 2, 5]],
    ]);
    strided.dispose();
  });

  test('refuses tensors that are not in the state dict', () => {
    const graph = new GraphBuilder();
    expect(() => graph.keyOf(undefined as never)).toThrow(/expected a tensor of the state dict/);
  });
});

describe('the bytes of a model', () => {
  test('are read back as what they were', () => {
    const model = smallModel();
    model.graph.node[0].attribute.push(
      { name: 'i', ...int(-3) },
      { name: 'zero', ...int(0) },
      { name: 'f', ...float(0.25) },
      { name: 'ints', ...ints([-1, 0, 2 ** 40]) },
      { name: 's', ...text('größer') },
      { name: 't', type: 4, t: tensorOf('t', 'int64', [2], [-1, 7]) },
    );
    const decoded = decodeOnnxModel(encodeOnnxModel(model));
    const plain = decoded.graph.node[0].attribute.map(({ name, type, i, f, ints: list, s, t }) => ({
      name,
      type,
      value:
        i ?? f ?? (s && new TextDecoder().decode(s)) ?? (t && [...new BigInt64Array(t.rawData.slice().buffer)]) ?? list,
    }));
    expect(plain).toEqual([
      { name: 'i', type: 2, value: -3 },
      { name: 'zero', type: 2, value: 0 },
      { name: 'f', type: 1, value: 0.25 },
      { name: 'ints', type: 7, value: [-1, 0, 2 ** 40] },
      { name: 's', type: 3, value: 'größer' },
      { name: 't', type: 4, value: [-1n, 7n] },
    ]);
    expect(decoded.graph.initializer.map((each) => [each.name, each.dims, [...floatsOf(each)]])).toEqual([
      ['float32[2,0.5]', [2], [2, 0.5]],
      ['float32[1,-1]', [2], [1, -1]],
    ]);
    expect(decoded).toMatchObject({
      irVersion: 8,
      producerName: 'suave',
      metadataProps: [{ key: 'task', value: 'test' }],
    });
    expect(decoded.graph.input).toEqual(model.graph.input);
    expect(encodeOnnxModel(decoded)).toEqual(encodeOnnxModel(model));
  });

  test('run, and give what the nodes say', async () => {
    const session = await OnnxSession.open(encodeOnnxModel(smallModel()));
    const { values, dims } = await session.run(Float32Array.of(1, 2, 3, 4), [2, 2]);
    expect([...values]).toEqual([4, -1, 8, 0]);
    expect(dims).toEqual([2, 2]);
    await session.release();
  });

  test('share the memory of the weights when they are read', () => {
    const bytes = encodeOnnxModel(smallModel());
    const [{ rawData }] = decodeOnnxModel(bytes).graph.initializer;
    expect(rawData.buffer).toBe(bytes.buffer);
  });

  test.each([
    ['noise', Uint8Array.from({ length: 300 }, (_, i) => (i * 37) % 256)],
    ['nothing', new Uint8Array()],
    ['half a file', encodeOnnxModel(smallModel()).slice(0, 150)],
  ])('%s is no model', (_title, bytes) => {
    expect(() => decodeOnnxModel(bytes)).toThrow(OnnxError);
  });

  test('of 2 GiB are refused before they are written', () => {
    const model = smallModel();
    const rawData = new Uint8Array(2 ** 20);
    const weight = { name: 'w', dims: [2 ** 18], dataType: elementType.float32, rawData };
    model.graph.initializer = new Array(2 ** 11).fill(weight);
    expect(() => encodeOnnxModel(model)).toThrow(
      /expected a model below 2 GiB, got 2\.0 GiB\. Export a smaller network/,
    );
  });
});
