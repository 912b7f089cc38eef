/** @file Makes one file of DATA that can be read on any machine in its place. */
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import sharp from 'sharp';
import { DataError } from '../errors.js';
import { reasonsOf } from './cache-file.js';
import { CompleteFile, removeStaleTemporaries } from './complete-file.js';
import { checkCacheSide, skippedNotes } from './dataset.js';
import { type DecodeOptions, decoderVersion } from './decode.js';
import type { DecodeRun } from './decode-pool.js';
import { checkFreeSpace, isInside, isOutOfSpace, noSpace, type SpaceUse } from './disk-space.js';
import { encodeHeader, encodeIndex, headerBytes } from './framed-file.js';
import { DecodeError, describeSource, readSource, shortChecksum } from './image-source.js';
import { type LabelsFile, readLabelsFile } from './labels-file.js';
import { isLabelFile, readLayout } from './layout.js';
import { meanPixelBytes, type PixelStore } from './pixel-store.js';
import { checkUnreadable } from './plan.js';
import { type PreparedContent, type PreparedEntry, type PreparedForm, preparedKind } from './prepared-file.js';
import type { RgbImage } from './resize.js';
import type { FolderScan, ImageFile, SkippedFile } from './scan.js';
import { scanData } from './scan-data.js';

/** What is stored of DATA, and where. */
export interface PrepareOptions extends Omit<DecodeRun, 'workers'> {
  /** Path of DATA. */
  readonly data: string;
  /** Path of the file, which is replaced where there is one; its folder must be there. */
  readonly out: string;
  /** Label file to store, or null; those that DATA holds already where it is a prepared file. */
  readonly labels?: string | null;
  /**
   * Length to which the shorter side of the pixels is reduced; 'none', the default, stores the bytes of the files: any run can then be
   * made of it. Packed sets, which have no such files, are stored as whole pixels.
   */
  readonly cacheSide?: number | 'none';
  /** Of pixels that are decoded here. `apply` unless said. */
  readonly exifOrientation?: DecodeOptions['exifOrientation'];
  /** Stores images that have no files of their own as lossless WebP. Not with a cache side. False unless said. */
  readonly compress?: boolean;
  /** Threads that decode; null picks a number. */
  readonly workers?: number | null;
}

/** What was stored. */
export interface PreparedSummary {
  /** Absolute path. */
  readonly file: string;
  readonly bytes: number;
  /** SHA-256 of its index, in hexadecimal, which has the checksums of all images: equal for equal content. */
  readonly checksum: string;
  readonly images: number;
  readonly form: PreparedForm['kind'];
  /** Of reduced pixels, else null. */
  readonly cacheSide: number | null;
  /** Lines of the label file that is stored; 0 without. */
  readonly labels: number;
  /** Images that cannot be read: they are stored as such, or by name alone. */
  readonly skipped: readonly SkippedFile[];
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Stores DATA in one file, and all that is known about it. The same DATA and options give the same bytes.
 * @throws DataError for everything that is wrong with DATA, the label file or the options; SuaveError NO_SPACE (exit status 1). Nothing
 *   is left behind then
 */
export async function prepareFile(options: PrepareOptions): Promise<PreparedSummary> {
  const { cacheSide = 'none', compress = false } = options;
  checkCacheSide(cacheSide);
  if (compress && cacheSide !== 'none') {
    throw new DataError(
      `prepare: expected one of --compress and --cache-side ${cacheSide}, got both: reduced pixels are stored as they are used. Leave one out.`,
      { code: 'PREPARE_OPTIONS' },
    );
  }
  const out = resolve(options.out);
  const scan = await scanData(options.data);
  if (compress && scan.store.sourceOf !== null) {
    throw new DataError(
      `prepare --compress: expected images without files of their own, as in the files of CIFAR, got files in "${scan.root}", which are compressed already. Leave it out.`,
      { code: 'PREPARE_OPTIONS' },
    );
  }
  checkImages(scan, out);
  const labels = storedLabels(scan, options.labels ?? null);
  const source = sourceOfImages(scan, options, cacheSide);
  const use: SpaceUse = {
    folder: dirname(out),
    where: 'prepare',
    what: 'the prepared file',
    advice: 'choose another disk with --out FILE',
  };
  checkFreeSpace(use, await source.estimate());
  removeStaleTemporaries(out);
  try {
    const file = new CompleteFile(out);
    try {
      file.append(Buffer.alloc(headerBytes));
      const entries = await source.write(file);
      const damaged = entries.flatMap(({ path, reason }) => (reason === null ? [] : [{ path, reason }]));
      const skipped = [...scan.unreadable, ...damaged];
      checkUnreadable(skipped, scan.images.length + scan.unreadable.length, scan.root);
      const content: PreparedContent = {
        form: source.form,
        folders: scan.folders,
        unreadable: scan.unreadable,
        notImages: scan.notImages.filter(({ path }) => !isLabelFile(scan.root, path, options.labels ?? null)),
        labels,
      };
      const { index, header, checksum } = finish(entries, content, file.position);
      file.append(index);
      const bytes = file.position;
      file.commit(header);
      return {
        ...{ file: out, bytes, checksum, images: entries.length, form: source.form.kind, skipped },
        cacheSide: cacheSide === 'none' ? null : cacheSide,
        labels: labels?.rows.length ?? 0,
        notes: skippedNotes(skipped, content.notImages),
      };
    } catch (error) {
      file.discard();
      throw error;
    }
  } catch (cause) {
    throw isOutOfSpace(cause) ? noSpace(use, 'no space left while writing', cause) : cause;
  }
}

function checkImages({ root, images, unreadable, notImages }: FolderScan, out: string): void {
  if (isInside(out, root)) {
    throw new DataError(`prepare --out: expected a file outside DATA, got "${out}". Choose another folder.`, {
      code: 'OUT_IN_DATA',
      file: out,
    });
  }
  if (images.length > 0) return;
  const rest = unreadable.length + notImages.length;
  const got = rest === 0 ? 'an empty folder' : `${rest} file(s), none of which can be read as an image`;
  throw new DataError(
    `data: expected JPEG, PNG or WebP images in "${root}", got ${got}. Give the folder that holds the images.`,
    { code: 'EMPTY_FOLDER', file: root },
  );
}

/** The label file, checked against the images, with paths that mean the same elsewhere. */
function storedLabels(scan: FolderScan, file: string | null): LabelsFile | null {
  if (file === null) return scan.labels === null || scan.labels === undefined ? null : withoutFolder(scan.labels);
  readLayout(scan, file);
  const { kind, rows } = readLabelsFile(file);
  const inside = (path: string) => (isAbsolute(path) ? relative(scan.root, path) : path);
  return { file: basename(file), kind, rows: rows.map((row) => ({ ...row, path: inside(row.path) })) };
}

function withoutFolder(labels: LabelsFile): LabelsFile {
  return { ...labels, file: labels.file.slice(labels.file.lastIndexOf(': ') + 2) };
}

/** How the images of one DATA get into the file. */
interface ImageWriter {
  readonly form: PreparedForm;
  /** Bytes that will be needed, roughly. */
  estimate(): Promise<number>;
  /** Appends all images; returns their places. */
  write(file: CompleteFile): Promise<PreparedEntry[]>;
}

/** For the names and columns of an image. */
const indexBytes = 128;

function sourceOfImages(
  { store, images }: FolderScan,
  options: PrepareOptions,
  cacheSide: number | 'none',
): ImageWriter {
  if (cacheSide === 'none' && store.sourceOf !== null) {
    return {
      form: { kind: 'files' },
      estimate: async () => images.reduce((sum, { size }) => sum + size + indexBytes, 0),
      write: (file) => writeFiles(file, store, images, options),
    };
  }
  const side = cacheSide === 'none' ? null : cacheSide;
  const exifOrientation = options.exifOrientation ?? 'apply';
  const isWhole = store.sourceOf === null && side === null;
  const estimate = async () => images.length * (indexBytes + (await meanPixelBytes(store, images, side)));
  if (options.compress) {
    return { form: { kind: 'files' }, estimate, write: (file) => writeCompressed(file, store, images, options) };
  }
  return {
    form: { kind: 'pixels', reduction: isWhole ? null : { cacheSide: side, exifOrientation, decoder: decoderVersion } },
    estimate,
    write: (file) => writePixels(file, store, images, { cacheSide: side, exifOrientation }, options),
  };
}

async function writeFiles(
  file: CompleteFile,
  store: PixelStore,
  images: readonly ImageFile[],
  { onProgress, signal }: PrepareOptions,
): Promise<PreparedEntry[]> {
  const entries: PreparedEntry[] = [];
  const sourceOf = store.sourceOf as NonNullable<PixelStore['sourceOf']>;
  for (const { path } of images) {
    signal?.throwIfAborted();
    entries.push(append(file, path, readWhole(sourceOf(path)), noSize));
    if (entries.length % 32 === 0 || entries.length === images.length) {
      onProgress?.(entries.length, images.length, 'storing images');
      await nextTurn();
    }
  }
  return entries;
}

function readWhole(source: Parameters<typeof readSource>[0]): Buffer {
  try {
    return readSource(source);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new DataError(
      `data: expected to read "${describeSource(source)}", got: ${cause.message}. Repair, remove or unlock it.`,
      { code: 'UNREADABLE_IMAGE', file: describeSource(source), cause },
    );
  }
}

const noSize = { height: 0, width: 0, sourceHeight: 0, sourceWidth: 0, reason: null };

/** Appends the bytes of an image. */
function append(
  file: CompleteFile,
  path: string,
  bytes: Uint8Array,
  rest: Omit<PreparedEntry, 'path' | 'start' | 'length' | 'checksum'>,
): PreparedEntry {
  const start = file.position;
  file.append(bytes);
  return { path, start, length: bytes.length, checksum: shortChecksum(bytes), ...rest };
}

async function writePixels(
  file: CompleteFile,
  store: PixelStore,
  images: readonly ImageFile[],
  decoding: DecodeOptions,
  options: PrepareOptions,
): Promise<PreparedEntry[]> {
  const sizes = await sizesOf(store, images, options);
  const entries: PreparedEntry[] = [];
  await decodeEach(store, images, decoding, options, (image, i) => {
    const [bytes, size] = typeof image === 'string' ? [noBytes, noSize] : [image.pixels, image];
    const { height, width } = size;
    const reason = typeof image === 'string' ? sameEachTime(image) : null;
    const { height: sourceHeight, width: sourceWidth } = sizes[i];
    entries.push(append(file, images[i].path, bytes, { height, width, sourceHeight, sourceWidth, reason }));
  });
  return entries;
}

const noBytes = new Uint8Array();

/** Without the words of the decoding library, which differ from time to time. */
function sameEachTime(reason: string): string {
  return reason.replace(/^(truncated or damaged):.*/s, '$1');
}

/** Hands over each image, or why it cannot be read. */
function decodeEach(
  store: PixelStore,
  images: readonly ImageFile[],
  decoding: DecodeOptions,
  { workers, onProgress, signal }: PrepareOptions,
  take: (image: RgbImage | string, i: number) => void,
): Promise<void> {
  let next = 0;
  return store.decode(
    images.map(({ path }) => path),
    decoding,
    ({ heights, widths, reasons, bytes }) => {
      let start = 0;
      for (const [i, reason] of reasons.entries()) {
        const end = start + heights[i] * widths[i] * 3;
        take(reason ?? { height: heights[i], width: widths[i], pixels: bytes.subarray(start, end) }, next++);
        start = end;
      }
    },
    { workers: workers ?? null, ...(onProgress ? { onProgress } : {}), ...(signal ? { signal } : {}) },
  );
}

/** Images that are asked at once: their libraries have threads of their own. */
const batchSize = 64;

/** Sizes by the headers of all files; 0 where they say none. */
async function sizesOf(
  store: PixelStore,
  images: readonly ImageFile[],
  { onProgress, signal }: PrepareOptions,
): Promise<{ height: number; width: number }[]> {
  const sizes: { height: number; width: number }[] = [];
  for (let first = 0; first < images.length; first += batchSize) {
    signal?.throwIfAborted();
    const batch = images.slice(first, first + batchSize);
    sizes.push(...(await Promise.all(batch.map(({ path }) => store.sizeOf(path).catch(() => noSize)))));
    onProgress?.(sizes.length, images.length, 'reading image sizes');
  }
  return sizes;
}

/** Packed sets, which are small: all pixels are in memory first. */
async function writeCompressed(
  file: CompleteFile,
  store: PixelStore,
  images: readonly ImageFile[],
  options: PrepareOptions,
): Promise<PreparedEntry[]> {
  const decoded: RgbImage[] = [];
  const { onProgress: _, ...rest } = options;
  await decodeEach(store, images, { cacheSide: null, exifOrientation: 'ignore' }, rest, (image, i) => {
    if (typeof image === 'string') throw new DataError(`data: "${images[i].path}": ${image}. Start again.`);
    decoded.push(image);
  });
  const entries: PreparedEntry[] = [];
  for (let first = 0; first < decoded.length; first += batchSize) {
    options.signal?.throwIfAborted();
    const batch = await Promise.all(decoded.slice(first, first + batchSize).map(losslessWebp));
    for (const bytes of batch) entries.push(append(file, images[entries.length].path, bytes, noSize));
    options.onProgress?.(entries.length, decoded.length, 'storing images');
  }
  return entries;
}

function losslessWebp({ height, width, pixels }: RgbImage): Promise<Buffer> {
  return sharp(pixels, { raw: { height, width, channels: 3 } })
    .webp({ lossless: true })
    .toBuffer();
}

/** Index and header of the file. */
function finish(entries: readonly PreparedEntry[], content: PreparedContent, indexStart: number) {
  const column = (name: 'start' | 'length' | 'checksum' | 'height' | 'width' | 'sourceHeight' | 'sourceWidth') =>
    entries.map((entry) => entry[name]);
  const index = encodeIndex({
    float64: [column('start'), column('length'), column('checksum')],
    int32: [column('height'), column('width'), column('sourceHeight'), column('sourceWidth')],
    names: entries.map(({ path }) => path),
    json: { ...content, reasons: reasonsOf(entries) },
  });
  return { index, ...encodeHeader(preparedKind, entries.length, indexStart, index) };
}
