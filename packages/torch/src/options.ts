/** @file Checks of options objects: what an author of plain JavaScript mistypes is said, not ignored. */
import { ArgumentError } from './errors.js';

/**
 * Checks the options of a constructor or function that is not generated (those have `operator-arguments.ts`).
 * @param where  who says it: `Conv2d`
 * @param names  all options there are
 * @throws ArgumentError when the options are no object, or hold a name that is not among `names`
 */
export function checkOptions(where: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new ArgumentError(
      `${where}: expected an object with options (${names.join(', ')}), got ${String(options)}. Arguments with a default go into it by name.`,
    );
  for (const name of Object.keys(options))
    if (!names.includes(name))
      throw new ArgumentError(`${where}: unknown option '${name}'; it takes ${names.join(', ')}.`);
}
