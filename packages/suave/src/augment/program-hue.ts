/**
 * @file Pillow's shift of the hue, by tables that are made once on the host with Pillow's float32 and double steps. N views, NHCW.
 * What is float32 and what double in the tables decides the last bit of the hue.
 */
import { fromTypedArray, type Tensor, where } from '@suave/torch';

/** Differences of two bytes, −255 to 255. */
const differences = 511;
const levels = 256;

let hues: BigInt64Array | null = null;

/**
 * Hue 0 … 255 by which channel is the largest, the difference of the other two in the order of the color circle, and the range of the
 * three: 256 · (511 · channel + difference + 255) + range.
 */
function hueTable(): BigInt64Array {
  if (hues !== null) return hues;
  hues = new BigInt64Array(3 * differences * levels);
  for (let channel = 0; channel < 3; channel++) {
    for (let difference = -255; difference <= 255; difference++) {
      for (let range = Math.max(1, Math.abs(difference)); range < levels; range++) {
        const share = Math.fround((range - Math.abs(difference)) / range);
        const sixths = Math.fround(2 * channel + (difference >= 0 ? 1 - share : share - 1));
        const turn = sixths / 6 + 1;
        const fraction = Math.fround(turn - Math.trunc(turn));
        hues[levels * (differences * channel + difference + 255) + range] = BigInt(Math.trunc(fraction * 255));
      }
    }
  }
  return hues;
}

/** Saturation in 8 bits, of 1, by 256 · value + range. */
function saturationTable(): Float32Array {
  return Float32Array.from({ length: levels * levels }, (_, code) => {
    const ratio = Math.fround((code % levels) / Math.max(1, Math.floor(code / levels)));
    return Math.trunc(Math.min(ratio, 1) * 255) / 255;
  });
}

/** How much of the saturation each channel loses, of −1, by hue 0 … 510: a channel is full in a third of the circle. [3, 512]. */
function lossTable(): Float32Array {
  const table = new Float32Array(3 * 2 * levels);
  for (let hue = 0; hue < 2 * levels; hue++) {
    const angle = 6 * (hue % levels);
    const weights = [510 - Math.abs(angle - 765), Math.abs(angle - 510) - 255, Math.abs(angle - 1020) - 255];
    for (const [channel, weight] of weights.entries()) {
      table[2 * levels * channel + hue] = -Math.min(Math.max(weight, 0), 255) / 255;
    }
  }
  return table;
}

/** Shifts hues. `constants` are to be kept and disposed by whoever makes it. */
export class HueProgram {
  readonly constants: readonly Tensor[];
  readonly #hues: Tensor;
  readonly #saturations: Tensor;
  readonly #losses: Tensor;

  constructor(device: string) {
    this.#hues = fromTypedArray(hueTable(), [hueTable().length], { dtype: 'int64', device });
    this.#saturations = fromTypedArray(saturationTable(), [levels * levels], { dtype: 'float32', device });
    this.#losses = fromTypedArray(lossTable(), [1, 3, 2 * levels], { dtype: 'float32', device });
    this.constants = [this.#hues, this.#saturations, this.#losses];
  }

  /**
   * @param views   float32 [N, H, 3, W], whole numbers from 0 to 255
   * @param shifts  int64 [N, 1, 1], 0 … 255 of the circle's 256 parts
   * @param active  bool [N, 1, 1, 1]; other views stay as they are
   */
  run(views: Tensor, shifts: Tensor, active: Tensor): Tensor {
    const [count, height, , width] = views.shape;
    const [red, green, blue] = [views.select(2, 0), views.select(2, 1), views.select(2, 2)];
    const value = views.amax({ dim: [2] });
    const range = value.sub(views.amin({ dim: [2] }));
    const isRed = red.eq(value);
    const isGreen = green.eq(value);
    const code = where(
      isRed,
      green.sub(blue).add_(255),
      where(isGreen, blue.sub(red).add_(differences + 255), red.sub(green).add_(2 * differences + 255)),
    );
    const lookUp = (table: Tensor, index: Tensor) => table.indexSelect(0, index.to('int64').reshape([-1]));
    const hue = lookUp(this.#hues, range.add(code, { alpha: levels }))
      .reshape([count, height, width])
      .add_(shifts);
    const saturation = lookUp(this.#saturations, range.add(value, { alpha: levels })).reshape([
      count,
      height,
      1,
      width,
    ]);
    const lines = count * height;
    const loss = this.#losses
      .expand([lines, 3, 2 * levels])
      .gather(2, hue.reshape([lines, 1, width]).expand([lines, 3, width]))
      .reshape(views.shape);
    const shifted = loss.mul_(saturation).add_(1).mul_(value.unsqueeze(2)).add_(0.5).floor_();
    return where(active, shifted, views);
  }
}
