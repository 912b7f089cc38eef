/** @file A model for a newer version of ONNX's operators: what changed its form between the two is rewritten. */
import { nodeOf, type OnnxModel, type OnnxNode, type OnnxTensor, tensorOf } from './onnx/index.js';

/** Reductions take their axes as an input since opset 18; until then they were an attribute. */
const reductions = new Set(['ReduceL1', 'ReduceL2', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd']);

/**
 * The same model for `opset`, 18 at most; one that is as new already stays as it is.
 * @param model  opset 17 or newer; kept, the result shares its tensors
 */
export function raiseOpset(model: OnnxModel, opset: 18): OnnxModel {
  const [{ version }] = model.opsetImport;
  if (version >= opset) return model;
  const axes = new Map<string, OnnxTensor>();
  const node = model.graph.node.map((each) => (reductions.has(each.opType) ? withAxesInput(each, axes) : each));
  return {
    ...model,
    opsetImport: [{ domain: '', version: opset }],
    graph: { ...model.graph, node, initializer: [...model.graph.initializer, ...axes.values()] },
  };
}

function withAxesInput(node: OnnxNode, axes: Map<string, OnnxTensor>): OnnxNode {
  const values = node.attribute.find(({ name }) => name === 'axes')?.ints;
  if (values === undefined) return node;
  const name = `axes(${values})`;
  if (!axes.has(name)) axes.set(name, tensorOf(name, 'int64', [values.length], values));
  const attribute = node.attribute.filter((each) => each.name !== 'axes');
  return { ...nodeOf(node.opType, [...node.input, name], node.output), name: node.name, attribute };
}
