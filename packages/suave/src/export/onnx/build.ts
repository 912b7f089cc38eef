/** @file A network as an ONNX model. */
import type { nn } from '@suave/torch';
import { PawsClassifier } from '../../methods/index.js';
import {
  type Backbone,
  DinoModel,
  LinearClassifier,
  ResNet,
  SwavModel,
  VisionTransformer,
  WideResNet,
} from '../../models/index.js';
import type { CheckpointModel } from '../../runs/index.js';
import { suaveVersion } from '../../version.js';
import { GraphBuilder, type Value } from './graph-builder.js';
import { lowerResNet, lowerWideResNet } from './lower-convolutional.js';
import { lowerDinoHead, lowerPaws, lowerPrototypes } from './lower-heads.js';
import { lowerLinear } from './lower-layers.js';
import { lowerTransformer, lowerTransformerFeatures } from './lower-transformer.js';
import type { OnnxModel } from './model.js';
import { OnnxError } from './onnx-error.js';

/** What is exported. */
export interface OnnxTarget {
  /** One of our networks; kept, read in evaluation mode whatever its mode is. */
  readonly network: nn.Module;
  /** Its description. */
  readonly model: CheckpointModel;
  /** Classes: the outputs beyond them are left out. Null for clusters without names: all of them are outputs. */
  readonly numClasses: number | null;
  /** Height and width of the images, in pixels. */
  readonly imageSize: number;
  /** Scores are divided by it. */
  readonly probabilityTemperature: number;
}

/** What the model tells. */
export interface OnnxOptions {
  /** `logits`: class scores [N, K]; `features`: those of the backbone, [N, F]. */
  readonly output: 'logits' | 'features';
}

/** Names of the model's input and of its batch dimension. */
export const inputName = 'pixel_values';
const batch = 'batch';

/**
 * A network as an ONNX model (IR version 8, opset 17): input `pixel_values`, float32 [batch, 3, S, S], prepared as for our own
 * network; output `logits` [batch, K], of which softmax makes the probabilities, or `features` [batch, F]. The batch is of any
 * size. Weights are copies, under the keys of the state dict; what the network computes from weights alone is stored computed
 * (position encoding of a transformer with the class token added to it, last layer of DINO, labeled images of PAWS).
 * @throws OnnxError for a network that has no scores, or images below one patch of a transformer
 */
export function buildOnnxModel(target: OnnxTarget, { output }: OnnxOptions): OnnxModel {
  const { network, model, imageSize } = target;
  if (!(Number.isInteger(imageSize) && imageSize > 0)) {
    throw new OnnxError('ONNX_IMAGE_SIZE', `ONNX: expected images of a whole number of pixels, got ${imageSize}.`);
  }
  const graph = new GraphBuilder(network.stateDict());
  const images = graph.input(inputName, 'float32', [batch, 3, imageSize, imageSize]);
  const [value, width] =
    output === 'logits'
      ? [lowerLogits(graph, target, images), outputsOf(target)]
      : [lowerBackbone(graph, backboneOf(network), images, imageSize), backboneOf(network).outFeatures];
  return {
    irVersion: 8,
    producerName: 'suave',
    producerVersion: suaveVersion,
    graph: graph.finish(`${model.arch}-${model.kind}`, value, output, 'float32', [batch, width]),
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: [],
  };
}

/** K. */
function outputsOf({ model, numClasses }: OnnxTarget): number {
  return numClasses ?? model.outputs[0];
}

function lowerLogits(graph: GraphBuilder, target: OnnxTarget, images: Value): Value {
  const temperature = graph.constant('float32', target.probabilityTemperature);
  return graph.op('Div', [lowerScores(graph, target, images), temperature]);
}

function lowerScores(graph: GraphBuilder, target: OnnxTarget, images: Value): Value {
  const { network, imageSize } = target;
  const outputs = outputsOf(target);
  if (network instanceof LinearClassifier) {
    const { backbone, features, fc } = network;
    const read =
      features !== null && backbone instanceof VisionTransformer
        ? lowerTransformerFeatures(graph, backbone, images, imageSize, features)
        : lowerBackbone(graph, backbone, images, imageSize);
    return lowerLinear(graph, fc, read, outputs);
  }
  const features = lowerBackbone(graph, backboneOf(network), images, imageSize);
  if (network instanceof SwavModel) return lowerPrototypes(graph, network, features, outputs);
  if (network instanceof DinoModel) return lowerDinoHead(graph, network.head, features, outputs);
  if (network instanceof PawsClassifier) return lowerPaws(graph, network, features, outputs);
  throw unknownNetwork(network);
}

function backboneOf(network: nn.Module): Backbone {
  const { backbone } = network as { backbone?: Backbone };
  if (backbone === undefined) throw unknownNetwork(network);
  return backbone;
}

function lowerBackbone(graph: GraphBuilder, backbone: Backbone, images: Value, imageSize: number): Value {
  if (backbone instanceof ResNet) return lowerResNet(graph, backbone, images);
  if (backbone instanceof WideResNet) return lowerWideResNet(graph, backbone, images);
  if (backbone instanceof VisionTransformer) return lowerTransformer(graph, backbone, images, imageSize);
  throw unknownNetwork(backbone);
}

function unknownNetwork(network: nn.Module): OnnxError {
  return new OnnxError(
    'ONNX_NETWORK',
    `ONNX: expected a network of Suave, got ${network.constructor.name}. Export a run or checkpoint.`,
  );
}
