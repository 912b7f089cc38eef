/**
 * @file Lists of tensors across the border to the addon, without an allocation for each list.
 *
 * A ring of float64 lies in memory that both sides see. Lists that go in are written behind each other; one crosses as the
 * number `start * 65536 + length`. It is read before the operator runs, so that a place may be used again a few calls later.
 * A single list that comes out lies at the beginning, and its length crosses. Longer lists cross as arrays.
 */
import type { Handle } from './native.js';
import type { Tensor } from './tensor.js';

/** A list of handles as the addon takes it: a place in the ring, or the handles themselves; 0 stands for no tensor. */
export type HandleList = number | Float64Array;

/** A list of handles as the addon gives it: how many lie at the beginning of the ring, or the handles themselves. */
export type HandleResults = number | Handle[];

const LONGEST = 1024;
const RESULTS = LONGEST;
const CAPACITY = 16 * LONGEST;
const LENGTHS = 65536;

/** The memory that both sides see. */
export const ring = new Float64Array(CAPACITY);

let next = RESULTS;

/** A list of tensors as the addon takes it. Valid for the next call only. */
export function handlesOf(tensors: readonly (Tensor | null | undefined)[]): HandleList {
  const { length } = tensors;
  if (length > LONGEST) return Float64Array.from(tensors, (tensor) => tensor?.handle ?? 0);
  if (next + length > CAPACITY) next = RESULTS;
  const start = next;
  for (let i = 0; i < length; i++) {
    const tensor = tensors[i];
    ring[start + i] = tensor === null || tensor === undefined ? 0 : tensor.handle;
  }
  next = start + length;
  return start * LENGTHS + length;
}

/** Calls `make` with each handle of a list that the addon gave. To be read before the next call. */
export function mapHandles<T>(handles: HandleResults, make: (handle: Handle) => T): T[] {
  if (typeof handles !== 'number') return handles.map(make);
  const made: T[] = [];
  for (let i = 0; i < handles; i++) made.push(make(ring[i]!));
  return made;
}
