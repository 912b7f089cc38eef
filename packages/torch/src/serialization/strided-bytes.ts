/** @file The elements of a strided view, gathered row by row. */

/**
 * Yields the contiguous bytes of a view.
 * @param span    bytes of the storage from the view's first element to its last
 * @param shape   without zeros
 * @param stride  in elements, not negative
 * @param size    bytes of one element
 * @param limit   bytes of one piece at most
 */
export function* stridedBytes(
  span: Uint8Array,
  shape: readonly number[],
  stride: readonly number[],
  size: number,
  limit: number,
): Generator<Uint8Array> {
  const axes = shape.length;
  let left = shape.reduce((product, length) => product * length, size);
  const perPiece = Math.max(1, Math.floor(limit / size)) * size;
  const index = new Array<number>(axes).fill(0);
  let from = 0;
  while (left > 0) {
    const piece = new Uint8Array(Math.min(perPiece, left));
    for (let to = 0; to < piece.length; to += size) {
      for (let i = 0; i < size; i++) piece[to + i] = span[from + i]!;
      for (let axis = axes - 1; axis >= 0; axis--) {
        index[axis]!++;
        from += stride[axis]! * size;
        if (index[axis]! < shape[axis]!) break;
        from -= shape[axis]! * stride[axis]! * size;
        index[axis] = 0;
      }
    }
    left -= piece.length;
    yield piece;
  }
}
