/** @file Indexing as in NumPy and PyTorch: `x.at(0, slice(1, 3), null, mask)` reads, `x.setAt([0, slice(1, 3)], value)` writes. */
import { tensor as makeTensor } from './creation.js';
import type { Scalar } from './dtype.js';
import { ArgumentError, ShapeError } from './errors.js';
import { alias, index, indexPut_, select, slice as sliceOperator, unsqueeze } from './generated/operators.js';
import { native } from './native.js';
import { Tensor } from './tensor.js';

/** A range along one dimension; negative numbers count from the end, as in Python. */
export interface Slice {
  readonly kind: 'slice';
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;
}

/**
 * `slice(1, 3)` is Python's `1:3`, `slice()` is `:`, `slice(null, null, 2)` is `::2`.
 * @throws ArgumentError unless the step is positive and all are integers
 */
export function slice(start: number | null = null, end: number | null = null, step = 1): Slice {
  for (const bound of [start, end])
    if (bound !== null && !Number.isInteger(bound))
      throw new ArgumentError(`slice: expected integers or null, got ${bound}`);
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError(`slice: expected a step of at least 1, got ${step}. Use flip() for the other direction.`);
  return { kind: 'slice', start, end, step };
}

/**
 * What can stand at one place of an index: a position (negative from the end), a range, a new dimension (`null`), all dimensions
 * that are not named (`'...'`), integer positions or a mask as tensor or array, or a boolean (a new dimension of size 1 or 0).
 */
export type Index = number | Slice | null | '...' | boolean | Tensor | readonly number[] | readonly boolean[];

const INTEGERS: ReadonlySet<string> = new Set(['int64', 'int32', 'int16', 'int8']);

/** One step on the way from a tensor to the part that is named; disposes of what only led there. */
class Walk {
  result: Tensor;
  #dimension = 0;
  /** Tensors that index, each with the dimension at which it stands and how many it covers. */
  readonly #tensors: { readonly tensor: Tensor; readonly dimension: number; readonly covers: number }[] = [];
  readonly #made: Tensor[] = [];

  constructor(
    readonly where: string,
    readonly source: Tensor,
    readonly places: readonly Index[],
  ) {
    this.result = source;
    try {
      this.#take();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Null without tensors that index, else what `aten::index` takes. */
  indices(): (Tensor | null)[] | null {
    if (this.#tensors.length === 0) return null;
    const list: (Tensor | null)[] = [];
    let covered = 0;
    for (const { tensor, dimension, covers } of this.#tensors) {
      for (; covered < dimension; covered++) list.push(null);
      list.push(tensor);
      covered += covers;
    }
    return list;
  }

  dispose(): void {
    for (const tensor of this.#made) tensor.dispose();
    if (this.result !== this.source) this.result.dispose();
  }

  #fail(place: number, problem: string): never {
    throw new ShapeError(
      `${this.where}: place ${place}: ${problem} (of a tensor of shape [${this.source.shape.join(', ')}])`,
    );
  }

  #refuse(place: number, problem: string): never {
    throw new ArgumentError(`${this.where}: place ${place}: ${problem}`);
  }

  #step(next: Tensor): void {
    if (this.result !== this.source) this.result.dispose();
    this.result = next;
  }

  /** Arrays become tensors; integers of other widths int64; a single position its number. */
  #resolve(place: Index, i: number): Exclude<Index, readonly number[] | readonly boolean[]> {
    if (Array.isArray(place)) {
      if (place.some((value) => typeof value !== typeof place[0] || !/number|boolean/.test(typeof value)))
        this.#refuse(i, 'expected an array of integers or one of booleans');
      const fraction = place.find((value) => typeof value === 'number' && !Number.isInteger(value));
      if (fraction !== undefined) this.#refuse(i, `expected integer positions, got ${fraction}`);
      const made = makeTensor(place as readonly number[], {
        dtype: typeof place[0] === 'boolean' ? 'bool' : 'int64',
        device: this.source.device,
      }) as Tensor;
      this.#made.push(made);
      return made;
    }
    if (!(place instanceof Tensor)) return place as Exclude<Index, readonly number[] | readonly boolean[]>;
    const { dtype } = place;
    if (dtype === 'bool') return place;
    if (!INTEGERS.has(dtype))
      this.#refuse(
        i,
        `expected a tensor of integers or bool, got ${dtype}. ${
          dtype === 'uint8' ? "Use to('bool') for a mask, to('int64') for positions" : "Use to('int64')"
        }.`,
      );
    if (place.rank === 0) return place.item();
    if (dtype === 'int64') return place;
    const wide = place.to('int64');
    this.#made.push(wide);
    return wide;
  }

  #take(): void {
    const places = this.places.map((place, i) => this.#resolve(place, i));
    const covers = (place: (typeof places)[number]): number => {
      if (place === null || place === '...' || typeof place === 'boolean') return 0;
      return place instanceof Tensor && place.dtype === 'bool' ? place.rank : 1;
    };
    const { rank } = this.source;
    let named = 0;
    for (const [i, place] of places.entries()) {
      named += covers(place);
      if (named > rank) this.#fail(i, `expected at most ${rank} dimensions to be named, got ${named} and more`);
    }
    if (places.filter((place) => place === '...').length > 1)
      this.#fail(places.lastIndexOf('...'), "expected at most one '...', got several");
    for (const [i, place] of places.entries()) {
      if (place === '...') this.#dimension += rank - named;
      else if (place === null) this.#step(unsqueeze(this.result, this.#dimension++));
      else if (typeof place === 'number') this.#select(place, i);
      else if (typeof place === 'boolean') this.#flag(place);
      else if (place instanceof Tensor) this.#index(place, covers(place), i);
      else if (place?.kind === 'slice')
        this.#step(
          sliceOperator(this.result, {
            dim: this.#dimension++,
            start: place.start,
            end: place.end,
            step: place.step,
          }),
        );
      else
        this.#refuse(
          i,
          `expected a number, slice(), null, '...', a boolean, a Tensor or an array, got ${place === undefined ? 'undefined' : String(place)}`,
        );
    }
  }

  #select(position: number, place: number): void {
    if (!Number.isInteger(position)) this.#refuse(place, `expected an integer position, got ${position}`);
    const size = this.result.shape[this.#dimension] ?? 0;
    if (position < -size || position >= size)
      this.#fail(
        place,
        size === 0
          ? `expected no position in a dimension of size 0, got ${position}`
          : `expected a position from ${-size} to ${size - 1}, got ${position}`,
      );
    this.#step(select(this.result, this.#dimension, position));
  }

  /** A boolean, or a mask without dimensions: a new dimension that is kept or emptied. */
  #flag(flag: boolean | Tensor): void {
    const mask = flag instanceof Tensor ? flag.unsqueeze(0) : makeTensor([flag], { device: this.source.device });
    this.#made.push(mask as Tensor);
    this.#step(unsqueeze(this.result, this.#dimension));
    this.#tensors.push({ tensor: mask as Tensor, dimension: this.#dimension++, covers: 1 });
  }

  #index(tensor: Tensor, covers: number, place: number): void {
    if (covers === 0) {
      this.#flag(tensor);
      return;
    }
    if (tensor.dtype === 'bool') {
      const sizes = this.result.shape.slice(this.#dimension, this.#dimension + covers);
      if (tensor.shape.some((size, i) => size !== sizes[i]))
        this.#fail(
          place,
          `expected a mask of shape [${sizes.join(', ')}] like the dimensions it covers, got [${tensor.shape.join(', ')}]`,
        );
    }
    this.#tensors.push({ tensor, dimension: this.#dimension, covers });
    this.#dimension += covers;
  }
}

/**
 * The part of a tensor that an index names: a view where only positions, ranges and new dimensions name it, a copy where tensors
 * or arrays do. Several of these are broadcast against each other; where other places stand between them their dimensions come
 * first, as in PyTorch. A tensor without dimensions counts as a position, which waits for the device.
 * @throws ShapeError naming the place: too many dimensions named, a position out of range, a mask of another shape, two '...'
 * @throws ArgumentError for a value that is no index
 */
export function at(tensor: Tensor, ...places: readonly Index[]): Tensor {
  const walk = new Walk('at', tensor, places);
  const indices = walk.indices();
  if (indices === null) return walk.result === tensor ? alias(tensor) : walk.result;
  try {
    return index(walk.result, indices);
  } finally {
    walk.dispose();
  }
}

/** Leading dimensions of size 1 beyond those of the target are dropped, as PyTorch's assignment does. */
function dropLeadingOnes(value: Tensor, rank: number): Tensor {
  const extra = value.shape.findIndex((size) => size !== 1);
  const most = Math.max(0, value.rank - rank);
  const count = Math.min(most, extra < 0 ? value.rank : extra);
  return count === 0 ? value : value.reshape(value.shape.slice(count));
}

/**
 * Writes to the part of a tensor that an index names, in place (PyTorch's `x[…] = value`).
 * @param places  one place, or an array of places: an array alone is always the list of places, so `[[0, 2]]` names two positions
 * @param value  a number, or a tensor that is broadcast to the part. Where tensors or masks name the part its dtype must be that of `tensor`
 * @param options  `accumulate`: add instead of writing; positions that are named twice are added twice
 * @returns the same tensor
 * @throws ShapeError, ArgumentError as `at` does
 */
export function setAt(
  tensor: Tensor,
  places: Index | readonly Index[],
  value: Tensor | Scalar,
  options: { accumulate?: boolean } = {},
): Tensor {
  const { accumulate = false } = options;
  if (!(value instanceof Tensor) && !/^(number|bigint|boolean)$/.test(typeof value))
    throw new ArgumentError(`setAt: expected a number or a Tensor as value, got ${typeof value}`);
  const walk = new Walk('setAt', tensor, Array.isArray(places) ? places : [places as Index]);
  const made: Tensor[] = [];
  const keep = (part: Tensor): Tensor => {
    if (part !== value) made.push(part);
    return part;
  };
  try {
    const indices = walk.indices();
    const { result } = walk;
    if (indices === null && !(value instanceof Tensor)) {
      if (accumulate) result.add_(value);
      else result.fill_(value);
      return tensor;
    }
    let source = value instanceof Tensor ? value : keep(scalarLike(value, tensor));
    if (source.rank === 0 && source.device !== tensor.device) source = keep(source.to({ device: tensor.device }));
    if (indices === null) {
      source = keep(dropLeadingOnes(source, result.rank));
      if (accumulate) result.add_(source);
      else result.copy_(source);
      return tensor;
    }
    indexPut_(result, indices, keep(dropLeadingOnes(source, indexedRank(result, indices))), { accumulate });
    return tensor;
  } finally {
    for (const part of made) part.dispose();
    walk.dispose();
  }
}

function scalarLike(value: Scalar, like: Tensor): Tensor {
  const gradMode = native.setGradEnabled(false);
  try {
    return like.newZeros([]).fill_(value);
  } finally {
    native.setGradEnabled(gradMode);
  }
}

/** Rank of what `indices` name in a tensor. */
function indexedRank(tensor: Tensor, indices: readonly (Tensor | null)[]): number {
  let broadcast = 0;
  let covered = 0;
  for (const entry of indices) {
    if (entry === null) continue;
    const isMask = entry.dtype === 'bool';
    broadcast = Math.max(broadcast, isMask ? 1 : entry.rank);
    covered += isMask ? entry.rank : 1;
  }
  return tensor.rank - covered + broadcast;
}

declare module './tensor.js' {
  interface Tensor<D, R> {
    /** The part that an index names: `x.at(0, slice(1, 3), null, mask)`. See the function `at`. */
    at(...places: readonly Index[]): Tensor<D>;
    /** Writes to the part that an index names, in place: `x.setAt([0, slice(1, 3)], 7)`. See the function `setAt`. */
    setAt(places: Index | readonly Index[], value: Tensor | Scalar, options?: { accumulate?: boolean }): this;
  }
}

Object.defineProperties(Tensor.prototype, {
  at: {
    value: function (this: Tensor, ...places: Index[]) {
      return at(this, ...places);
    },
    writable: true,
    configurable: true,
  },
  setAt: {
    value: function (this: Tensor, ...values: [Index | readonly Index[], Tensor | Scalar, { accumulate?: boolean }?]) {
      return setAt(this, ...values);
    },
    writable: true,
    configurable: true,
  },
});
