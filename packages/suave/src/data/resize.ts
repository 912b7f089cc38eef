/**
 * @file Bilinear and bicubic, antialiased resizing of uint8 images in Pillow's integer arithmetic, and turning by EXIF
 * orientation. Images are uint8 [height, width, 3].
 *
 * Bit-exact to Pillow and to the native operator of `augment`: a cache whose side is that of the evaluation path holds
 * exactly what `Resize` would give there. No libraries, nothing of Node: it also runs in a browser.
 */

/** An image of RGB bytes, row by row: `pixels` has height · width · 3 bytes. */
export interface RgbImage {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** For each output position: the first input position, and weights scaled by 2²². */
interface Taps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** [outputs, maxTaps] */
  readonly weights: Int32Array;
  readonly maxTaps: number;
}

/** How pixels are interpolated. */
type Kernel = 'bilinear' | 'bicubic';

const weightBits = 22;
const half = 1 << (weightBits - 1);
const cachedTaps = new Map<string, Taps>();

function tapsFor(inputs: number, outputs: number, kernel: Kernel): Taps {
  const key = `${kernel}:${inputs}:${outputs}`;
  let taps = cachedTaps.get(key);
  if (!taps) {
    if (cachedTaps.size >= 64) cachedTaps.clear();
    taps = computeTaps(inputs, outputs, kernel);
    cachedTaps.set(key, taps);
  }
  return taps;
}

/** Weight at a distance from the center, in pixels of the coarser image: a triangle, or Keys' cubic with a = −0.5. */
function weightAt(distance: number, kernel: Kernel): number {
  const x = Math.abs(distance);
  if (kernel === 'bilinear') return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function computeTaps(inputs: number, outputs: number, kernel: Kernel): Taps {
  const scale = inputs / outputs;
  const filterScale = Math.max(scale, 1);
  const support = filterScale * (kernel === 'bilinear' ? 1 : 2);
  const maxTaps = Math.ceil(support) * 2 + 1;
  const taps = {
    starts: new Int32Array(outputs),
    counts: new Int32Array(outputs),
    weights: new Int32Array(outputs * maxTaps),
    maxTaps,
  };
  const raw = new Float64Array(maxTaps);
  for (let i = 0; i < outputs; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inputs, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      raw[t] = weightAt((t + first - center + 0.5) * (1 / filterScale), kernel);
      sum += raw[t];
    }
    taps.starts[i] = first;
    taps.counts[i] = count;
    for (let t = 0; t < count; t++) {
      const scaled = (raw[t] / sum) * (1 << weightBits);
      taps.weights[i * maxTaps + t] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
  return taps;
}

/** Room for results; those of a bicubic filter may lie outside 0 to 255 and are clamped. */
function bytesFor(count: number, kernel: Kernel): Uint8Array | Uint8ClampedArray {
  return kernel === 'bilinear' ? new Uint8Array(count) : new Uint8ClampedArray(count);
}

const plainBytes = (bytes: Uint8Array | Uint8ClampedArray): Uint8Array =>
  bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes.buffer);

/** Horizontal pass: [height, width, 3] to [height, outWidth, 3]. */
function resizeRows(image: RgbImage, outWidth: number, kernel: Kernel): RgbImage {
  const { height, width, pixels } = image;
  const { starts, counts, weights, maxTaps } = tapsFor(width, outWidth, kernel);
  const out = bytesFor(height * outWidth * 3, kernel);
  let target = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width * 3;
    for (let x = 0; x < outWidth; x++) {
      let red = half;
      let green = half;
      let blue = half;
      let source = row + starts[x] * 3;
      const end = x * maxTaps + counts[x];
      for (let t = x * maxTaps; t < end; t++) {
        const weight = weights[t];
        red = (red + pixels[source] * weight) | 0;
        green = (green + pixels[source + 1] * weight) | 0;
        blue = (blue + pixels[source + 2] * weight) | 0;
        source += 3;
      }
      out[target] = red >> weightBits;
      out[target + 1] = green >> weightBits;
      out[target + 2] = blue >> weightBits;
      target += 3;
    }
  }
  return { height, width: outWidth, pixels: plainBytes(out) };
}

/** Vertical pass: [height, width, 3] to [outHeight, width, 3]. */
function resizeColumns(image: RgbImage, outHeight: number, kernel: Kernel): RgbImage {
  const { height, width, pixels } = image;
  const { starts, counts, weights, maxTaps } = tapsFor(height, outHeight, kernel);
  const stride = width * 3;
  const out = bytesFor(outHeight * stride, kernel);
  const sums = new Int32Array(stride);
  for (let y = 0; y < outHeight; y++) {
    sums.fill(half);
    for (let t = 0; t < counts[y]; t++) {
      const weight = weights[y * maxTaps + t];
      const source = (starts[y] + t) * stride;
      for (let x = 0; x < stride; x++) sums[x] += pixels[source + x] * weight;
    }
    const target = y * stride;
    for (let x = 0; x < stride; x++) out[target + x] = sums[x] >> weightBits;
  }
  return { height: outHeight, width, pixels: plainBytes(out) };
}

/**
 * Resizes with a filter as wide as the reduction (Pillow BILINEAR or BICUBIC): horizontal pass first, each rounded to uint8.
 * @returns a new image, or `image` itself when the size is the same
 */
export function resizeImage(image: RgbImage, outHeight: number, outWidth: number, kernel: Kernel): RgbImage {
  const rows = image.width === outWidth ? image : resizeRows(image, outWidth, kernel);
  return rows.height === outHeight ? rows : resizeColumns(rows, outHeight, kernel);
}

/** `resizeImage` with a triangle filter. */
export function resizeBilinear(image: RgbImage, outHeight: number, outWidth: number): RgbImage {
  return resizeImage(image, outHeight, outWidth, 'bilinear');
}

/**
 * Height and width with the shorter side reduced to `side`, the longer in proportion, rounded down; never enlarged.
 * @param side  pixels, or null to leave every image as it is
 */
export function reducedSize(height: number, width: number, side: number | null): { height: number; width: number } {
  const short = Math.min(height, width);
  if (side === null || short <= side) return { height, width };
  return height < width
    ? { height: side, width: Math.trunc((side * width) / height) }
    : { height: Math.trunc((side * height) / width), width: side };
}

/**
 * Turns and mirrors an image as its EXIF orientation (1 to 8) asks for.
 * @returns a new image, or `image` itself for orientation 1 and values outside 1 to 8
 */
export function orient(image: RgbImage, orientation: number): RgbImage {
  if (!(orientation >= 2 && orientation <= 8)) return image;
  const { height, width, pixels } = image;
  const swapped = orientation >= 5;
  const outHeight = swapped ? width : height;
  const outWidth = swapped ? height : width;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(pixels.length);
  let target = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const across = swapped ? y : x;
      const down = swapped ? x : y;
      const source = ((fromBottom ? height - 1 - down : down) * width + (fromRight ? width - 1 - across : across)) * 3;
      out[target] = pixels[source];
      out[target + 1] = pixels[source + 1];
      out[target + 2] = pixels[source + 2];
      target += 3;
    }
  }
  return { height: outHeight, width: outWidth, pixels: out };
}
