/** @file 8-bit weights: the rounding of each channel, and which weights are rounded. */
import { describe, expect, it } from 'vitest';
import {
  elementType,
  floatsOf,
  GraphBuilder,
  int,
  nodeOf,
  type OnnxModel,
  type OnnxTensor,
  tensorOf,
} from './onnx/index.js';
import { quantizeWeights } from './quantize.js';

/** Numbers that are spread over [−1, 1). */
const numbers = (count: number, factor = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => factor * (((i * 37 + 11) % 101) / 50.5 - 1));

/** A model with the nodes and tensors of a test; its input is x. */
function modelOf(nodes: ReturnType<typeof nodeOf>[], tensors: OnnxTensor[]): OnnxModel {
  const graph = new GraphBuilder().finish('test', '', 'y', 'float32', []);
  return {
    irVersion: 8,
    producerName: 'test',
    producerVersion: '1',
    graph: { ...graph, node: nodes, initializer: tensors },
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
  };
}

/** The float32 values behind a DequantizeLinear, with the scales. */
function dequantized(model: OnnxModel, name: string): { values: Float32Array; scales: Float32Array; axis: number } {
  const node = model.graph.node.find(({ output }) => output[0] === name);
  const [rounded, scale] = (node?.input ?? []).map((input) =>
    model.graph.initializer.find((tensor) => tensor.name === input),
  ) as [OnnxTensor, OnnxTensor];
  expect(node?.opType).toBe('DequantizeLinear');
  expect(rounded.dataType).toBe(elementType.int8);
  const axis = node?.attribute.find((each) => each.name === 'axis')?.i as number;
  const scales = floatsOf(scale);
  const inner = rounded.dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  const bytes = new Int8Array(rounded.rawData.buffer, rounded.rawData.byteOffset, rounded.rawData.byteLength);
  const values = Float32Array.from(bytes, (q, i) => q * scales[Math.floor(i / inner) % rounded.dims[axis]]);
  return { values, scales, axis };
}

describe('quantizeWeights', () => {
  it('rounds each output channel by a scale of its own, at most half a step away', () => {
    const weights = numbers(4 * 3 * 3 * 3);
    weights.fill(0, 27, 54);
    for (let i = 54; i < 81; i++) weights[i] *= 1000;
    const model = modelOf([nodeOf('Conv', ['x', 'w'], ['y'])], [tensorOf('w', 'float32', [4, 3, 3, 3], weights)]);
    const small = quantizeWeights(model);
    const { values, scales, axis } = dequantized(small, 'w');
    expect(axis).toBe(0);
    expect(scales[1]).toBe(1);
    expect(scales[2] / scales[0]).toBeGreaterThan(900);
    for (const [i, value] of values.entries())
      expect(Math.abs(value - weights[i])).toBeLessThanOrEqual(scales[Math.floor(i / 27)] * 0.5001);
    expect(small.graph.node.at(-1)).toEqual(model.graph.node[0]);
    expect(model.graph.initializer[0].dataType).toBe(elementType.float32);
  });

  it('takes the dimension of the outputs, whichever way a matrix lies', () => {
    const tensors = ['a', 'b', 'c'].map((name) => tensorOf(name, 'float32', [2, 5], numbers(10)));
    const nodes = [
      nodeOf('Gemm', ['x', 'a'], ['y1'], { transB: int(1) }),
      nodeOf('Gemm', ['x', 'b'], ['y2']),
      nodeOf('MatMul', ['x', 'c'], ['y3']),
    ];
    const small = quantizeWeights(modelOf(nodes, tensors));
    expect(['a', 'b', 'c'].map((name) => dequantized(small, name).axis)).toEqual([0, 1, 1]);
  });

  it('leaves biases, norms and weights that are used in two ways', () => {
    const tensors = [
      tensorOf('w', 'float32', [4, 4], numbers(16)),
      tensorOf('bias', 'float32', [4], numbers(4)),
      tensorOf('both', 'float32', [4, 4], numbers(16)),
      tensorOf('index', 'int64', [1], [0]),
    ];
    const nodes = [
      nodeOf('Gemm', ['x', 'w', 'bias'], ['h'], { transB: int(1) }),
      nodeOf('MatMul', ['h', 'both'], ['i']),
      nodeOf('Gemm', ['i', 'both'], ['j'], { transB: int(1) }),
      nodeOf('Gather', ['j', 'index'], ['y']),
    ];
    const names = quantizeWeights(modelOf(nodes, tensors)).graph.initializer.map(({ name }) => name);
    expect(names).toEqual(['w_int8', 'w_scale', 'bias', 'both', 'index']);
  });
});
