/** @file Residual networks as graphs: images [N, 3, H, W] → features [N, F]. */
import type { BasicBlock, Bottleneck } from '../../models/residual-blocks.js';
import type { ResNet } from '../../models/resnet.js';
import { leakySlope, type WideBlock, type WideResNet } from '../../models/wide-resnet.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import {
  lowerBatchNorm,
  lowerConvolution,
  lowerGlobalMean,
  lowerLayer,
  lowerMaxPool,
  lowerRelu,
} from './lower-layers.js';
import { float } from './model.js';

/** Features of a ResNet. */
export function lowerResNet(graph: GraphBuilder, network: ResNet, images: Value): Value {
  let x = lowerRelu(graph, lowerBatchNorm(graph, network.bn1, lowerConvolution(graph, network.conv1, images)));
  if (network.pool !== null) x = lowerMaxPool(graph, network.pool, x);
  for (const stage of network.stages) {
    for (const block of stage) x = lowerResidualBlock(graph, block as BasicBlock | Bottleneck, x);
  }
  return lowerGlobalMean(graph, x);
}

function lowerResidualBlock(graph: GraphBuilder, block: BasicBlock | Bottleneck, x: Value): Value {
  const steps = [[block.conv1, block.bn1] as const, [block.conv2, block.bn2] as const];
  if ('conv3' in block) steps.push([block.conv3, block.bn3]);
  let residual = x;
  for (const [i, [convolution, norm]] of steps.entries()) {
    residual = lowerBatchNorm(graph, norm, lowerConvolution(graph, convolution, residual));
    if (i < steps.length - 1) residual = lowerRelu(graph, residual);
  }
  const shortcut = block.downsample === null ? x : lowerLayer(graph, block.downsample, x);
  return lowerRelu(graph, graph.op('Add', [residual, shortcut]));
}

/** Features of a wide ResNet. */
export function lowerWideResNet(graph: GraphBuilder, network: WideResNet, images: Value): Value {
  let x = lowerConvolution(graph, network.conv1, images);
  for (const group of [network.block1, network.block2, network.block3]) {
    for (const block of group.layer) x = lowerWideBlock(graph, block as WideBlock, x);
  }
  return lowerGlobalMean(graph, activate(graph, network.bn1, x));
}

function lowerWideBlock(graph: GraphBuilder, block: WideBlock, x: Value): Value {
  const start = block.startsRaw ? x : activate(graph, block.bn1, x);
  const hidden = activate(graph, block.bn2, lowerConvolution(graph, block.conv1, start));
  const residual = lowerConvolution(graph, block.conv2, hidden);
  const shortcut = block.convShortcut === null ? x : lowerConvolution(graph, block.convShortcut, start);
  return graph.op('Add', [residual, shortcut]);
}

/** Leaky ReLU of a batch norm's output. */
function activate(graph: GraphBuilder, norm: WideResNet['bn1'], x: Value): Value {
  return graph.op('LeakyRelu', [lowerBatchNorm(graph, norm, x)], { alpha: float(leakySlope) });
}
