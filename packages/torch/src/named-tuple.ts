/** @file Several results as a tuple whose elements have names too, as PyTorch's named tuples. */
import { inspect } from 'node:util';

/** What every class of `namedTuple` makes: an array of the results, whose prototype has a getter for each name. */
export type NamedTupleClass = new (...values: unknown[]) => unknown[];

/**
 * A class of arrays whose elements can be read by name: `const [values, indices] = r`, `r.values`, `r.indices`.
 * What `map`, `filter` and `slice` return of them are plain arrays.
 */
export function namedTuple(...names: readonly string[]): NamedTupleClass {
  class NamedTuple extends Array<unknown> {
    static override get [Symbol.species](): ArrayConstructor {
      return Array;
    }

    [inspect.custom](): Record<string, unknown> {
      return Object.fromEntries(names.map((name, i) => [name, this[i]]));
    }
  }
  for (const [i, name] of names.entries())
    Object.defineProperty(NamedTuple.prototype, name, {
      get(this: unknown[]) {
        return this[i];
      },
      configurable: true,
    });
  return NamedTuple;
}
