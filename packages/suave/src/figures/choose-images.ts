/** @file Which images a map shows: a part of the data, some of the classes, not more than can be seen. */
import { drawKey } from '../augment/index.js';
import type { DescribedImage, DescribedImages } from '../data/index.js';
import { classIndexOf, nameKey, uniqueNames } from '../data/natural-order.js';
import { DataError, didYouMean, UsageError } from '../errors.js';
import { counted } from '../text.js';

/** Parts of the data. */
export const mapSplits = ['val', 'train', 'all'] as const;
export type MapSplit = (typeof mapSplits)[number];

/** What is asked for; null: the default. */
export interface MapChoice {
  /** Default: `val` where images were set aside, else `all`. */
  readonly split: MapSplit | null;
  /** Names. */
  readonly classes: readonly string[] | null;
  /** So many classes, drawn at random. Default: all, or 20 of more. */
  readonly numClasses: number | null;
  /** At most so many images, drawn at random. */
  readonly images: number;
  readonly seed: number;
}

/** What a map shows. */
export interface ChosenImages {
  readonly images: readonly DescribedImage[];
  /** Class names, in the order of the legend. */
  readonly classes: readonly string[];
  /** [images] −1 where unknown. */
  readonly labels: Int32Array;
  readonly split: MapSplit;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** As in the paper's figure. */
const defaultClasses = 20;

/**
 * Chooses images.
 * @param known  the network's own class names, for their order; null without
 * @throws DataError `NO_SUCH_SPLIT`, `EMPTY_FOLDER`; UsageError `UNKNOWN_CLASS`
 */
export function chooseImages(
  listed: DescribedImages,
  known: readonly string[] | null,
  choice: MapChoice,
): ChosenImages {
  const notes: string[] = [];
  const { split, images: ofSplit } = imagesOfSplit(listed, choice.split);
  if (choice.split === null && split === 'all')
    notes.push('no images were set aside in these data: all of them are shown');
  const present = uniqueNames(ofSplit.flatMap(({ label }) => label ?? []));
  const { names, isSubset } = chooseClasses(inOrder(present, known), choice);
  if (isSubset && choice.classes === null)
    notes.push(`${names.length} of ${present.length} classes, drawn with seed ${choice.seed}`);
  const index = classIndexOf(names);
  const classOf = ({ label }: DescribedImage): number => (label === null ? -1 : (index.get(nameKey(label)) ?? -1));
  const eligible = isSubset ? ofSplit.filter((image) => classOf(image) >= 0) : ofSplit;
  const images = someOf(eligible, choice.images, choice.seed, 3);
  if (images.length < eligible.length)
    notes.push(
      `${images.length.toLocaleString('en')} of ${counted(eligible.length, 'image')}, drawn with seed ${choice.seed}`,
    );
  return { images, classes: names, labels: Int32Array.from(images, classOf), split, notes };
}

function imagesOfSplit(
  { images, root }: DescribedImages,
  asked: MapSplit | null,
): { split: MapSplit; images: readonly DescribedImage[] } {
  const held = images.filter((image) => image.split === 'held-out');
  const split = asked ?? (held.length > 0 ? 'val' : 'all');
  const hasSplits = images.some((image) => image.split !== null && image.split !== 'held-out');
  const training = images.filter((image) => image.split !== 'held-out' && !(hasSplits && image.split === null));
  const chosen = { val: held, train: training, all: images }[split];
  if (chosen.length > 0) return { split, images: chosen };
  const what = split === 'val' ? 'images that were set aside' : 'images to train on';
  throw new DataError(`suave umap --split ${split}: expected ${what} in "${root}", got none. Use --split all.`, {
    code: 'NO_SUCH_SPLIT',
    file: root,
  });
}

/** Names in the order of the network, then the others. */
function inOrder(names: readonly string[], known: readonly string[] | null): string[] {
  const present = new Set(names.map(nameKey));
  const first = (known ?? []).filter((name) => present.has(nameKey(name)));
  const taken = new Set(first.map(nameKey));
  return [...first, ...names.filter((name) => !taken.has(nameKey(name)))];
}

function chooseClasses(names: readonly string[], choice: MapChoice): { names: readonly string[]; isSubset: boolean } {
  const { classes: asked, numClasses, seed } = choice;
  if (asked === null) {
    const wanted = numClasses ?? defaultClasses;
    const chosen = someOf(names, wanted, seed, 2);
    return { names: chosen, isSubset: chosen.length < names.length };
  }
  const index = classIndexOf(names);
  const found = asked.map((name) => {
    const position = index.get(nameKey(name));
    if (position !== undefined) return position;
    const hint = names.length === 0 ? ' The classes of these images are unknown.' : didYouMean(name, names);
    throw new UsageError(`suave umap --classes: expected classes of the images, got "${name}".${hint}`, {
      code: 'UNKNOWN_CLASS',
    });
  });
  const chosen = [...new Set(found)].sort((a, b) => a - b).map((position) => names[position]);
  return { names: chosen, isSubset: true };
}

/** Random items in their order; all where there are not more. */
function someOf<Item>(items: readonly Item[], count: number, seed: number, view: number): readonly Item[] {
  if (items.length <= count) return items;
  const order = drawKey(seed, 0, 'other', 0, 0, 0, view, 'figure').permutation(items.length);
  return Array.from(order.subarray(0, count).sort(), (i) => items[i]);
}

/** Some rows of a matrix by random, in their order: as prototypes are drawn. */
export function someRows(count: number, wanted: number, seed: number): readonly number[] {
  return someOf(
    Array.from({ length: count }, (_, i) => i),
    wanted,
    seed,
    4,
  );
}
