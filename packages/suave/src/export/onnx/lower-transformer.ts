/**
 * @file Vision transformers as graphs, for images of one size: the position encoding is resampled for it beforehand.
 * Legend: N images, T tokens (class token first), C channels, H heads, D = C / H. Linear layers and norms act on each token
 * alone, so between attentions the tokens of all images lie in one matrix [N·T, C].
 */
import { cat, scope } from '@suave/torch';
import type { TransformerFeatures } from '../../models/index.js';
import type { TransformerBlock } from '../../models/transformer-block.js';
import type { VisionTransformer } from '../../models/vision-transformer.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { lowerConvolution, lowerGelu, lowerLayerNorm, lowerLinear } from './lower-layers.js';
import { int, ints } from './model.js';
import { OnnxError } from './onnx-error.js';

/** The class token after the last norm, [N, C]. */
export function lowerTransformer(graph: GraphBuilder, network: VisionTransformer, images: Value, size: number): Value {
  const { tokens, count } = lowerTokens(graph, network, images, size);
  let x = tokens;
  for (const block of network.blocks) x = lowerBlock(graph, block, x, count);
  return lowerLayerNorm(graph, network.norm, classTokens(graph, perImage(graph, x, count, network.outFeatures)));
}

/** What a linear probe of DINO reads: class tokens of the last blocks, with means of their patch tokens where wanted. */
export function lowerTransformerFeatures(
  graph: GraphBuilder,
  network: VisionTransformer,
  images: Value,
  size: number,
  { lastBlocks, averagePatches }: TransformerFeatures,
): Value {
  const { tokens, count } = lowerTokens(graph, network, images, size);
  const depth = network.blocks.length;
  const classes: Value[] = [];
  const means: Value[] = [];
  let x = tokens;
  for (const [i, block] of [...network.blocks].entries()) {
    x = lowerBlock(graph, block, x, count);
    if (i < depth - lastBlocks) continue;
    const tokens_NTC = perImage(graph, x, count, network.outFeatures);
    if (!averagePatches) {
      classes.push(lowerLayerNorm(graph, network.norm, classTokens(graph, tokens_NTC)));
      continue;
    }
    const normed_NTC = lowerLayerNorm(graph, network.norm, tokens_NTC);
    classes.push(classTokens(graph, normed_NTC));
    means.push(patchMean(graph, normed_NTC, count));
  }
  const classes_NF = joined(graph, classes, 1);
  return averagePatches ? alternating(graph, classes_NF, joined(graph, means, 1)) : classes_NF;
}

/** Class and patch tokens with their positions, [N·T, C]. */
function lowerTokens(
  graph: GraphBuilder,
  network: VisionTransformer,
  images: Value,
  size: number,
): { tokens: Value; count: number } {
  const { patchSize, outFeatures: channels } = network;
  const side = Math.floor(size / patchSize);
  if (side < 1) {
    throw new OnnxError(
      'ONNX_IMAGE_SIZE',
      `ONNX: expected images of at least one patch of ${patchSize} pixels, got ${size}. Export for larger images.`,
    );
  }
  const map = lowerConvolution(graph, network.patch_embed.proj, images);
  const flat_NCT = graph.op('Reshape', [map, graph.constant('int64', [0, channels, side * side])]);
  const patches_NTC = graph.op('Transpose', [flat_NCT], { perm: ints([0, 2, 1]) });
  // a row of zeros in front, to which the positions add the class token: the same for every image of a batch of any size
  const rows = graph.op('Pad', [patches_NTC, graph.constant('int64', [0, 1, 0, 0, 0, 0])]);
  const placed = graph.op('Add', [rows, bakePositions(graph, network, size)]);
  return { tokens: graph.op('Reshape', [placed, matrix(graph, channels)], {}, 'tokens'), count: side * side + 1 };
}

/** Position encoding [1, T, C] for the export size, with the class token in its first row. */
function bakePositions(graph: GraphBuilder, network: VisionTransformer, size: number): Value {
  return scope(() => {
    const positions = network.positionEncoding(size, size);
    const [, count] = positions.shape;
    const first = positions.narrow(1, 0, 1).add(network.cls_token);
    const placed = cat([first, positions.narrow(1, 1, count - 1)], { dim: 1 });
    return graph.bake(graph.keyOf(network.pos_embed), placed);
  });
}

/** One block, [N·T, C] → [N·T, C]. */
function lowerBlock(graph: GraphBuilder, block: TransformerBlock, x: Value, count: number): Value {
  const attended = graph.op('Add', [x, lowerAttention(graph, block, lowerLayerNorm(graph, block.norm1, x), count)]);
  const hidden = lowerGelu(graph, lowerLinear(graph, block.mlp.fc1, lowerLayerNorm(graph, block.norm2, attended)));
  return graph.op('Add', [attended, lowerLinear(graph, block.mlp.fc2, hidden)]);
}

/** `softmax(q kᵀ / √D) v` of all heads, and the layer behind it. */
function lowerAttention(graph: GraphBuilder, { attn }: TransformerBlock, x: Value, count: number): Value {
  const { heads, qkv, proj } = attn;
  const channels = proj.inFeatures;
  const width = channels / heads;
  const split = graph.constant('int64', [-1, count, 3, heads, width]);
  const parts_3NHTD = graph.op('Transpose', [graph.op('Reshape', [lowerLinear(graph, qkv, x), split])], {
    perm: ints([2, 0, 3, 1, 4]),
  });
  const [query, key, value] = [0, 1, 2].map((i) =>
    graph.op('Gather', [parts_3NHTD, graph.constant('int64', i)], { axis: int(0) }),
  );
  const scaled = graph.op('Mul', [query, graph.constant('float32', width ** -0.5)]);
  const scores = graph.op('MatMul', [scaled, graph.op('Transpose', [key], { perm: ints([0, 1, 3, 2]) })]);
  const heads_NHTD = graph.op('MatMul', [graph.op('Softmax', [scores], { axis: int(-1) }), value]);
  const together = graph.op('Transpose', [heads_NHTD], { perm: ints([0, 2, 1, 3]) });
  return lowerLinear(graph, proj, graph.op('Reshape', [together, matrix(graph, channels)]));
}

/** The shape of a matrix with as many rows as there are. */
function matrix(graph: GraphBuilder, columns: number): Value {
  return graph.constant('int64', [-1, columns]);
}

/** [N·T, C] → [N, T, C]. */
function perImage(graph: GraphBuilder, x: Value, count: number, channels: number): Value {
  return graph.op('Reshape', [x, graph.constant('int64', [-1, count, channels])]);
}

/** [N, T, C] → [N, C]. */
function classTokens(graph: GraphBuilder, tokens_NTC: Value): Value {
  return graph.op('Gather', [tokens_NTC, graph.constant('int64', 0)], { axis: int(1) });
}

/** Mean of the patch tokens, [N, T, C] → [N, C]. */
function patchMean(graph: GraphBuilder, tokens_NTC: Value, count: number): Value {
  const bounds = [[1], [count], [1]].map((values) => graph.constant('int64', values));
  const patches = graph.op('Slice', [tokens_NTC, ...bounds]);
  return graph.op('ReduceMean', [patches], { axes: ints([1]), keepdims: int(0) });
}

function joined(graph: GraphBuilder, values: readonly Value[], axis: number): Value {
  return values.length === 1 ? values[0] : graph.op('Concat', values, { axis: int(axis) });
}

/** Entries of two matrices in turn, `[a₀, b₀, a₁, b₁, …]`: [N, F] twice → [N, 2·F]. */
function alternating(graph: GraphBuilder, first: Value, second: Value): Value {
  const last = graph.constant('int64', [2]);
  const columns = [first, second].map((value) => graph.op('Unsqueeze', [value, last]));
  return graph.op('Flatten', [joined(graph, columns, 2)]);
}
