/**
 * @file The parts of a batch that a method learns from, checked where they enter, and the rows of a head's output that
 * belong to each view. Shapes: L' labeled rows, B unlabeled images, V + M views, K classes.
 */
import { chunk, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import type { RowLayout } from '../models/index.js';
import type { Batch } from './method.js';

/** The labeled part of a batch, present. */
export type LabeledBatch = NonNullable<Batch['labeled']>;

/** The unlabeled part of a batch, present. */
export type UnlabeledBatch = NonNullable<Batch['unlabeled']>;

/**
 * Both parts of a batch whose targets have one column per class.
 * @param where  the method, for messages
 * @throws SuaveError `BATCH` when a part is missing or the targets are of other classes
 */
export function labeledAndUnlabeled(
  where: string,
  { labeled, unlabeled }: Batch,
  numClasses: number,
): { labeled: LabeledBatch; unlabeled: UnlabeledBatch } {
  if (labeled === null || unlabeled === null) {
    throw new SuaveError(
      'BATCH',
      `${where}: expected labeled and unlabeled images, got no ${labeled === null ? 'labeled' : 'unlabeled'} ones. ` +
        'Use a method that learns from one kind alone.',
    );
  }
  if (labeled.targets.shape[1] !== numClasses) {
    throw new SuaveError(
      'BATCH',
      `${where}: expected targets [L', ${numClasses}], one column per class, got [${labeled.targets.shape.join(', ')}].`,
    );
  }
  return { labeled, unlabeled };
}

/** Rows that online heads learn from, the first of the batch: the unmixed ones, or all where every row is mixed (`replace`). */
export function onlineRows({ targets, numOriginal }: LabeledBatch): number {
  return numOriginal > 0 ? numOriginal : targets.shape[0];
}

/** The unlabeled part of a batch. @throws SuaveError `BATCH` when it is missing */
export function unlabeledPart(where: string, { unlabeled }: Batch): UnlabeledBatch {
  if (unlabeled === null) {
    throw new SuaveError('BATCH', `${where}: expected unlabeled views, got none. Give the batch unlabeled images.`);
  }
  return unlabeled;
}

/**
 * Positions of the unmixed views in list order.
 * @param atLeast       unmixed views that the method needs
 * @param mixedAllowed  whether mixed views may be among them
 * @throws SuaveError `BATCH` when there are fewer, mixed ones where none may be, or views of different images
 */
export function plainPositions(
  where: string,
  unlabeled: UnlabeledBatch,
  { atLeast, mixedAllowed }: { readonly atLeast: number; readonly mixedAllowed: boolean },
): number[] {
  const mixed = new Set(unlabeled.mixedPositions);
  const plain = unlabeled.views.map((_, i) => i).filter((i) => !mixed.has(i));
  if (plain.length < atLeast || (mixed.size > 0 && !mixedAllowed)) {
    throw new SuaveError(
      'BATCH',
      `${where}: expected at least ${atLeast} unmixed views${mixedAllowed ? '' : ' and no mixed ones'}, ` +
        `got ${plain.length} and ${mixed.size} mixed. Set the views of the recipe accordingly.`,
    );
  }
  const rows = unlabeled.views.map((view) => view.shape[0]);
  if (rows.some((count) => count !== rows[0])) {
    throw new SuaveError('BATCH', `${where}: expected the same images in every view, got ${rows.join(', ')} of them.`);
  }
  return plain;
}

/** The unlabeled rows of a head's output, one [B, …] tensor per view in list order; all views have the same number of rows. */
export function splitViews(rows: Tensor, { numLabeled, viewRows }: RowLayout): Tensor[] {
  const unlabeled = numLabeled === 0 ? rows : rows.narrow(0, numLabeled, viewRows[0] * viewRows.length);
  return chunk(unlabeled, viewRows.length);
}
