/** @file Whether the accuracy of pseudo-labels means anything: it needs the classes of the unlabeled images. */
import type { Splits } from '../data/index.js';
import { classIndexOf, nameKey } from '../data/natural-order.js';
import { classByFolder } from '../data/regions.js';
import type { Config } from '../recipes/index.js';

/** Keys of metrics.jsonl that count an image of unknown class as wrong. */
export const unmeasuredPseudoLabels: ReadonlySet<string> = new Set(['pseudo_label_top1', 'pseudo_label_top5']);

/**
 * Looks at the folders of the unlabeled images: with a label file, they may tell no class.
 * @returns  whether the class of any is known, and a sentence where that of some is not
 */
export function pseudoLabelNotes(
  config: Config,
  splits: Splits | null,
  classes: readonly string[],
): { isKnown: boolean; notes: string[] } {
  if (splits === null || splits.unlabeled.length === 0 || !makesPseudoLabels(config))
    return { isKnown: true, notes: [] };
  const index = classIndexOf(classes);
  const prefix = splits.unlabeled.some(({ path }) => path.startsWith('train/')) ? 'train/' : '';
  const known = splits.unlabeled.filter(({ path }) => classByFolder(nameKey(path), prefix, index) >= 0).length;
  const total = splits.unlabeled.length;
  if (known === total) return { isKnown: true, notes: [] };
  if (known === 0) {
    return {
      isKnown: false,
      notes: ['The classes of the unlabeled images are not known, so how many pseudo-labels were right is not either.'],
    };
  }
  return {
    isKnown: true,
    notes: [
      `The class of ${known} of ${total} unlabeled images is known; the accuracy of pseudo-labels counts the others as wrong.`,
    ],
  };
}

const makesPseudoLabels = ({ stages }: Config): boolean =>
  stages.some(({ method }) => method === 'suave' || method === 'daino');
