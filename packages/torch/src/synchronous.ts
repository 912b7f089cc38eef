/** @file Regions that hold while a function runs cannot last until its promise settles. */
import { ArgumentError } from './errors.js';

/** Gives `result` back. @throws ArgumentError when it is a promise */
export function refusePromise<T>(result: T, where: string): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
    throw new ArgumentError(
      `${where}: expected a synchronous function, got one that returns a promise. Await outside.`,
    );
  return result;
}
