/**
 * @file Layers as nodes of a graph, in evaluation mode. Every function takes the name of its input value and gives that of its
 * output. Legend: N images or rows, C channels, F features.
 */
import { nn } from '@suave/torch';
import type { GraphBuilder, Value } from './graph-builder.js';
import { float, int, ints } from './model.js';
import { OnnxError } from './onnx-error.js';

/** What a layer is called in the graph: the key of its weight, without that. */
function nameOf(graph: GraphBuilder, layer: { readonly weight: Parameters<GraphBuilder['keyOf']>[0] | null }): string {
  return graph.keyOf(needed(layer.weight, layer, 'a weight')).replace(/\.weight$/, '');
}

/** A part that every network here has, though the layer can be made without it. */
function needed<T>(part: T | null, layer: object, what: string): T {
  if (part !== null) return part;
  throw new OnnxError(
    'ONNX_NETWORK',
    `${layer.constructor.name}: expected a layer with ${what}, got one without. It cannot be exported.`,
  );
}

/** [top, left, bottom, right]. */
function pads([vertical, horizontal]: readonly number[]): number[] {
  return [vertical, horizontal, vertical, horizontal];
}

/** Convolution, [N, C, H, W] → [N, C', H', W']. */
export function lowerConvolution(graph: GraphBuilder, layer: nn.Conv2d, x: Value): Value {
  const { weight, bias, stride, padding, dilation, groups } = layer;
  if (typeof padding === 'string' || layer.paddingMode !== 'zeros')
    throw new OnnxError(
      'ONNX_NETWORK',
      `Conv2d: expected padding with zeros given as numbers, got ${layer.toString()}. It cannot be exported.`,
    );
  const inputs = [x, graph.weight(weight), ...(bias === null ? [] : [graph.weight(bias)])];
  const attributes = {
    kernel_shape: ints(weight.shape.slice(2)),
    strides: ints(stride),
    pads: ints(pads(padding)),
    dilations: ints(dilation),
    group: int(groups),
  };
  return graph.op('Conv', inputs, attributes, nameOf(graph, layer));
}

/** Batch norm by its running statistics, of rows [N, C] or images [N, C, H, W]. */
export function lowerBatchNorm(graph: GraphBuilder, layer: nn.BatchNorm1d | nn.BatchNorm2d, x: Value): Value {
  const parts = [layer.weight, layer.bias, layer.running_mean, layer.running_var];
  const inputs = [x, ...parts.map((tensor) => graph.weight(needed(tensor, layer, 'weights and running statistics')))];
  return graph.op('BatchNormalization', inputs, { epsilon: float(layer.eps) }, nameOf(graph, layer));
}

/** Max-pooling. */
export function lowerMaxPool(graph: GraphBuilder, layer: nn.MaxPool2d, x: Value): Value {
  return graph.op('MaxPool', [x], {
    kernel_shape: ints(layer.kernelSize),
    strides: ints(layer.stride),
    pads: ints(pads(layer.padding)),
    dilations: ints(layer.dilation),
    ceil_mode: int(layer.ceilMode ? 1 : 0),
  });
}

/**
 * Linear layer on rows, [N, F] → [N, outputs].
 * @param outputs  how many of its first outputs there are; all by default
 */
export function lowerLinear(graph: GraphBuilder, layer: nn.Linear, x: Value, outputs = layer.outFeatures): Value {
  const { weight, bias } = layer;
  const inputs = [x, graph.weight(weight, outputs), ...(bias === null ? [] : [graph.weight(bias, outputs)])];
  return graph.op('Gemm', inputs, { transB: int(1) }, nameOf(graph, layer));
}

/** Layer norm over the last dimension. */
export function lowerLayerNorm(graph: GraphBuilder, layer: nn.LayerNorm, x: Value): Value {
  const parts = [layer.weight, layer.bias];
  const inputs = [x, ...parts.map((tensor) => graph.weight(needed(tensor, layer, 'weight and bias')))];
  const attributes = { axis: int(-1), epsilon: float(layer.eps) };
  return graph.op('LayerNormalization', inputs, attributes, nameOf(graph, layer));
}

/** `max(x, 0)`. */
export function lowerRelu(graph: GraphBuilder, x: Value): Value {
  return graph.op('Relu', [x]);
}

/** The exact GELU, `x · (1 + erf(x / √2)) / 2`: the operator of that name is younger than opset 17. */
export function lowerGelu(graph: GraphBuilder, x: Value): Value {
  const erf = graph.op('Erf', [graph.op('Div', [x, graph.constant('float32', Math.SQRT2)])]);
  const twice = graph.op('Mul', [x, graph.op('Add', [erf, graph.constant('float32', 1)])]);
  return graph.op('Mul', [twice, graph.constant('float32', 0.5)], {}, 'Gelu');
}

/** Rows of unit length, `x / max(‖x‖₂, 1e-12)`. */
export function lowerNormalizedRows(graph: GraphBuilder, x: Value): Value {
  const length = graph.op('ReduceL2', [x], { axes: ints([1]), keepdims: int(1) });
  return graph.op('Div', [x, graph.op('Max', [length, graph.constant('float32', 1e-12)])], {}, 'Normalized');
}

/** Mean over the pixels of each channel, [N, C, H, W] → [N, C]. */
export function lowerGlobalMean(graph: GraphBuilder, x: Value): Value {
  return graph.op('Flatten', [graph.op('GlobalAveragePool', [x])]);
}

/** A layer by its class: Linear, convolution, batch norm, GELU, or several of them one after the other. */
export function lowerLayer(graph: GraphBuilder, layer: nn.Layer, x: Value): Value {
  if (layer instanceof nn.Linear) return lowerLinear(graph, layer, x);
  if (layer instanceof nn.Conv2d) return lowerConvolution(graph, layer, x);
  if (layer instanceof nn.BatchNorm1d || layer instanceof nn.BatchNorm2d) return lowerBatchNorm(graph, layer, x);
  if (layer instanceof nn.GELU) return lowerGelu(graph, x);
  if (layer instanceof nn.Sequential) return [...layer].reduce((value, each) => lowerLayer(graph, each, value), x);
  throw new OnnxError(
    'ONNX_NETWORK',
    `ONNX: expected a linear layer, convolution, batch norm or GELU, got ${layer.constructor.name}. Use these.`,
  );
}
