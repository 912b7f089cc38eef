/** @file Images and classes to measure a trained model on, and files to predict. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, listNames } from '../errors.js';
import { cacheRequest, checkCacheSide, type LoadOptions, skippedNotes } from './dataset.js';
import { kindByName, kindOfFile } from './image-kind.js';
import type { ImageSet } from './image-set.js';
import { classIndexOf, nameKey } from './natural-order.js';
import { openImages } from './open-images.js';
import { checkUnreadable } from './plan.js';
import { type DataImage, folderBelow, type Regions, regionsOf } from './regions.js';
import { type SkippedFile, scanFolder } from './scan.js';
import { isPrepared, scanData } from './scan-data.js';
import type { Splits } from './splits.js';

/** What to measure on. */
export interface EvaluationOptions extends LoadOptions {
  /** Path of DATA. */
  readonly data: string;
  /** The model's class names, in its order. */
  readonly classes: readonly string[];
  /** The splits of the run when DATA is the run's own data; null for other data. */
  readonly splits?: Splits | null;
  /** Images of the hold-out that are gone are left out instead of being an error, as long as one is there. */
  readonly allowMissing?: boolean;
  /** At most this many images, spread evenly over all of them. Default: all. */
  readonly limit?: number;
}

/** Images of known class. Owns `images`. */
export interface EvaluationData {
  readonly images: ImageSet;
  /** [images] class index in the model's order. */
  readonly labels: Int32Array;
  /** DATA/val, the run's hold-out, or every image of DATA. */
  readonly source: 'val' | 'hold-out' | 'all';
  /** Images that the splits set aside and that are gone; those of `val/` are never an error. */
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedFile[];
  readonly notes: readonly string[];
}

interface Candidate {
  readonly image: DataImage;
  /** Name of its class, or null when unknown. */
  readonly label: string | null;
}

/**
 * Chooses what to measure on: DATA/val if present; else, on the run's own data, its hold-out; else every image in a
 * class folder. Classes are matched by name.
 * @throws DataError NO_SUCH_FOLDER, EMPTY_FOLDER, NO_LABELS, UNKNOWN_CLASS, MISSING_IMAGES, TOO_MANY_UNREADABLE
 */
export async function loadEvaluationData(options: EvaluationOptions): Promise<EvaluationData> {
  checkCacheSide(options.cacheSide);
  const scan = await scanData(options.data);
  if (scan.images.length === 0) {
    throw new DataError(
      `data: expected JPEG, PNG or WebP images in "${scan.root}", got none. Give the folder that holds the images.`,
      { code: 'EMPTY_FOLDER', file: scan.root },
    );
  }
  const { source, candidates, missing } = candidatesOf(regionsOf(scan), options.splits ?? null);
  const mayMiss = source === 'val' || (options.allowMissing === true && candidates.length > 0);
  if (missing.length > 0 && !mayMiss) throw missingImages(missing, scan.root);
  const matched = matchClasses(candidates, options.classes, scan.root);
  const { notes } = matched;
  const chosen = spread(matched.chosen, options.limit);
  const labels = spread(matched.labels, options.limit);
  const opened = await openImages(cacheRequest(scan.store, chosen, options));
  try {
    const readable: number[] = [];
    const skipped: SkippedFile[] =
      source === 'hold-out' ? [] : scan.unreadable.filter((file) => isIn(file.path, source));
    const numImages = chosen.length + skipped.length;
    opened.cache.entries.forEach((entry, index) => {
      if (entry.reason === null) readable.push(index);
      else skipped.push({ path: entry.path, reason: entry.reason });
    });
    checkUnreadable(skipped, numImages, scan.root);
    return {
      images: opened.makeSet(readable),
      labels: Int32Array.from(readable, (index) => labels[index]),
      source,
      missing,
      skipped,
      notes: [...notes, ...skippedNotes(skipped, [])],
    };
  } finally {
    opened.close();
  }
}

/** At most `limit` of the items, evenly spaced. */
function spread<Item>(items: Item[], limit = items.length): Item[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)]);
}

function isIn(path: string, source: 'val' | 'all'): boolean {
  return source === 'all' || path.startsWith('val/');
}

function candidatesOf(
  regions: Regions,
  splits: Splits | null,
): { source: EvaluationData['source']; candidates: Candidate[]; missing: string[] } {
  const splitLabels = new Map(splits?.val.map((row) => [nameKey(row.path), row.label]));
  if (regions.val !== null) {
    const labelOf = (image: DataImage) => splitLabels.get(nameKey(image.path)) ?? folderBelow(image.path, 'val/');
    const candidates = regions.val.map((image) => ({ image, label: labelOf(image) }));
    return { source: 'val', candidates, missing: missingOf(splitLabels, candidates) };
  }
  if (splitLabels.size > 0) {
    const candidates = regions.pool.flatMap((image) => {
      const label = splitLabels.get(nameKey(image.path));
      return label === undefined ? [] : [{ image, label }];
    });
    return { source: 'hold-out', candidates, missing: missingOf(splitLabels, candidates) };
  }
  const classFolders = new Set(regions.classFolders);
  const candidates = regions.pool.map((image) => {
    const folder = folderBelow(image.path, regions.trainPrefix);
    return { image, label: folder !== null && classFolders.has(folder) ? folder : null };
  });
  return { source: 'all', candidates, missing: [] };
}

/** Paths of the splits that are not among the candidates. */
function missingOf(splitLabels: ReadonlyMap<string, string>, candidates: readonly Candidate[]): string[] {
  const found = new Set(candidates.map(({ image }) => nameKey(image.path)));
  return [...splitLabels.keys()].filter((path) => !found.has(path));
}

function missingImages(missing: readonly string[], root: string): DataError {
  return new DataError(
    `data: expected the held-out images of the run in "${root}", got ${missing.length} missing: ${listNames(missing)}. Restore them.`,
    { code: 'MISSING_IMAGES', file: root },
  );
}

function matchClasses(
  candidates: readonly Candidate[],
  classes: readonly string[],
  root: string,
): { chosen: DataImage[]; labels: number[]; notes: string[] } {
  const index = classIndexOf(classes);
  const chosen: DataImage[] = [];
  const labels: number[] = [];
  const unknown = new Set<string>();
  let numUnknown = 0;
  for (const { image, label } of candidates) {
    const found = label === null ? undefined : index.get(nameKey(label));
    if (found === undefined) {
      numUnknown++;
      if (label !== null) unknown.add(label);
    } else {
      chosen.push(image);
      labels.push(found);
    }
  }
  if (chosen.length === 0) {
    const got = unknown.size === 0 ? 'images without class folders' : `folders ${listNames([...unknown])}`;
    throw new DataError(
      `data: expected folders named like the model's classes (${listNames(classes)}) in "${root}", got ${got}. Put the images of each class into a folder of its name.`,
      { code: unknown.size === 0 ? 'NO_LABELS' : 'UNKNOWN_CLASS', file: root },
    );
  }
  const which = unknown.size > 0 ? `: the model does not know ${listNames([...unknown])}` : ': their class is unknown';
  const notes = numUnknown > 0 ? [`${numUnknown} image(s) are not measured${which}.`] : [];
  return { chosen, labels, notes };
}

/**
 * The image files that a command line names: files as they are, folders with all images below them in natural order.
 * @returns paths beginning as given, and files inside folders that cannot be read
 * @throws DataError NO_SUCH_FILE, NOT_AN_IMAGE, EMPTY_FOLDER
 */
export function listImageFiles(given: readonly string[]): { paths: string[]; skipped: SkippedFile[] } {
  const paths: string[] = [];
  const skipped: SkippedFile[] = [];
  for (const path of given) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) {
      throw new DataError(
        `predict: expected an image or a folder, got "${path}", which does not exist. Check the path.`,
        {
          code: 'NO_SUCH_FILE',
          file: path,
        },
      );
    }
    if (!stats.isDirectory()) {
      if (isPrepared(path)) {
        throw new DataError(
          `predict: expected images or folders, got the prepared file "${path}". Give the files it was made of; suave evaluate and suave embed read it.`,
          { code: 'NOT_AN_IMAGE', file: path },
        );
      }
      if (kindByName(path) !== 'readable' && kindOfFile(path) === null) {
        throw new DataError(`predict: expected a JPEG, PNG or WebP image, got "${path}". Convert it first.`, {
          code: 'NOT_AN_IMAGE',
          file: path,
        });
      }
      paths.push(path);
      continue;
    }
    const scan = scanFolder(path);
    if (scan.images.length === 0) {
      throw new DataError(`predict: expected images in the folder "${path}", got none. Give another folder.`, {
        code: 'EMPTY_FOLDER',
        file: path,
      });
    }
    paths.push(...scan.images.map((image) => join(path, image.path)));
    skipped.push(...scan.unreadable.map((file) => ({ ...file, path: join(path, file.path) })));
  }
  return { paths, skipped };
}
