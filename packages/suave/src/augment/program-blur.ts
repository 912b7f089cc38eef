/** @file Pillow's Gaussian blur as banded matrices, one a view: three passes of an extended box along each axis, each rounded to bytes. */
import { arange, type Tensor } from '@suave/torch';
import { alongColumns, alongRows, type SplitMatrix, scaleOf, splitWeights } from './split-matrix.js';

const weightBits = 24;
const half = 2 ** (weightBits - 1);
const numPasses = 3;

/** Weights of one side of the views. */
class BlurAxis {
  readonly size: number;
  /** float32 [size, size] for distances 0, 1, …: how often a pixel is met at that distance, edges replicated. */
  readonly meetings: readonly Tensor[];
  /** Half of 1 on the diagonal: what is left of the weights then fits two parts, see `split-matrix.ts`. */
  readonly halves: Tensor;

  constructor(size: number, radius: number, device: string) {
    this.size = size;
    const places = arange(size, { dtype: 'int64', device });
    const at = (offset: number) =>
      places
        .add(offset)
        .clamp_({ min: 0, max: size - 1 })
        .unsqueeze(1)
        .eq(places)
        .to('float32');
    this.meetings = Array.from({ length: radius + 2 }, (_, distance) =>
      distance === 0 ? at(0) : at(distance).add_(at(-distance)),
    );
    this.halves = at(0).mul_(-half);
  }

  /** The weights of N boxes less the half on the diagonal, from the weights by distance: float32 [N, radius + 2]. */
  weights(box: Tensor): SplitMatrix {
    let weights = this.halves.unsqueeze(0);
    for (const [distance, meetings] of this.meetings.entries()) {
      weights = weights.addcmul(box.narrow(1, distance, 1).unsqueeze(2), meetings);
    }
    const scale = scaleOf(weightBits);
    const [high, low] = splitWeights(weights, scale);
    return { high, low, scale };
  }
}

/** Blurs views with boxes of up to a radius. `constants` are to be kept and disposed by whoever makes it. */
export class BlurProgram {
  readonly constants: readonly Tensor[];
  readonly #vertical: BlurAxis;
  readonly #horizontal: BlurAxis;

  constructor(height: number, width: number, radius: number, device: string) {
    this.#vertical = new BlurAxis(height, radius, device);
    this.#horizontal = height === width ? this.#vertical : new BlurAxis(width, radius, device);
    this.constants = [this.#vertical, this.#horizontal].flatMap(({ meetings, halves }) => [...meetings, halves]);
  }

  /**
   * @param views  float32 [N, H, 3, W], whole numbers from 0 to 255
   * @param box    float32 [N, radius + 2]: weights of 2^24 by distance; 2^24 at 0 alone leaves a view as it is
   */
  run(views: Tensor, box: Tensor): Tensor {
    const [count, height, channels, width] = views.shape;
    const horizontal = this.#horizontal.weights(box);
    const vertical = this.#vertical === this.#horizontal ? horizontal : this.#vertical.weights(box);
    let bytes = views.reshape([count, height * channels, width]);
    for (let pass = 0; pass < numPasses; pass++) bytes = rounded(alongRows(bytes, horizontal), bytes);
    bytes = bytes.reshape([count, height, channels * width]);
    for (let pass = 0; pass < numPasses; pass++) bytes = rounded(alongColumns(bytes, vertical), bytes);
    return bytes.reshape(views.shape);
  }
}

/** The sum with the half that the weights lack, to the nearest byte. */
function rounded(sum: Tensor, bytes: Tensor): Tensor {
  return sum.add_(bytes, { alpha: 0.5 }).add_(0.5).floor_();
}
