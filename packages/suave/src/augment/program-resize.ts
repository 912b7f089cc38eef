/** @file Crops to views: gathered, resized in Pillow's 22-bit weights, windowed and flipped; a fixed sequence of operators. N views. */
import { arange, empty, stack, type Tensor, tensor, where, zeros } from '@suave/torch';
import { alongColumns, alongRows, type SplitMatrix, scaleOf, splitWeights } from './split-matrix.js';
import type { ViewPlan } from './view-plan.js';
import { geometryPairs, integerColumns } from './view-table.js';

const weightBits = 22;

/** Far from every crop: the center of a position that shows nothing. */
const nowhere = -1e9;

/** Cuts and resizes. Owns its constants: `constants` are to be kept and disposed by whoever makes it. */
export class ResizeProgram {
  /** Sides of the gathered crops; at least the pixels that one weight row takes. */
  readonly rows: number;
  readonly columns: number;
  readonly constants: readonly Tensor[];
  readonly #plan: ViewPlan;
  /** Pixels of the crop that a pixel of the view is made of at most. */
  readonly #taps: number;
  /** float64: 0, 1, … per view pixel and per tap; the last first pixel [2, 1]. */
  readonly #steps: Tensor;
  readonly #offsets: Tensor;
  readonly #lastFirst: Tensor;
  /** int64: 0, 1, … of rows; 0, 3, … of bytes. */
  readonly #rowNumbers: Tensor;
  readonly #byteNumbers: Tensor;

  constructor(plan: ViewPlan, device: string) {
    const { cropHeight, cropWidth, reduction, height, width, interpolation } = plan;
    this.#plan = plan;
    const reached = Math.floor(2 * reduction * (interpolation === 'bilinear' ? 1 : 2)) + 2;
    this.#taps = Math.min(Math.max(cropHeight, cropWidth), reached);
    this.rows = Math.max(cropHeight, this.#taps);
    this.columns = Math.max(cropWidth, this.#taps);
    this.#steps = arange(Math.max(height, width), { dtype: 'float64', device });
    this.#offsets = arange(this.#taps, { dtype: 'float64', device });
    const lastFirst = [[this.rows - this.#taps], [this.columns - this.#taps]];
    this.#lastFirst = tensor(lastFirst, { dtype: 'float64', device });
    this.#rowNumbers = arange(this.rows, { dtype: 'int64', device });
    this.#byteNumbers = arange(0, 3 * this.columns, { step: 3, dtype: 'int64', device });
    this.constants = [this.#steps, this.#offsets, this.#lastFirst, this.#rowNumbers, this.#byteNumbers];
  }

  /**
   * The crops, filled up with their last row and column.
   * @param pixels    uint8 [bytes]
   * @param integers  int64 [N, …], see `integerColumns`
   * @returns         float32 [N, rows, 3, columns]
   */
  gather(pixels: Tensor, integers: Tensor): Tensor {
    const column = (position: number) => integers.narrow(1, position, 1);
    const rows_NY = this.#rowNumbers
      .minimum(column(integerColumns.lastRow))
      .mul_(column(integerColumns.rowBytes))
      .add_(column(integerColumns.base));
    const bytes_NX = this.#byteNumbers.minimum(column(integerColumns.lastByte));
    const positions_NYX = rows_NY.unsqueeze(2).add(bytes_NX.unsqueeze(1));
    const shape = positions_NYX.shape;
    const found = pixels.unfold(0, 3, 1).indexSelect(0, positions_NYX.reshape([-1]));
    const crops = this.empty(shape[0], pixels.device);
    return crops.copy_(found.reshape([...shape, 3]).permute([0, 1, 3, 2]));
  }

  /** float32 [N, rows, 3, columns], to be filled with crops. */
  empty(count: number, device: string): Tensor {
    return empty([count, this.rows, 3, this.columns], { dtype: 'float32', device });
  }

  /**
   * Resizes: W_y · crop · W_xᵀ, horizontally first, rounded to bytes after each.
   * @param crops     float32 [N, rows, 3, columns]
   * @param geometry  float64 [N, 16], see `geometryPairs`
   * @returns         float32 [N, height, 3, width], whole numbers from 0 to 255
   */
  resize(crops: Tensor, geometry: Tensor): Tensor {
    const { height, width } = this.#plan;
    const [count] = crops.shape;
    const [vertical, horizontal] = this.#matrices(geometry);
    const wide = this.#toBytes(alongRows(crops.reshape([count, this.rows * 3, this.columns]), horizontal));
    const views = this.#toBytes(alongColumns(wide.reshape([count, this.rows, 3 * width]), vertical));
    return views.reshape([count, height, 3, width]);
  }

  /** Only negative weights lead out of the range. */
  #toBytes(values: Tensor): Tensor {
    const rounded = values.add_(0.5).floor_();
    return this.#plan.interpolation === 'bilinear' ? rounded : rounded.clamp_({ min: 0, max: 255 });
  }

  /** Weights of both axes, [N, height, rows] and [N, width, columns], from the few that are not 0: L positions, T taps. */
  #matrices(geometry: Tensor): [vertical: SplitMatrix, horizontal: SplitMatrix] {
    const { interpolation, height, width } = this.#plan;
    const pair = (position: number) => geometry.narrow(1, 2 * position, 2).unsqueeze(2);
    const center_N2L = this.#centers(pair);
    const first_N2L = center_N2L.sub(pair(geometryPairs.reach)).floor_().clampMin_(0).minimum(this.#lastFirst);
    const taps_N2LT = first_N2L.unsqueeze(3).add(this.#offsets);
    const distance = taps_N2LT
      .sub(center_N2L.unsqueeze(3))
      .add_(0.5)
      .mul_(pair(geometryPairs.sharpness).unsqueeze(3))
      .abs_();
    const kernel = interpolation === 'bilinear' ? distance.rsub(1).clampMin_(0) : cubic(distance);
    const weights = kernel.mul_(taps_N2LT.lt(pair(geometryPairs.crop).unsqueeze(3)));
    const total = weights.sum([3], { keepdim: true });
    if (this.#plan.overhangs) total.clampMin_(1e-30);
    const scale = scaleOf(weightBits);
    const [high, low] = splitWeights(roundAway(weights.div_(total.mul_(2 ** -weightBits)), interpolation), scale);
    const parts = stack([high, low]).to('float32');
    const places = taps_N2LT.to('int64');
    const matrix = (axis: 0 | 1, size: number, input: number): SplitMatrix => {
      const [numParts, count, , , numTaps] = parts.shape;
      const place = places.select(1, axis).narrow(1, 0, size).expand([numParts, count, size, numTaps]);
      const dense = zeros([numParts, count, size, input], { dtype: 'float32', device: parts.device });
      // The taps of a position are different pixels, so that no two weights meet.
      dense.scatter_(3, place, parts.select(2, axis).narrow(2, 0, size));
      return { high: dense.select(0, 0), low: dense.select(0, 1), scale };
    };
    return [matrix(0, height, this.rows), matrix(1, width, this.columns)];
  }

  /** Where the pixels of the view lie in the crop: float64 [N, 2, L]. */
  #centers(pair: (position: number) => Tensor): Tensor {
    const { border, overhangs } = this.#plan;
    const wanted = pair(geometryPairs.start).addcmul(pair(geometryPairs.direction), this.#steps);
    const inCrop = (position: Tensor) => position.add(0.5).mul_(pair(geometryPairs.scale));
    if (!overhangs) return inCrop(wanted);
    const resized = pair(geometryPairs.resized);
    if (border === 'reflect') {
      // Mirrored into [0, resized) without repeating the edge pixel.
      const period = pair(geometryPairs.period);
      const wrapped = wanted.remainder(period);
      return inCrop(where(wrapped.lt(resized), wrapped, period.sub(wrapped)));
    }
    const valid = wanted.ge(0).logicalAnd_(wanted.lt(resized));
    return where(valid, inCrop(wanted), wanted.mul(0).add_(nowhere));
  }
}

/** The nearest whole numbers; halves away from 0. */
function roundAway(values: Tensor, interpolation: ViewPlan['interpolation']): Tensor {
  if (interpolation === 'bilinear') return values.add_(0.5).floor_();
  return values.add_(values.sign(), { alpha: 0.5 }).trunc_();
}

/** Keys' cubic with a = −0.5, of non-negative distances. */
function cubic(t: Tensor): Tensor {
  const a = -0.5;
  const near = t
    .mul(a + 2)
    .sub_(a + 3)
    .mul_(t)
    .mul_(t)
    .add_(1);
  const far = t.sub(5).mul_(t).add_(8).mul_(t).sub_(4).mul_(a);
  return where(t.lt(1), near, far.mul_(t.lt(2)));
}
