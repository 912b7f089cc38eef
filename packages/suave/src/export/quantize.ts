/**
 * @file Weights of 8 bits: a quarter of the file. Only weights are rounded; the network computes in float32, as before.
 * Each output channel has a scale of its own, `w ≈ scale · q` with q in −127 … 127.
 */
import { floatsOf, int, nodeOf, type OnnxModel, type OnnxNode, type OnnxTensor, tensorOf } from './onnx/index.js';

const largest = 127;

/**
 * The model with the weights of its convolutions and matrix products in int8, each behind a DequantizeLinear.
 * @param model  kept; the result shares its other tensors
 */
export function quantizeWeights(model: OnnxModel): OnnxModel {
  const axes = weightAxes(model);
  const node: OnnxNode[] = [];
  const initializer: OnnxTensor[] = [];
  for (const tensor of model.graph.initializer) {
    const axis = axes.get(tensor.name);
    if (axis === undefined) {
      initializer.push(tensor);
      continue;
    }
    const [values, scales] = quantize(tensor, axis);
    initializer.push(values, scales);
    node.push(nodeOf('DequantizeLinear', [values.name, scales.name], [tensor.name], { axis: int(axis) }));
  }
  return { ...model, graph: { ...model.graph, node: [...node, ...model.graph.node], initializer } };
}

/** Weights that are rounded, with the dimension of their output channels; one that is used along two dimensions stays. */
function weightAxes({ graph }: OnnxModel): Map<string, number> {
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const axes = new Map<string, number>();
  const kept = new Set<string>();
  for (const node of graph.node) {
    for (const [position, name] of node.input.entries()) {
      const tensor = tensors.get(name);
      if (tensor === undefined) continue;
      const axis = position === 1 ? outputAxis(node, tensor) : null;
      if (axis === null || (axes.get(name) ?? axis) !== axis) kept.add(name);
      else axes.set(name, axis);
    }
  }
  for (const name of kept) axes.delete(name);
  return axes;
}

/** The dimension of the output channels of a node's second input; null where it is no weight of a matrix product. */
function outputAxis({ opType, attribute }: OnnxNode, { dims }: OnnxTensor): number | null {
  if (opType === 'Conv') return 0;
  if (opType === 'MatMul') return dims.length === 2 ? 1 : null;
  if (opType === 'Gemm') return attribute.some(({ name, i }) => name === 'transB' && i === 1) ? 0 : 1;
  return null;
}

/** Rounds a tensor along `axis`; a channel of zeros has scale 1. */
function quantize(tensor: OnnxTensor, axis: number): [OnnxTensor, OnnxTensor] {
  const { name, dims } = tensor;
  const channels = dims[axis];
  const weights = floatsOf(tensor);
  // runs of neighbours that share a channel; they are many, so these are plain loops
  const run = dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  const numRuns = weights.length / run;
  const scales = new Float32Array(channels);
  for (let r = 0; r < numRuns; r++) {
    let largestInRun = scales[r % channels];
    for (let i = r * run; i < (r + 1) * run; i++) largestInRun = Math.max(largestInRun, Math.abs(weights[i]) / largest);
    scales[r % channels] = largestInRun;
  }
  for (const [channel, scale] of scales.entries()) if (scale === 0) scales[channel] = 1;
  const rounded = new Int8Array(weights.length);
  for (let r = 0; r < numRuns; r++) {
    const scale = scales[r % channels];
    for (let i = r * run; i < (r + 1) * run; i++)
      rounded[i] = Math.max(-largest, Math.min(largest, Math.round(weights[i] / scale)));
  }
  return [
    { ...tensorOf(`${name}_int8`, 'int8', dims, []), rawData: new Uint8Array(rounded.buffer) },
    tensorOf(`${name}_scale`, 'float32', [channels], scales),
  ];
}
