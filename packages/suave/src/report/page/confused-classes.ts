/** @file Which part of a confusion matrix can be looked at: all of a small one; of a large one, the classes confused most. */
import type { ConfusionCell, ReportData } from '../report-data.js';
import { manyClasses } from './format.js';

/** How many classes of a large matrix are shown. */
const shownOfMany = 24;
/** How many pairs are listed at least, where there are so many. */
const listedPairs = 20;

/** A confusion matrix as it is drawn. */
export interface ShownMatrix {
  /** Classes in its rows and columns. */
  readonly classes: readonly number[];
  /** Their cells with at least one image. */
  readonly cells: readonly ConfusionCell[];
}

/** Mistakes, the most frequent first; at least all that have example images. */
export function confusedPairs(cells: readonly ConfusionCell[]): ConfusionCell[] {
  const mistakes = cells.filter((cell) => cell.truth !== cell.predicted).sort((a, b) => b.images - a.images);
  return mistakes.filter((cell, rank) => rank < listedPairs || cell.examples.length > 0);
}

/** Measured images of every class. */
export function imagesByClass(cells: readonly ConfusionCell[], classes: number): number[] {
  const images = new Array<number>(classes).fill(0);
  for (const cell of cells) images[cell.truth] += cell.images;
  return images;
}

/** The matrix of all classes; with more than 40, of those in the most frequent mistakes, in the order of the classes. */
export function shownMatrix(data: ReportData): ShownMatrix | null {
  if (data.confusion === null || data.classes === null) return null;
  const all = data.classes.map((_, i) => i);
  if (all.length <= manyClasses) return { classes: all, cells: data.confusion };
  const chosen = new Set<number>();
  for (const { truth, predicted } of confusedPairs(data.confusion)) {
    if (new Set([...chosen, truth, predicted]).size > shownOfMany) break;
    chosen.add(truth).add(predicted);
  }
  return {
    classes: all.filter((i) => chosen.has(i)),
    cells: data.confusion.filter(({ truth, predicted }) => chosen.has(truth) && chosen.has(predicted)),
  };
}
