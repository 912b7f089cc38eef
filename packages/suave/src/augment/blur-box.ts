/** @file The boxes of Pillow's Gaussian blur. */

/** An extended box: `inner` weighs the 2·radius + 1 middle pixels, `outer` the two at the ends, 2^24 together. */
export interface Box {
  readonly radius: number;
  readonly inner: number;
  readonly outer: number;
}

/** The box whose threefold application blurs by `sigma` pixels, in Pillow's float32 arithmetic. */
export function boxOf(sigma: number): Box {
  const f = Math.fround;
  const variance = f(f(f(sigma) * f(sigma)) / 3);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const numerator = f(f(2 * whole + 1) * f(whole * (whole + 1) - f(3 * variance)));
  const denominator = f(6 * f(variance - (whole + 1) * (whole + 1)));
  const real = f(whole + f(numerator / denominator));
  const radius = Math.trunc(real);
  const inner = Math.trunc(f(16777216 / f(f(real * 2) + 1)));
  return { radius, inner, outer: Math.floor((16777216 - (2 * radius + 1) * inner) / 2) };
}
