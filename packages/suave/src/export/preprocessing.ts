/**
 * @file The preparation of images as a part of the graph: any picture in, probabilities out, prepared as `suave predict` does. Pixels
 * stay whole numbers until they are normalized, as in Pillow. Legend: N images of H × W pixels, S the side that the network takes.
 */
import type { CheckpointInput } from '../runs/index.js';
import {
  type AttributeValue,
  float,
  GraphBuilder,
  inputName,
  int,
  ints,
  nodeOf,
  type OnnxGraph,
  type OnnxModel,
  text,
  type Value,
} from './onnx/index.js';
import { raiseOpset } from './opset.js';

/** Name of the input. */
export const imageInputName = 'image';

/** Height and width of images in pixels: int64 values of one element. */
interface Sides {
  readonly height: Value;
  readonly width: Value;
}

/**
 * The model with the preparation in front of it and, where it tells logits, a softmax behind it: input `image`, uint8
 * [N, H, W, 3], red, green, blue, of any size; output `probabilities` [N, K], or `features` [N, F]. Opset 18, whose `Resize` has
 * filters that cover every pixel of a reduced image.
 * @param model  input `pixel_values` [N, 3, S, S]; kept, the result shares its tensors
 */
export function withPreprocessing(model: OnnxModel, input: CheckpointInput): OnnxModel {
  const raised = raiseOpset(model, 18);
  const preparation = prefixed(preparationOf(input));
  const { graph } = raised;
  const [output] = graph.output;
  const isLogits = output.name === 'logits';
  const softmax = nodeOf('Softmax', [output.name], ['probabilities'], { axis: int(-1) });
  return {
    ...raised,
    graph: {
      ...graph,
      node: [...preparation.node, ...graph.node, ...(isLogits ? [softmax] : [])],
      initializer: [...preparation.initializer, ...graph.initializer],
      input: preparation.input,
      output: isLogits ? [{ ...output, name: 'probabilities' }] : [output],
    },
  };
}

/** Names of the preparation get a prefix, so that none is one of the network. */
function prefixed(graph: OnnxGraph): OnnxGraph {
  const shared = new Set(['', imageInputName, inputName]);
  const rename = (name: string): string => (shared.has(name) ? name : `preparation/${name}`);
  return {
    ...graph,
    node: graph.node.map((node) => ({
      ...node,
      name: rename(node.name),
      input: node.input.map(rename),
      output: node.output.map(rename),
    })),
    initializer: graph.initializer.map((tensor) => ({ ...tensor, name: rename(tensor.name) })),
  };
}

/** uint8 [N, H, W, 3] → float32 [N, 3, S, S]. */
function preparationOf({ cacheSide, resize, crop, interpolation, mean, std }: CheckpointInput): OnnxGraph {
  const graph = new GraphBuilder();
  const image = graph.input(imageInputName, 'uint8', ['batch', 'height', 'width', 3]);
  let sides: Sides = { height: dimension(graph, image, 1), width: dimension(graph, image, 2) };
  let pixels = graph.op('Transpose', [image], { perm: ints([0, 3, 1, 2]) });
  if (cacheSide !== null) {
    sides = scaledSides(graph, sides, graph.op('Min', [shorter(graph, sides), size(graph, cacheSide)]));
    pixels = resized(graph, pixels, sides, 'bilinear');
  }
  sides = scaledSides(graph, sides, size(graph, resize));
  pixels = resized(graph, pixels, sides, interpolation);
  if (resize < crop) ({ pixels, sides } = padded(graph, pixels, sides, crop));
  pixels = cropped(graph, pixels, sides, crop);
  const values = graph.op('Div', [graph.op('Cast', [pixels], { to: int(1) }), graph.constant('float32', 255)]);
  const centered = graph.op('Sub', [values, perChannel(graph, mean)]);
  const normalized = graph.op('Div', [centered, perChannel(graph, std)]);
  return graph.finish('preparation', normalized, inputName, 'float32', ['batch', 3, crop, crop]);
}

const size = (graph: GraphBuilder, pixels: number): Value => graph.constant('int64', [pixels]);

/** One dimension of an image, int64 [1]. */
function dimension(graph: GraphBuilder, image: Value, axis: number): Value {
  return graph.op('Shape', [image], { start: int(axis), end: int(axis + 1) });
}

const shorter = (graph: GraphBuilder, { height, width }: Sides): Value => graph.op('Min', [height, width]);

/** The shorter side becomes `target`, the longer one follows, rounded down. */
function scaledSides(graph: GraphBuilder, sides: Sides, target: Value): Sides {
  const short = shorter(graph, sides);
  const scaled = (side: Value): Value => graph.op('Div', [graph.op('Mul', [target, side]), short]);
  return { height: scaled(sides.height), width: scaled(sides.width) };
}

/** Resized with Pillow's filters: as wide as the reduction, weights of pixels outside left out; rounded to whole values. */
function resized(
  graph: GraphBuilder,
  pixels: Value,
  { height, width }: Sides,
  interpolation: CheckpointInput['interpolation'],
): Value {
  const sizes = graph.op('Concat', [dimension(graph, pixels, 0), size(graph, 3), height, width], { axis: int(0) });
  const filter: Record<string, AttributeValue> =
    interpolation === 'bicubic' ? { mode: text('cubic'), cubic_coeff_a: float(-0.5) } : { mode: text('linear') };
  return graph.op('Resize', [pixels, '', '', sizes], {
    ...filter,
    antialias: int(1),
    exclude_outside: int(1),
    coordinate_transformation_mode: text('half_pixel'),
  });
}

/** `max(a − b, 0)` */
function excess(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.op('Max', [graph.op('Sub', [a, b]), size(graph, 0)]);
}

/** Black margins where a side is shorter than the crop; the odd pixel on the right and below. */
function padded(graph: GraphBuilder, pixels: Value, sides: Sides, crop: number): { pixels: Value; sides: Sides } {
  const target = size(graph, crop);
  const margins = [sides.height, sides.width].map((side) => {
    const missing = excess(graph, target, side);
    const before = graph.op('Div', [missing, size(graph, 2)]);
    return { before, after: graph.op('Sub', [missing, before]) };
  });
  const none = graph.constant('int64', [0, 0]);
  const before = margins.map((margin) => margin.before);
  const after = margins.map((margin) => margin.after);
  const pads = graph.op('Concat', [none, ...before, none, ...after], { axis: int(0) });
  return {
    pixels: graph.op('Pad', [pixels, pads]),
    sides: {
      height: graph.op('Max', [sides.height, target]),
      width: graph.op('Max', [sides.width, target]),
    },
  };
}

/** The central S × S pixels; the start is half of the rest, halves go to the even number, as Python rounds. */
function cropped(graph: GraphBuilder, pixels: Value, { height, width }: Sides, crop: number): Value {
  const two = size(graph, 2);
  const starts = [height, width].map((side) => {
    const rest = graph.op('Sub', [side, size(graph, crop)]);
    const half = graph.op('Div', [rest, two]);
    const isOdd = graph.op('Mul', [graph.op('Mod', [rest, two]), graph.op('Mod', [half, two])]);
    return graph.op('Add', [half, isOdd]);
  });
  const start = graph.op('Concat', starts, { axis: int(0) });
  const end = graph.op('Add', [start, graph.constant('int64', [crop, crop])]);
  return graph.op('Slice', [pixels, start, end, graph.constant('int64', [2, 3])]);
}

/** Three numbers as [3, 1, 1]. */
function perChannel(graph: GraphBuilder, values: readonly number[]): Value {
  return graph.op('Reshape', [graph.constant('float32', values), graph.constant('int64', [3, 1, 1])]);
}
