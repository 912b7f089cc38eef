/** @file Tables of classes: how well each is told, what it is taken for, the most confident mistakes, and images that show it. */

import { wilson } from '../evaluation/intervals.js';
import type { Answers } from './answers.js';
import type { ClassRow, ConfusionCell, Mistake } from './report-data.js';

/** A row whose example images are numbers of measured images, until their thumbnails are made. */
export type Draft<Row extends { examples: unknown }> = Omit<Row, 'examples'> & { readonly examples: readonly number[] };

/** A mistake by the number of its image. */
export type MistakeDraft = Omit<Mistake, 'image'> & { readonly image: number };

/** Thumbnails that the tables may show; a report stays below a few megabytes with 1,000 classes. */
const limits = { examples: 100, perClass: 3, cells: 30, perCell: 3, mistakes: 24 } as const;

/** Numbers that `keep` accepts, at most `limit`. */
function firstOf(order: readonly number[], limit: number, keep: (image: number) => boolean): number[] {
  const chosen: number[] = [];
  for (const image of order) {
    if (chosen.length >= limit) break;
    if (keep(image)) chosen.push(image);
  }
  return chosen;
}

/** Numbers of the images by falling value, of equal ones the first. */
function byFalling(values: Float64Array): number[] {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
}

/**
 * Recall, precision and labels of every class. Examples are its first images; where they would be too many, only the classes that are
 * told worst have some.
 * @param labeled  labeled training images of each class
 */
export function classTable(
  names: readonly string[],
  labels: Int32Array,
  { predicted, isRight }: Answers,
  labeled: readonly number[],
): Draft<ClassRow>[] {
  const members: number[][] = names.map(() => []);
  labels.forEach((label, image) => {
    members[label].push(image);
  });
  const right = members.map((images) => images.reduce((sum, image) => sum + isRight[image], 0));
  const told = new Int32Array(names.length);
  for (const label of predicted) told[label]++;
  const perClass = Math.max(1, Math.min(limits.perClass, Math.floor(limits.examples / names.length)));
  const recall = (index: number): number => (members[index].length === 0 ? 2 : right[index] / members[index].length);
  const worst = new Set(
    [...names.keys()].sort((a, b) => recall(a) - recall(b) || a - b).slice(0, Math.floor(limits.examples / perClass)),
  );
  return names.map((name, index) => {
    const images = members[index].length;
    return {
      name,
      images,
      top1: images === 0 ? null : wilson(right[index], images),
      precision: told[index] === 0 ? null : right[index] / told[index],
      labeled: labeled[index],
      examples: worst.has(index) ? members[index].slice(0, perClass) : [],
    };
  });
}

/** Every pair of class and answer that occurs, by class; the pairs with the most mistakes show their most confident ones. */
export function confusionTable(labels: Int32Array, { predicted, confidence }: Answers): Draft<ConfusionCell>[] {
  const cells = new Map<string, { truth: number; predicted: number; images: number[] }>();
  for (const image of byFalling(confidence)) {
    const key = `${labels[image]} ${predicted[image]}`;
    const cell = cells.get(key) ?? { truth: labels[image], predicted: predicted[image], images: [] };
    cell.images.push(image);
    cells.set(key, cell);
  }
  const inOrder = [...cells.values()].sort((a, b) => a.truth - b.truth || a.predicted - b.predicted);
  const wrong = inOrder.filter((cell) => cell.truth !== cell.predicted);
  const shown = new Set(wrong.sort((a, b) => b.images.length - a.images.length).slice(0, limits.cells));
  return inOrder.map((cell) => ({
    truth: cell.truth,
    predicted: cell.predicted,
    images: cell.images.length,
    examples: shown.has(cell) ? cell.images.slice(0, limits.perCell) : [],
  }));
}

/** Wrong answers by falling confidence. */
export function mistakesTable(names: readonly string[], labels: Int32Array, answers: Answers): MistakeDraft[] {
  const { predicted, confidence, ofTruth, isRight } = answers;
  return firstOf(byFalling(confidence), limits.mistakes, (image) => isRight[image] === 0).map((image) => ({
    image,
    truth: names[labels[image]],
    predicted: names[predicted[image]],
    confidence: confidence[image],
    ofTruth: ofTruth[image],
  }));
}
