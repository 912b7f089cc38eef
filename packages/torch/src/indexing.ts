/** @file Indexing as in NumPy and PyTorch: `x.at(0, slice(1, 3), null, mask)`. */
import { ShapeError } from './errors.js';
import { index, select, slice as sliceOperator, unsqueeze } from './generated/operators.js';
import { Tensor } from './tensor.js';

/** A range along one dimension; negative numbers count from the end, as in Python. */
export interface Slice {
  readonly kind: 'slice';
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;
}

/** `slice(1, 3)` is Python's `1:3`, `slice()` is `:`, `slice(null, null, 2)` is `::2`; the step is positive. */
export function slice(start: number | null = null, end: number | null = null, step = 1): Slice {
  return { kind: 'slice', start, end, step };
}

/** What can stand at one place of an index: a position, a range, a new dimension (null), all that remain ('...'), integer positions or a mask. */
export type Index = number | Slice | null | '...' | Tensor;

/**
 * The part of a tensor that an index names; a view where PyTorch gives one, a copy where tensors index.
 * @throws ShapeError when there are more places than dimensions, or two '...'
 */
export function at(tensor: Tensor, ...places: readonly Index[]): Tensor {
  const consumed = places.reduce<number>(
    (count, place) =>
      count +
      (place === null || place === '...' ? 0 : place instanceof Tensor && place.dtype === 'bool' ? place.rank : 1),
    0,
  );
  const { rank } = tensor;
  if (consumed > rank)
    throw new ShapeError(`at: expected at most ${rank} places for shape [${tensor.shape.join(', ')}], got ${consumed}`);
  if (places.filter((place) => place === '...').length > 1)
    throw new ShapeError("at: expected at most one '...', got several");
  let result = tensor;
  let dimension = 0;
  const tensors: (Tensor | null)[] = [];
  for (const place of places) {
    if (place === '...') {
      dimension += rank - consumed;
    } else if (place === null) {
      result = unsqueeze(result, dimension++);
    } else if (typeof place === 'number') {
      result = select(result, dimension, place);
    } else if (place instanceof Tensor) {
      while (tensors.length < dimension) tensors.push(null);
      tensors.push(place);
      dimension += place.dtype === 'bool' ? place.rank : 1;
      for (let extra = 1; extra < (place.dtype === 'bool' ? place.rank : 1); extra++) tensors.push(null);
    } else {
      result = sliceOperator(result, { dim: dimension++, start: place.start, end: place.end, step: place.step });
    }
  }
  // A mask of several dimensions stands for all of them: libtorch wants one entry.
  const compact = tensors.filter((entry, i) => !(entry === null && isInsideMask(tensors, i)));
  return compact.length === 0 ? result : index(result, compact);
}

function isInsideMask(tensors: readonly (Tensor | null)[], place: number): boolean {
  for (let start = place - 1; start >= 0; start--) {
    const entry = tensors[start];
    if (entry === null || entry === undefined) continue;
    return entry.dtype === 'bool' && start + entry.rank > place;
  }
  return false;
}

declare module './tensor.js' {
  interface Tensor<D, R> {
    /** The part that an index names: `x.at(0, slice(1, 3), null, mask)`. See `Index`. */
    at(...places: readonly Index[]): Tensor;
  }
}

Object.defineProperty(Tensor.prototype, 'at', {
  value: function (this: Tensor, ...places: Index[]) {
    return at(this, ...places);
  },
});
