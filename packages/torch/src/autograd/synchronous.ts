/** @file Modes hold while a function runs; one that goes on later would run outside of them. */
import { ArgumentError } from '../errors.js';

/** The result as it is. @throws ArgumentError when it is a promise */
export function refusePromise<T>(result: T, where: string): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
    throw new ArgumentError(
      `${where}: expected a synchronous function, got one that returns a promise. Await outside.`,
    );
  return result;
}
