/** @file Whole pixels as Python and torchvision round to them. */

/** The nearest integer; halves go to the even one, as Python's `round`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** First position of a centered window of `crop` pixels; negative where the side is padded (torchvision's CenterCrop). */
export function centerStart(side: number, crop: number): number {
  if (side >= crop) return roundHalfEven((side - crop) / 2);
  return -Math.floor((crop - side) / 2);
}
