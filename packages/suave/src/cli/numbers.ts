/** @file Numbers of the command line that are not settings of the configuration. */
import { UsageError } from '../errors.js';

/**
 * A whole number of an option, or undefined where it is not given.
 * @throws UsageError when it is no whole number or too small
 */
export function wholeNumber(
  command: string,
  option: string,
  text: string | undefined,
  minimum: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= minimum) return value;
  throw new UsageError(`suave ${command} --${option}: expected a whole number >= ${minimum}, got "${text}".`);
}

/**
 * One of the words that an option allows, or undefined where it is not given.
 * @throws UsageError for another word
 */
export function oneOf<T extends string>(
  command: string,
  option: string,
  text: string | undefined,
  words: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(`suave ${command} --${option}: expected ${words.join(' or ')}, got "${text}".`);
}

/**
 * A fraction from 0 to 1 of an option, or undefined where it is not given.
 * @throws UsageError when it is no such number
 */
export function fraction(command: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new UsageError(
    `suave ${command} --${option}: expected a number from 0 to 1, got "${text}". 0.9 is a strict one.`,
  );
}
