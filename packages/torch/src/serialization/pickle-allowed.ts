/** @file What it means that a name of Python is allowed in a pickle, and the refusal of what is not. */
import type { AllocationBudget } from './allocation-budget.js';
import { PickleObject, type PickleValue } from './pickle-values.js';

/** A pickle holds something that is no plain data; the reader adds the file and what to do. */
export class PickleRefusal extends Error {}

/** What a name of the allow list does when the pickle calls it. */
export interface AllowedGlobal {
  /**
   * @param args    the call's arguments
   * @param budget  asked before anything is copied
   * @throws PickleRefusal when the arguments do not fit
   */
  call(args: readonly PickleValue[], budget: AllocationBudget): PickleValue;
}

/** A name of the allow list as a value on the stack. */
export class GlobalReference extends PickleObject {
  readonly kind = 'a class';
  constructor(
    readonly name: string,
    readonly meaning: AllowedGlobal,
  ) {
    super();
  }
}

/** Throws unless there are exactly `count` arguments, or between `count` and `most`. */
export function expectArguments(name: string, args: readonly PickleValue[], count: number, most = count): void {
  if (args.length >= count && args.length <= most) return;
  throw new PickleRefusal(`${name} is called with ${args.length} arguments`);
}

/** Python text as the bytes that it encodes, one character each. */
export function latin1Bytes(text: string, budget: AllocationBudget): Uint8Array {
  budget.take(text.length);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new PickleRefusal('text that should be bytes holds a character beyond Latin-1');
    bytes[i] = code;
  }
  return bytes;
}
