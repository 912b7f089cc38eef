/**
 * @file Matrix products of whole numbers that are exact in float32 and in TensorFloat-32 alike, rounded to bytes as Pillow does.
 *
 * A weight of up to 24 bits is split into two parts of at most 11 bits and a sign, which TensorFloat-32 still holds; bytes have 8. All
 * partial sums are whole numbers below 2^24 (up to 32 weights other than 0 a row, in practice far more), so that neither the order of
 * summation nor the switch `backends.cuda.matmul.allowTF32` changes a bit; the switch only changes the time.
 */
import { bmm, type Tensor } from '@suave/torch';

/** Bits of the lower part. */
const lowBits = 12;

/** Whole weights w [N, out, in] in two parts; both float32. */
export interface SplitMatrix {
  /** h / scale, with w = 2^12 h + l and h rounded to the nearest. */
  readonly high: Tensor;
  /** l / 2^12, within ±1/2. */
  readonly low: Tensor;
  /** What the weights count as 1, over 2^12: 2^10 for weights of 22 bits. */
  readonly scale: number;
}

/** Scale of weights that count 2^bits as 1. */
export function scaleOf(bits: number): number {
  return 2 ** (bits - lowBits);
}

/**
 * Splits whole weights.
 * @param weights  of any floating-point type that holds them; overwritten
 * @returns        [high / scale, low / 2^12], new tensors of that type but for `low`, which is `weights`
 */
export function splitWeights(weights: Tensor, scale: number): [high: Tensor, low: Tensor] {
  const scaled = weights.mul_(2 ** -lowBits);
  const high = scaled.round();
  const low = scaled.sub_(high);
  return [high.mul_(1 / scale), low];
}

/** Σ w·x / 2^bits of each row, not yet rounded: the fractional part below 1 / scale is cut off, which the rounding does not need. */
function productOf(product: (part: Tensor) => readonly [Tensor, Tensor], { high, low, scale }: SplitMatrix): Tensor {
  return bmm(...product(low))
    .floor_()
    .baddbmm_(...product(high), { beta: 1 / scale });
}

/** bytes · wᵀ / 2^bits along the last axis: bytes float32 [N, R, in] → float32 [N, R, out], a new tensor, to be rounded. */
export function alongRows(bytes: Tensor, weights: SplitMatrix): Tensor {
  return productOf((part) => [bytes, part.transpose(1, 2)], weights);
}

/** w · bytes / 2^bits along the middle axis: bytes float32 [N, in, C] → float32 [N, out, C], a new tensor, to be rounded. */
export function alongColumns(bytes: Tensor, weights: SplitMatrix): Tensor {
  return productOf((part) => [part, bytes], weights);
}
