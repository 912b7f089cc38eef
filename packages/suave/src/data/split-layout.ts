/** @file The layout of DATA as an earlier run has split it. */
import { DataError, listNames } from '../errors.js';
import type { DataLayout } from './layout.js';
import { classIndexOf, nameKey, uniqueNames } from './natural-order.js';
import { classByFolder, type DataImage, regionsOf } from './regions.js';
import type { FolderScan } from './scan.js';
import type { Splits } from './splits.js';

/**
 * Finds the images of `splits` in DATA again; images that came later are not used, and that is said.
 * @param classes  class names in order; null: the labels of the splits in natural order
 * @throws DataError MISSING_IMAGES, UNKNOWN_CLASS
 */
export function layoutOfSplits(scan: FolderScan, splits: Splits, classes: readonly string[] | null): DataLayout {
  const regions = regionsOf(scan);
  const labels = [...splits.labeled, ...splits.val].map((row) => row.label);
  const names = classes === null ? uniqueNames(labels) : [...classes];
  const index = classIndexOf(names);
  const all = new Map([...regions.pool, ...(regions.val ?? [])].map((image) => [nameKey(image.path), image]));
  const missing: string[] = [];
  const take = (row: { readonly path: string; readonly label?: string }): DataImage[] => {
    const image = all.get(nameKey(row.path));
    if (!image) {
      missing.push(row.path);
      return [];
    }
    image.knownClass =
      row.label === undefined ? classByFolder(image.path, regions.trainPrefix, index) : classOf(row.path, row.label);
    return [image];
  };
  const classOf = (path: string, label: string): number => {
    const found = index.get(nameKey(label));
    if (found !== undefined) return found;
    throw new DataError(
      `splits: expected a class of this run for "${path}", got "${label}". Use the splits as training wrote them.`,
      { code: 'UNKNOWN_CLASS', file: path },
    );
  };
  const labeled = splits.labeled.flatMap(take);
  for (const image of labeled) image.listed = true;
  const train = new Set([...labeled, ...splits.unlabeled.flatMap(take)]);
  const val = new Set(splits.val.flatMap(take));
  if (missing.length > 0) {
    throw new DataError(
      `data: expected the images of this run in "${scan.root}", got ${missing.length} missing: ${listNames(missing)}. Restore them, or start a new run.`,
      { code: 'MISSING_IMAGES', file: scan.root },
    );
  }
  const numNew = all.size - train.size - val.size;
  const ordered = [...all.values()];
  return {
    root: scan.root,
    store: scan.store,
    classes: names,
    pool: ordered.filter((image) => train.has(image)),
    val: val.size === 0 ? null : ordered.filter((image) => val.has(image)),
    hasLabelsFile: true,
    unreadable: [],
    notImages: [],
    notes: numNew > 0 ? [`${numNew} image(s) are not in the splits of this run and are not used.`] : [],
  };
}
