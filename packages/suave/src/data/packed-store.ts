/**
 * @file A packed set (CIFAR-10, CIFAR-100) as if it were folders of images: `train/<class>/00001` is the training image
 * of index 1 in the original order, `val/<class>/00001` the official test image. Labels, splits and the cache see no
 * difference from files.
 */
import { DataError } from '../errors.js';
import { decodeRaw } from './decode-raw.js';
import { sortNaturally, uniqueNames } from './natural-order.js';
import type { PackedFiles } from './packed-files.js';
import { type PackedPart, packedImageBytes, packedSide } from './packed-forms.js';
import type { FileStamp, PixelStore } from './pixel-store.js';
import type { RgbImage } from './resize.js';
import type { FolderScan, ImageFile } from './scan.js';

/** A file of the set and the index of its first image among those of `train` or `val`. */
interface FileRange {
  readonly name: string;
  readonly region: 'train' | 'val';
  readonly first: number;
  readonly length: number;
}

/**
 * Reads the labels of a packed set.
 * @param root  DATA as an absolute path
 * @throws DataError PACKED_FILE, PACKED_INCOMPLETE, ARCHIVE
 */
export async function scanPacked(root: string, files: PackedFiles): Promise<FolderScan> {
  const { form } = files;
  const labels = new Map<string, ArrayLike<number>>();
  let classes: string[] = [];
  await files.read(new Set([...form.train, form.test, form.meta]), (name, bytes) => {
    if (name === form.meta) classes = form.readClasses(bytes, files.describe(name));
    else labels.set(name, form.readPart(bytes, files.describe(name)).labels);
  });
  checkClassNames(classes, files.describe(form.meta));
  const ranges: FileRange[] = [];
  const images: ImageFile[] = [];
  for (const [region, names] of [
    ['train', form.train],
    ['val', [form.test]],
  ] as const) {
    let index = 0;
    for (const name of names) {
      const mine = labels.get(name) as ArrayLike<number>;
      const stamp = files.stamp(name) as FileStamp;
      ranges.push({ name, region, first: index, length: mine.length });
      for (let i = 0; i < mine.length; i++, index++) {
        images.push({ path: pathOf(region, classOf(mine[i], classes, files.describe(name), i), index), ...stamp });
      }
    }
  }
  return {
    root,
    store: packedStore(files, ranges),
    images: sortNaturally(images, (image) => image.path),
    unreadable: [],
    notImages: [],
    folders: ['train', 'val'].flatMap((region) => [region, ...uniqueNames(classes).map((name) => `${region}/${name}`)]),
  };
}

function pathOf(region: string, className: string, index: number): string {
  return `${region}/${className}/${String(index).padStart(5, '0')}`;
}

function classOf(label: number, classes: readonly string[], file: string, index: number): string {
  if (label < classes.length) return classes[label];
  throw new DataError(
    `data: expected labels from 0 to ${classes.length - 1} in "${file}", got ${label} for image ${index}. The file is damaged; download the set again.`,
    { code: 'PACKED_FILE', file },
  );
}

function checkClassNames(classes: readonly string[], file: string): void {
  const wrong = classes.find((name) => name === '' || name.includes('/'));
  if (classes.length > 0 && wrong === undefined && uniqueNames(classes).length === classes.length) return;
  const got = wrong === undefined ? `${classes.length} names, some of them twice` : `the name "${wrong}"`;
  throw new DataError(
    `data: expected the names of the classes in "${file}", each once, got ${got}. The file is damaged; download the set again.`,
    { code: 'PACKED_FILE', file },
  );
}

function packedStore(files: PackedFiles, ranges: readonly FileRange[]): PixelStore {
  /** The file of an image and its index there; null for a path that is not of this set. */
  const locate = (path: string): { range: FileRange; index: number } | null => {
    const [, region, number] = /^(train|val)\/[^/]+\/(\d+)$/.exec(path) ?? [];
    const index = Number(number);
    const range = ranges.find(
      (each) => each.region === region && index >= each.first && index < each.first + each.length,
    );
    return range === undefined ? null : { range, index: index - range.first };
  };
  return {
    root: files.root,
    hasFiles: false,
    sourceOf: null,
    stamp(path) {
      const place = locate(path);
      return place === null ? null : files.stamp(place.range.name);
    },
    async sizeOf() {
      return { height: packedSide, width: packedSide };
    },
    async decode(paths, options, take, run = {}) {
      const places = paths.map((path) => locate(path) ?? changed(files.root));
      const parts = new Map<string, PackedPart>();
      const wanted = new Set(places.map(({ range }) => range.name));
      await files.read(
        wanted,
        (name, bytes) => parts.set(name, files.form.readPart(bytes, files.describe(name))),
        run.signal,
      );
      const images = places.map(({ range, index }) => {
        const part = parts.get(range.name);
        return part === undefined || part.labels.length !== range.length ? changed(files.root) : { part, index };
      });
      const imageAt = (i: number) => interleaved(images[i].part, images[i].index);
      await decodeRaw(images.length, imageAt, options, take, run);
    },
  };
}

function changed(file: string): never {
  throw new DataError(
    `data: expected "${file}" to stay as it was when it was opened, got other content. Start again.`,
    {
      code: 'IMAGES_CHANGED',
      file,
    },
  );
}

/** Planes [3, 32, 32] to pixels [32, 32, 3]. */
function interleaved({ bytes, start, stride }: PackedPart, index: number): RgbImage {
  const pixels = new Uint8Array(packedImageBytes);
  const planeBytes = packedSide * packedSide;
  const from = start + index * stride;
  for (let pixel = 0; pixel < planeBytes; pixel++) {
    pixels[3 * pixel] = bytes[from + pixel];
    pixels[3 * pixel + 1] = bytes[from + planeBytes + pixel];
    pixels[3 * pixel + 2] = bytes[from + 2 * planeBytes + pixel];
  }
  return { height: packedSide, width: packedSide, pixels };
}
