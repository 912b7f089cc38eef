/**
 * @file Views by batched tensor operations, on any device: what the native operator does, for CUDA.
 * N views, H × W their size, Y × X the largest crop.
 */
import { cat, fromTypedArray, full, scope, type Tensor, tensor } from '@suave/torch';
import { gatherCrops } from './native-operators.js';
import type { PerChannel } from './normalization.js';
import { imageRows, type PixelSource } from './pixel-source.js';
import { boxOf, colorOperations } from './tensor-colors.js';
import { resizeWeights } from './tensor-resize.js';
import {
  numViewColumns,
  type OperationKind,
  operationNumbers,
  type ViewParameters,
  viewColumns,
} from './view-parameters.js';
import type { Interpolation } from './view-spec.js';

/** Output pixels that are worked on at once: bounds the memory of the intermediate tensors (some 40 of 8 MB each). */
const pixelsPerChunk = 1 << 20;

interface TensorOptions {
  readonly device: string;
  readonly dtype: 'float32' | 'float64' | 'float16' | 'bfloat16' | 'uint8';
}

/** As `applyViews`, by tensor operations. Call inside a scope. */
export function applyWithTensors(
  source: PixelSource,
  indices: ArrayLike<number>,
  parameters: ViewParameters,
  format: { readonly interpolation: Interpolation; readonly mean: PerChannel; readonly std: PerChannel },
  options: TensorOptions,
): Tensor {
  const { count, height, width } = parameters;
  const chunk = Math.max(1, Math.floor(pixelsPerChunk / (height * width)));
  const parts: Tensor[] = [];
  for (let start = 0; start < Math.max(1, count); start += chunk) {
    const size = Math.min(chunk, count - start);
    const chosen = Array.from({ length: size }, (_, row) => indices[start + row]);
    const rows = parameters.rows.subarray(start * numViewColumns, (start + size) * numViewColumns);
    parts.push(scope(() => applyChunk(source, chosen, { ...parameters, count: size, rows }, format, options)));
  }
  return parts.length === 1 ? parts[0] : cat(parts);
}

function applyChunk(
  source: PixelSource,
  indices: readonly number[],
  parameters: ViewParameters,
  format: { readonly interpolation: Interpolation; readonly mean: PerChannel; readonly std: PerChannel },
  { device, dtype }: TensorOptions,
): Tensor {
  const bytes_NCHW = colorViews(cutViews(source, indices, parameters, format.interpolation, device), parameters);
  if (dtype === 'uint8') return bytes_NCHW.to('uint8');
  const working = dtype === 'float64' ? 'float64' : 'float32';
  const perChannel = (values: PerChannel) => tensor([...values], { dtype: working, device }).reshape([1, 3, 1, 1]);
  // Division by a tensor: by a plain number, CUDA would multiply by the rounded reciprocal.
  const scaled = bytes_NCHW.to(working).div(full([], 255, { dtype: working, device }));
  return scaled.sub(perChannel(format.mean)).div(perChannel(format.std)).to(dtype);
}

/** Crop, resize, window and flip: float32 [N, 3, H, W] with whole numbers from 0 to 255. */
function cutViews(
  source: PixelSource,
  indices: readonly number[],
  parameters: ViewParameters,
  interpolation: Interpolation,
  device: string,
): Tensor {
  const { count, height, width, border, rows } = parameters;
  const column = (position: number) => Array.from({ length: count }, (_, row) => rows[row * numViewColumns + position]);
  const crops_NYCX = gather(source, indices, parameters, device);
  const [, numRows, , numColumns] = crops_NYCX.shape;
  const shared = { interpolation, border, device };
  const weights_NWX = resizeWeights({
    ...shared,
    input: column(viewColumns.cropWidth),
    resized: column(viewColumns.resizedWidth),
    start: column(viewColumns.windowLeft),
    reversed: column(viewColumns.flip),
    output: width,
    padded: numColumns,
  });
  const weights_NHY = resizeWeights({
    ...shared,
    input: column(viewColumns.cropHeight),
    resized: column(viewColumns.resizedHeight),
    start: column(viewColumns.windowTop),
    reversed: null,
    output: height,
    padded: numRows,
  });
  // W_y · image · W_xᵀ, horizontally first, rounded to bytes after each as Pillow does.
  const wide = toBytes(crops_NYCX.reshape([count, numRows * 3, numColumns]).bmm(weights_NWX.transpose(1, 2)));
  const views = toBytes(weights_NHY.bmm(wide.reshape([count, numRows, 3 * width])));
  return views.reshape([count, height, 3, width]).permute([0, 2, 1, 3]).contiguous();
}

function toBytes(values: Tensor): Tensor {
  return values.add(0.5).floor().clamp({ min: 0, max: 255 });
}

/** The crops, filled up with zeros: float32 [N, Y, 3, X] on the device. */
function gather(source: PixelSource, indices: readonly number[], parameters: ViewParameters, device: string): Tensor {
  const boxes = new Float64Array(4 * parameters.count);
  for (let row = 0; row < parameters.count; row++) {
    boxes.set(parameters.rows.subarray(row * numViewColumns, row * numViewColumns + 4), 4 * row);
  }
  const images = imageRows(source, indices);
  const boxes_N4 = fromTypedArray(boxes, [parameters.count, 4], { dtype: 'float64' });
  if (source.pixels.device === 'cpu') {
    return gatherCrops(source.pixels, images, boxes_N4).to({ device }).to('float32');
  }
  return gatherOnDevice(source.pixels, images, boxes_N4, boxes);
}

/** As the native `gather_crops`, for pixels that lie on the device: by computed positions. */
export function gatherOnDevice(pixels: Tensor, images_N3: Tensor, boxes_N4: Tensor, boxes: Float64Array): Tensor {
  const count = boxes.length / 4;
  const device = pixels.device;
  let numRows = 1;
  let numColumns = 1;
  for (let row = 0; row < count; row++) {
    numRows = Math.max(numRows, boxes[4 * row + 2]);
    numColumns = Math.max(numColumns, boxes[4 * row + 3]);
  }
  const integers = (t: Tensor, index: number) =>
    t.to({ device }).to('int64').narrow(1, index, 1).reshape([count, 1, 1, 1]);
  const range = (n: number, shape: number[]) => {
    const values = BigInt64Array.from({ length: n }, (_, i) => BigInt(i));
    return fromTypedArray(values, shape, { dtype: 'int64', device });
  };
  const y = range(numRows, [1, numRows, 1, 1]);
  const x = range(numColumns, [1, 1, 1, numColumns]);
  const inside = y.lt(integers(boxes_N4, 2)).logicalAnd(x.lt(integers(boxes_N4, 3)));
  const pixel = y
    .add(integers(boxes_N4, 0))
    .mul(integers(images_N3, 2))
    .add(x.add(integers(boxes_N4, 1)));
  const positions = pixel
    .mul(3)
    .add(integers(images_N3, 0))
    .add(range(3, [1, 1, 3, 1]));
  const safe = positions.mul(inside.to('int64'));
  const values = pixels.indexSelect(0, safe.reshape([-1])).reshape([count, numRows, 3, numColumns]);
  return values.to('float32').mul(inside.to('float32'));
}

/** The drawn color operations, slot by slot; rows with the same operation go together. */
function colorViews(views_NCHW: Tensor, parameters: ViewParameters): Tensor {
  const kinds = Object.keys(operationNumbers) as OperationKind[];
  const { rows, count } = parameters;
  let numSlots = 0;
  for (let row = 0; row < count; row++) {
    numSlots = Math.max(numSlots, rows[row * numViewColumns + viewColumns.numOperations]);
  }
  let views = views_NCHW;
  for (let slot = 0; slot < numSlots; slot++) {
    const groups = new Map<string, { kind: OperationKind; members: number[]; values: number[] }>();
    for (let row = 0; row < count; row++) {
      const start = row * numViewColumns;
      if (rows[start + viewColumns.numOperations] <= slot) continue;
      const kind = kinds[rows[start + viewColumns.operations + 2 * slot] - 1];
      const value = rows[start + viewColumns.operations + 2 * slot + 1];
      // Blurs go together when their boxes span as many pixels.
      const name = kind === 'blur' ? `blur ${boxOf(value).radius}` : kind;
      const group = groups.get(name) ?? { kind, members: [], values: [] };
      group.members.push(row);
      group.values.push(value);
      groups.set(name, group);
    }
    for (const { kind, members, values } of groups.values()) {
      views = scope(() => {
        if (members.length === count) return colorOperations[kind](views, values);
        const members_M = fromTypedArray(BigInt64Array.from(members, BigInt), [members.length], {
          dtype: 'int64',
          device: views.device,
        });
        return views.indexCopy(0, members_M, colorOperations[kind](views.indexSelect(0, members_M), values));
      });
    }
  }
  return views;
}
