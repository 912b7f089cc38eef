/**
 * @file Heads as graphs: features [N, F] → scores [N, K], as each network's `classify` computes them.
 * Legend: N images, F features, D embedding, S labeled images that PAWS compares with, K classes that are wanted.
 */
import { _weightNorm, fromTypedArray, nn, scope, type Tensor } from '@suave/torch';
import type { PawsClassifier } from '../../methods/index.js';
import { smallestProbability } from '../../methods/paws/soft-neighbours.js';
import { type DinoHead, normalizedRows, type PawsModel, type SwavModel } from '../../models/index.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { lowerBatchNorm, lowerLayer, lowerLinear, lowerNormalizedRows, lowerRelu } from './lower-layers.js';
import { float, int } from './model.js';
import { OnnxError } from './onnx-error.js';

/** Scores of the first layer of prototypes. */
export function lowerPrototypes(graph: GraphBuilder, network: SwavModel, features: Value, outputs: number): Value {
  let x = features;
  for (const part of network.projection_head ?? []) {
    const isHidden = part instanceof nn.Sequential;
    x = lowerLayer(graph, part as nn.Layer, x);
    if (isHidden) x = lowerRelu(graph, x);
  }
  const embeddings = network.normalize ? lowerNormalizedRows(graph, x) : x;
  const weight = graph.weight(network.prototypeWeights[0], outputs);
  return graph.op('Gemm', [embeddings, weight], { transB: int(1) }, 'prototypes');
}

/** Scores of a head of DINO; direction and length of its last layer are put together. */
export function lowerDinoHead(
  graph: GraphBuilder,
  { mlp, last_layer }: DinoHead,
  features: Value,
  outputs: number,
): Value {
  const bottleneck = lowerLayer(graph, mlp, features);
  const key = graph.keyOf(last_layer.weight_v).replace(/\.weight_v$/, '');
  const weight = scope(() =>
    graph.bake(`${key}.weight`, _weightNorm(last_layer.weight_v, last_layer.weight_g, { dim: 0 }), outputs),
  );
  return graph.op('Gemm', [lowerNormalizedRows(graph, bottleneck), weight], { transB: int(1) }, key);
}

/**
 * Scores of PAWS-NN: logarithms of the soft nearest neighbours' class probabilities.
 * @throws OnnxError `ONNX_NETWORK` before the network has labeled images to compare with
 */
export function lowerPaws(graph: GraphBuilder, network: PawsClassifier, features: Value, outputs: number): Value {
  const { support, temperature } = network;
  if (support === null) {
    throw new OnnxError(
      'ONNX_NETWORK',
      'ONNX: expected a PAWS network with labeled images to compare with, got none. Train to the end of an epoch first.',
    );
  }
  const queries = lowerNormalizedRows(graph, lowerPredictions(graph, network, features));
  const bank = scope(() => graph.bake(graph.keyOf(support.embeddings), normalizedRows(support.embeddings)));
  const similarities = graph.op('Gemm', [queries, bank], { transB: int(1), alpha: float(1 / temperature) }, 'support');
  const weights = graph.op('Softmax', [similarities], { axis: int(1) });
  const labels = scope(() => graph.bake(graph.keyOf(support.labels), oneHot(support.labels, outputs)));
  const probabilities = graph.op('MatMul', [weights, labels]);
  const least = graph.constant('float32', smallestProbability);
  return graph.op('Log', [graph.op('Max', [probabilities, least])]);
}

/** z, [N, F] → [N, D]. */
function lowerPredictions(graph: GraphBuilder, { fc, pred }: PawsModel, features: Value): Value {
  const first = lowerRelu(graph, lowerBatchNorm(graph, fc.bn1, lowerLinear(graph, fc.fc1, features)));
  const second = lowerRelu(graph, lowerBatchNorm(graph, fc.bn2, lowerLinear(graph, fc.fc2, first)));
  const projections = lowerLinear(graph, fc.fc3, second);
  if (pred === null) return projections;
  const hidden = lowerLinear(graph, pred.fc1, lowerBatchNorm(graph, pred.bn1, projections));
  return lowerLinear(graph, pred.fc2, lowerRelu(graph, lowerBatchNorm(graph, pred.bn2, hidden)));
}

/** float32 [S, K]: a one where the class of an image is; a new tensor. */
function oneHot(labels_S: Tensor, outputs: number): Tensor {
  const rows = labels_S.shape[0];
  const values = new Float32Array(rows * outputs);
  for (const [row, label] of Array.from(labels_S.data() as BigInt64Array, Number).entries()) {
    if (label < outputs) values[row * outputs + label] = 1;
  }
  return fromTypedArray(values, [rows, outputs]);
}
