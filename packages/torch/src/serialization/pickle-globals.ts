/**
 * @file The allow list of a pickle: names of Python's classes and functions that mean plain data, and what they make.
 * Nothing is imported or called by name; a name that is not here cannot do anything.
 */
import type { AllocationBudget } from './allocation-budget.js';
import { type AllowedGlobal, expectArguments, latin1Bytes, PickleRefusal } from './pickle-allowed.js';
import { buildNumpy, numpyGlobals } from './pickle-numpy.js';
import { isDict, kindOf, PickleNamespace, type PickleSet, PickleTuple, type PickleValue } from './pickle-values.js';

/** Bytes that an entry of a list, set or dictionary is counted as. */
const ENTRY_BYTES = 8;

const orderedDict: AllowedGlobal = {
  call(args, budget) {
    expectArguments('OrderedDict', args, 0, 1);
    const dict = new Map<PickleValue, PickleValue>();
    const [pairs] = args;
    if (pairs === undefined) return dict;
    if (!Array.isArray(pairs)) throw new PickleRefusal(`OrderedDict is made from ${kindOf(pairs)}`);
    budget.take(ENTRY_BYTES * pairs.length);
    for (const pair of pairs) {
      const items = pair instanceof PickleTuple ? pair.items : pair;
      if (!Array.isArray(items) || items.length !== 2) throw new PickleRefusal('OrderedDict is made from no pairs');
      dict.set(items[0] as PickleValue, items[1] as PickleValue);
    }
    return dict;
  },
};

const set: AllowedGlobal = {
  call(args, budget): PickleSet {
    expectArguments('set', args, 0, 1);
    const [items] = args;
    if (items === undefined) return new Set();
    if (!Array.isArray(items)) throw new PickleRefusal(`a set is made from ${kindOf(items)}`);
    budget.take(ENTRY_BYTES * items.length);
    return new Set(items);
  },
};

const namespace: AllowedGlobal = {
  call(args) {
    expectArguments('argparse.Namespace', args, 0);
    return new PickleNamespace();
  },
};

/** Protocol 2 writes bytes as text and the name of the encoding. */
const encode: AllowedGlobal = {
  call(args, budget) {
    expectArguments('_codecs.encode', args, 2);
    const [text, encoding] = args;
    if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1'))
      throw new PickleRefusal('_codecs.encode is called with other arguments than a text and latin1');
    return latin1Bytes(text, budget);
  },
};

/** Protocol 2 writes empty bytes as a call of their class without arguments. */
const bytes: AllowedGlobal = {
  call(args) {
    expectArguments('bytes', args, 0);
    return new Uint8Array(0);
  },
};

/** Names of plain data, as `module name`. */
export const plainGlobals: ReadonlyMap<string, AllowedGlobal> = new Map([
  ['collections OrderedDict', orderedDict],
  ['argparse Namespace', namespace],
  ['_codecs encode', encode],
  ...['__builtin__', 'builtins'].flatMap((module): [string, AllowedGlobal][] => [
    [`${module} set`, set],
    [`${module} frozenset`, set],
    [`${module} bytes`, bytes],
  ]),
  ...numpyGlobals,
]);

/** Gives an object the state that the pickle holds for it (BUILD). */
export function buildPlain(object: PickleValue, state: PickleValue, budget: AllocationBudget): void {
  // the attributes of an OrderedDict, such as the `_metadata` of a state dict, say nothing about its entries
  if (isDict(object) || buildNumpy(object, state, budget)) return;
  if (object instanceof PickleNamespace && isDict(state)) {
    budget.take(ENTRY_BYTES * state.size);
    for (const [name, value] of state) object.attributes.set(name, value);
    return;
  }
  throw new PickleRefusal(`${kindOf(object)} gets ${kindOf(state)} as its state`);
}
