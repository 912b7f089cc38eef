import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../tests/fixtures/image-folders.js';
import type { DataImage } from './regions.js';
import { checkSplitOptions, chooseRoles, readSplits, type SplitOptions, writeSplits } from './splits.js';

/** A pool of images whose classes are given; the ones in `listed` are named by a label file. */
function poolOf(classes: readonly number[], listed: ReadonlySet<number> = new Set()): DataImage[] {
  return classes.map((knownClass, i) => ({
    path: `${i}.png`,
    size: 1,
    mtimeMs: 1,
    knownClass,
    listed: listed.has(i),
  }));
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);

function roles(pool: DataImage[], numClasses: number, options: SplitOptions, hasLabelsFile = false, hasVal = false) {
  return chooseRoles(pool, [...pool.keys()], names(numClasses), options, hasLabelsFile, hasVal);
}

function countsByClass(pool: DataImage[], chosen: readonly string[], role: string, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  pool.forEach((image, i) => {
    if (chosen[i] === role) counts[image.knownClass]++;
  });
  return counts;
}

describe('hold-out', () => {
  test('is 20 % of every class unless said, by the seed alone', () => {
    const pool = poolOf(Array.from({ length: 150 }, (_, i) => i % 3));
    const chosen = roles(pool, 3, { seed: 1 });
    expect(countsByClass(pool, chosen, 'held-out', 3)).toEqual([10, 10, 10]);
    expect(countsByClass(pool, chosen, 'labeled', 3)).toEqual([40, 40, 40]);
    expect(roles(pool, 3, { seed: 1 })).toEqual(chosen);
    expect(roles(pool, 3, { seed: 2 })).not.toEqual(chosen);
  });

  test('adds up to the share of all images, leaves a labeled image of each class, and only comes without val/', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 12 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (counts, holdout) => {
          const pool = poolOf(counts.flatMap((count, c) => new Array<number>(count).fill(c)));
          const chosen = roles(pool, counts.length, { seed: 3, holdout });
          const heldOut = countsByClass(pool, chosen, 'held-out', counts.length);
          counts.forEach((count, c) => {
            expect(Math.abs(heldOut[c] - count * holdout)).toBeLessThan(1.000001);
            expect(heldOut[c]).toBeLessThan(count);
          });
        },
      ),
    );
    const pool = poolOf([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(roles(pool, 2, { seed: 0 }, false, true)).not.toContain('held-out');
    expect(roles(pool, 2, { seed: 0, holdout: 0 })).not.toContain('held-out');
  });

  test('takes no image of unknown class, and listed ones last', () => {
    const listed = new Set([0, 1, 20, 21]);
    const pool = poolOf([...new Array<number>(20).fill(0), ...new Array<number>(20).fill(1), -1, -1], listed);
    const chosen = roles(pool, 2, { seed: 5 }, true);
    expect(chosen.filter((role) => role === 'held-out')).toHaveLength(8);
    expect([...listed].map((i) => chosen[i])).toEqual(['labeled', 'labeled', 'labeled', 'labeled']);
    expect(chosen.slice(40)).toEqual(['unlabeled', 'unlabeled']);
  });

  test('of labels that come from a CSV alone is taken from them', () => {
    const listed = new Set(Array.from({ length: 20 }, (_, i) => i));
    const pool = poolOf(
      Array.from({ length: 100 }, (_, i) => (i < 20 ? i % 2 : -1)),
      listed,
    );
    const chosen = roles(pool, 2, { seed: 5 }, true);
    expect(countsByClass(pool, chosen, 'held-out', 2)).toEqual([2, 2]);
    expect(countsByClass(pool, chosen, 'labeled', 2)).toEqual([8, 8]);
    expect(chosen.slice(20).every((role) => role === 'unlabeled')).toBe(true);
  });
});

describe('labels', () => {
  const pool = poolOf(Array.from({ length: 200 }, (_, i) => i % 4));

  test('per class: exactly so many, and fewer ones are among more ones', () => {
    const few = roles(pool, 4, { seed: 7, labelsPerClass: 3 });
    const more = roles(pool, 4, { seed: 7, labelsPerClass: 25 });
    expect(countsByClass(pool, few, 'labeled', 4)).toEqual([3, 3, 3, 3]);
    expect(countsByClass(pool, more, 'labeled', 4)).toEqual([25, 25, 25, 25]);
    few.forEach((role, i) => {
      if (role === 'labeled') expect(more[i]).toBe('labeled');
    });
  });

  test('by fraction: that share of what is left beside the hold-out, one of each class at least', () => {
    const chosen = roles(pool, 4, { seed: 7, labelFraction: 0.1 });
    expect(countsByClass(pool, chosen, 'labeled', 4)).toEqual([4, 4, 4, 4]);
    const least = roles(pool, 4, { seed: 7, labelFraction: 0.001 });
    expect(countsByClass(pool, least, 'labeled', 4)).toEqual([1, 1, 1, 1]);
  });

  test('more per class than there are is an error that says how many', () => {
    expect(() => roles(pool, 4, { seed: 7, labelsPerClass: 41 })).toThrow(
      /--labels-per-class: expected at most 40, got 41: class "class 0" has only 40 image\(s\) to label beside 10 held out/,
    );
  });

  test('an image that is left out moves no other', () => {
    const whole = roles(pool, 4, { seed: 9, labelsPerClass: 5, holdout: 0 });
    const without = pool.flatMap((image, i) => (i === 17 ? [] : [{ image, i }]));
    const rest = chooseRoles(
      without.map(({ image }) => image),
      without.map(({ i }) => i),
      names(4),
      { seed: 9, labelsPerClass: 5, holdout: 0 },
      false,
      false,
    );
    const moved = without.filter(({ i }, k) => whole[i] !== rest[k]);
    expect(moved.length).toBe(whole[17] === 'labeled' ? 1 : 0);
  });
});

test('numbers out of range and options that exclude each other', () => {
  const check = (options: Omit<SplitOptions, 'seed'>, hasFile = false) =>
    checkSplitOptions({ seed: 0, ...options }, hasFile);
  expect(() => check({ labelsPerClass: 0 })).toThrow(/--labels-per-class: expected an integer of 1 or more, got 0/);
  expect(() => check({ labelsPerClass: 2.5 })).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE', exitCode: 2 }));
  expect(() => check({ labelFraction: 1.5 })).toThrow(/--label-fraction/);
  expect(() => check({ labelFraction: Number.NaN })).toThrow(/--label-fraction/);
  expect(() => check({ holdout: 1 })).toThrow(/--holdout: expected a number from 0 to below 1, got 1/);
  expect(() => check({ labelsPerClass: 3, labelFraction: 0.1 })).toThrow(/got --labels-per-class and --label-fraction/);
  expect(() => check({ labelsPerClass: 3 }, true)).toThrow(expect.objectContaining({ code: 'LABEL_OPTIONS' }));
});

test('splits are read back as written', () => {
  const folder = join(temporaryFolder(), 'splits');
  const splits = {
    labeled: [{ path: 'a, "b".png', label: ' 猫 ' }],
    unlabeled: [{ path: 'x/ü.png' }, { path: 'y.png' }],
    val: [],
  };
  writeSplits(folder, splits);
  expect(readSplits(folder)).toEqual(splits);
  expect(readdirSync(folder).sort()).toEqual(['labeled.csv', 'unlabeled.csv', 'val.csv']);
  expect(readFileSync(join(folder, 'unlabeled.csv'), 'utf8')).toBe('path\nx/ü.png\ny.png\n');
  writeFileSync(join(folder, 'val.csv'), 'path\nx\n');
  expect(() => readSplits(folder)).toThrow(expect.objectContaining({ code: 'SPLITS' }));
});
