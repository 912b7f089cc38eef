/** @file Class-balanced lists of labeled images by index, one a line, for `--labels`. */
import { Draws } from '../augment/random.js';
import { DataError } from '../errors.js';

/**
 * Draws the same number of images of every class.
 * @param labels    [images] class index, in the original order
 * @param perClass  images of each class, an integer ≥ 1
 * @param seed      lists of the same seed contain each other: the first of each class stay the first
 * @returns indices in ascending order
 * @throws DataError OUT_OF_RANGE, TOO_MANY_LABELS
 */
export function balancedIndexList(labels: ArrayLike<number>, perClass: number, seed: number): number[] {
  if (!Number.isInteger(perClass) || perClass < 1) {
    throw new DataError(
      `index list: expected an integer of 1 or more per class, got ${perClass}. Choose another one.`,
      {
        code: 'OUT_OF_RANGE',
      },
    );
  }
  const draws = new Draws(seed, 0, 'other');
  const byClass = new Map<number, { index: number; key: number }[]>();
  for (let index = 0; index < labels.length; index++) {
    const member = { index, key: draws.at(0, index, 0, 2, 'split').uniform() };
    const members = byClass.get(labels[index]);
    if (members) members.push(member);
    else byClass.set(labels[index], [member]);
  }
  const chosen: number[] = [];
  for (const [label, members] of byClass) {
    if (members.length < perClass) {
      throw new DataError(
        `index list: expected at most ${members.length} images per class, got ${perClass}: class ${label} has no more. Ask for fewer.`,
        { code: 'TOO_MANY_LABELS' },
      );
    }
    members.sort((a, b) => a.key - b.key || a.index - b.index);
    chosen.push(...members.slice(0, perClass).map(({ index }) => index));
  }
  return chosen.sort((a, b) => a - b);
}
