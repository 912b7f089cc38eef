/** @file Finds the images and classes that the lines of a label file mean. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { DataError, didYouMean, listNames, nearestName } from '../errors.js';
import type { LabelRow, LabelsFile } from './labels-file.js';
import { classIndexOf, nameKey, uniqueNames } from './natural-order.js';
import { type DataImage, folderBelow, type Regions } from './regions.js';
import type { SkippedFile } from './scan.js';

/** The distinct labels of a CSV, in natural order. */
export function classesOfLabels(labels: LabelsFile): string[] {
  return uniqueNames(labels.rows.flatMap((row) => (row.label ? [row.label] : [])));
}

/** Whether a label is probably meant to be the class folder of that name: `Cat` and `cat`, `lion` and `loin`. */
export function looksLikeFolderClass(label: string, folder: string): boolean {
  const simple = (name: string) =>
    nameKey(name)
      .toLowerCase()
      .replace(/[\s_-]/g, '');
  const [a, b] = [simple(label), simple(folder)];
  return a === b || (a.length >= 4 && b.length >= 4 && a[0] === b[0] && nearestName(a, [b]) !== null);
}

/** What the lines are compared with. */
export interface LabelContext {
  readonly root: string;
  readonly regions: Regions;
  readonly classes: readonly string[];
  readonly byFolders: boolean;
  readonly unreadable: readonly SkippedFile[];
  readonly notes: string[];
}

/** Finds the image that a path or file name of a label file means. */
class ImageFinder {
  readonly #images = new Map<string, DataImage>();
  readonly #unreadable: Set<string>;
  #byFileName: Map<string, DataImage[]> | null = null;
  #byIndex: Map<string, DataImage[]> | null = null;
  readonly #synsetFolders = new Map<string, string | null>();

  constructor(readonly context: LabelContext) {
    for (const image of [...context.regions.pool, ...(context.regions.val ?? [])])
      this.#images.set(nameKey(image.path), image);
    this.#unreadable = new Set(context.unreadable.map((file) => nameKey(file.path)));
  }

  /** All spellings under which a path is looked for: relative to DATA, then to its training folder. */
  #candidates(path: string): string[] {
    const { root, regions } = this.context;
    const spellings = [path, path.replaceAll('\\', '/')].map((spelling) => {
      const inside = isAbsolute(spelling) ? relative(root, spelling) : spelling;
      return nameKey(inside.replaceAll(/(^|\/)(\.?\/)+/g, '$1'));
    });
    return spellings.flatMap((spelling) => [spelling, `${regions.trainPrefix}${spelling}`]);
  }

  /** The image; 'unreadable' for one that the scan has set aside; null when there is none. */
  find(path: string): DataImage | 'unreadable' | null {
    for (const candidate of this.#candidates(path)) {
      const image = this.#images.get(candidate);
      if (image) return image;
      if (this.#unreadable.has(candidate)) return 'unreadable';
    }
    return null;
  }

  /**
   * The training image of a file name without folders. `n01440764_10026.JPEG` lies in the folder of its synset
   * (ImageNet's published subsets); any other name must occur once.
   */
  findByName(name: string): DataImage | 'unreadable' | null {
    const { regions } = this.context;
    const folder = this.synsetFolder(name);
    const found = folder === null ? null : this.find(`${regions.trainPrefix}${folder}/${name}`);
    if (found) return found;
    this.#byFileName ??= groupBy(regions.pool, (image) => nameKey(fileName(image.path)));
    return onlyOne(this.#byFileName.get(nameKey(name)));
  }

  /** The first class folder, by code unit, whose name starts with the part of a file name before `_`. */
  synsetFolder(name: string): string | null {
    const synset = name.includes('_') ? name.slice(0, name.indexOf('_')) : '';
    if (synset === '') return null;
    let folder = this.#synsetFolders.get(synset);
    if (folder === undefined) {
      folder = this.context.regions.classFolders.filter((each) => each.startsWith(synset)).sort()[0] ?? null;
      this.#synsetFolders.set(synset, folder);
    }
    return folder;
  }

  /** The training image of an index from 0 in the original order: the one whose file name is that number. */
  findByIndex(index: string): DataImage | null {
    this.#byIndex ??= groupBy(this.context.regions.pool, (image) =>
      indexKey(fileName(image.path).replace(/\.\w+$/, '')),
    );
    return onlyOne(this.#byIndex.get(indexKey(index)));
  }

  /** The image that a line means. */
  findRow(row: LabelRow, kind: LabelsFile['kind']): DataImage | 'unreadable' | null {
    const found = this.find(row.path);
    if (found !== null || kind === 'csv') return found;
    return kind === 'list' ? this.findByName(row.path) : this.findByIndex(row.path);
  }

  /** How often a bare file name or index occurs among the training images. */
  occurrences(name: string): number {
    return (this.#byFileName?.get(nameKey(name)) ?? this.#byIndex?.get(indexKey(name)))?.length ?? 0;
  }

  /** Paths to suggest for one that is not there: those in the same folder, or of the same file name. */
  similarPaths(path: string): string[] {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const paths = [...this.#images.keys()];
    const near = paths.filter((each) => each.startsWith(folder) || fileName(each) === fileName(path));
    return (near.length > 0 ? near : paths).slice(0, 5000);
  }
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A number without leading zeros; any other text as it is. */
function indexKey(text: string): string {
  return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, '') : text;
}

function onlyOne(images: readonly DataImage[] | undefined): DataImage | null {
  return images?.length === 1 ? images[0] : null;
}

function groupBy(images: readonly DataImage[], keyOf: (image: DataImage) => string): Map<string, DataImage[]> {
  const groups = new Map<string, DataImage[]>();
  for (const image of images) {
    const key = keyOf(image);
    const group = groups.get(key);
    if (group) group.push(image);
    else groups.set(key, [image]);
  }
  return groups;
}

/**
 * Marks the images that the label file names, and sets their class where the file says it.
 * @throws DataError UNKNOWN_PATH, UNKNOWN_CLASS, CONFLICTING_LABELS, NO_LABELS; nothing is silently passed over
 */
export function applyLabels(labels: LabelsFile, context: LabelContext): void {
  const finder = new ImageFinder(context);
  const classIndex = classIndexOf(context.classes);
  const lineOf = new Map<DataImage, LabelRow>();
  let unreadable = 0;
  for (const row of labels.rows) {
    const image = finder.findRow(row, labels.kind);
    if (image === null) throw unknownPath(row, labels, finder);
    if (image === 'unreadable') {
      unreadable++;
    } else if (row.label !== '') {
      const before = lineOf.get(image);
      if (before && nameKey(before.label ?? '') !== nameKey(row.label ?? '')) throw conflict(labels.file, before, row);
      lineOf.set(image, row);
      image.knownClass = classOfRow(row, image, labels, context, classIndex);
      image.listed = true;
    }
  }
  if (lineOf.size === 0) {
    throw new DataError(
      `${labels.file}: expected at least one image with a label, got none. Fill the column "label".`,
      {
        code: 'NO_LABELS',
        file: labels.file,
      },
    );
  }
  if (unreadable > 0) context.notes.push(`${unreadable} labeled file(s) cannot be read and are left out.`);
}

function classOfRow(
  row: LabelRow,
  image: DataImage,
  labels: LabelsFile,
  context: LabelContext,
  classIndex: ReadonlyMap<string, number>,
): number {
  if (row.label === null) {
    if (image.knownClass >= 0) return image.knownClass;
    const folder = folderBelow(image.path, context.regions.trainPrefix) ?? 'no folder';
    throw new DataError(
      `${labels.file} line ${row.line}: expected an image in a class folder, got "${row.path}" in ${folder}. Write its label as path,label.`,
      { code: 'UNKNOWN_CLASS', file: labels.file },
    );
  }
  const index = classIndex.get(nameKey(row.label));
  if (index !== undefined) return index;
  throw new DataError(
    `${labels.file} line ${row.line}: expected the name of a class folder, got "${row.label}".${didYouMean(row.label, context.classes)}`,
    { code: 'UNKNOWN_CLASS', file: labels.file },
  );
}

function unknownPath(row: LabelRow, labels: LabelsFile, finder: ImageFinder): DataError {
  const { root } = finder.context;
  const where = `${labels.file} line ${row.line}`;
  const times = finder.occurrences(row.path);
  const onDisk = existsSync(join(root, row.path));
  let got = `"${row.path}", which is not there.`;
  let advice = '';
  if (labels.kind === 'indices' && times === 0) return unknownIndex(row, labels.file, finder);
  if (labels.kind === 'list' && times === 0 && /^n\d{8}_/.test(row.path))
    return unknownSynset(row, labels.file, finder);
  if (times > 1) {
    got = `"${row.path}", which occurs ${times} times.`;
    advice = ' Write its path.';
  } else if (onDisk) {
    got = `"${row.path}", which is not among the images.`;
    advice = ' Only JPEG, PNG and WebP files of the training and validation folders can be labeled.';
  } else {
    const nearest = nearestName(row.path, finder.similarPaths(row.path));
    if (nearest !== null) advice = ` Did you mean "${nearest}"?`;
    else if (row.line === 1) advice = ' If this line is a header, it must be path,label.';
    else advice = ' Check the path.';
  }
  const others = labels.rows.filter((each) => each !== row && finder.find(each.path) === null);
  const more =
    others.length === 0 || labels.kind !== 'csv'
      ? ''
      : ` (also lines ${listNames(
          others.map((each) => String(each.line)),
          5,
        )})`;
  return new DataError(`${where}: expected the path of an image relative to "${root}", got ${got}${advice}${more}`, {
    code: 'UNKNOWN_PATH',
    file: labels.file,
  });
}

function unknownIndex(row: LabelRow, file: string, finder: ImageFinder): DataError {
  const { root, regions } = finder.context;
  return new DataError(
    `${file} line ${row.line}: expected the index of a training image, which is the number in its file name, got ${row.path}, which none of the ${regions.pool.length} images in "${root}" has. Use the list with the set it was made for.`,
    { code: 'UNKNOWN_PATH', file },
  );
}

/** A line of ImageNet's published subsets whose class folder or file is not there. */
function unknownSynset(row: LabelRow, file: string, finder: ImageFinder): DataError {
  const { root, regions } = finder.context;
  const folder = finder.synsetFolder(row.path);
  const inside = join(root, regions.trainPrefix);
  const [expected, missing] =
    folder === null
      ? [`a class folder for "${row.path}"`, `no folder in "${inside}" whose name starts with ${row.path.slice(0, 9)}`]
      : [`the image "${row.path}"`, `no such file in "${join(inside, folder)}"`];
  return new DataError(
    `${file} line ${row.line}: expected ${expected}, got ${missing}. Add what is missing: the list names images of the whole of ImageNet.`,
    { code: 'UNKNOWN_PATH', file },
  );
}

function conflict(file: string, before: LabelRow, row: LabelRow): DataError {
  return new DataError(
    `${file} line ${row.line}: expected one label for "${row.path}", got "${before.label}" in line ${before.line} and "${row.label}" here. Remove one of the lines.`,
    { code: 'CONFLICTING_LABELS', file },
  );
}
