/**
 * @file The one file that `suave prepare` makes of DATA: a framed file whose entries are the images in natural order, as the bytes of
 * their files or as pixels (uint8 [height, width, 3]), with all that a scan of DATA says, and the labels that were given.
 *
 * It holds no time, no owner and no path of the machine: the same DATA gives the same bytes.
 */
import { closeSync, openSync } from 'node:fs';
import { DataError } from '../errors.js';
import type { DecodeOptions } from './decode.js';
import {
  type FrameKind,
  type FrameProblem,
  headerBytes,
  type OpenedFrame,
  readExactly,
  readFrame,
} from './framed-file.js';
import type { LabelsFile } from './labels-file.js';
import type { SkippedFile } from './scan.js';

/** The ending of prepared files. */
export const preparedExtension = '.suave';

/** An image of a prepared file. */
export interface PreparedEntry {
  readonly path: string;
  /** Where its bytes lie in the file. */
  readonly start: number;
  readonly length: number;
  /** `shortChecksum` of the bytes. */
  readonly checksum: number;
  /** Of pixels; 0 for the bytes of a file. */
  readonly height: number;
  readonly width: number;
  /** Of pixels: what the header of their file says, before any reduction; 0 where it says nothing. */
  readonly sourceHeight: number;
  readonly sourceWidth: number;
  /** Why there are no pixels, or null. */
  readonly reason: string | null;
}

/** What a prepared file holds of its images. */
export type PreparedForm =
  /** The bytes of their files, decoded where they are used. */
  | { readonly kind: 'files' }
  /** Pixels as a cache has them; `reduction` is null where they are whole and no file was decoded: a packed set. */
  | { readonly kind: 'pixels'; readonly reduction: (DecodeOptions & { readonly decoder: string }) | null };

/** What belongs to all images. */
export interface PreparedContent {
  readonly form: PreparedForm;
  /** As in a scan of DATA. */
  readonly folders: readonly string[];
  readonly unreadable: readonly SkippedFile[];
  readonly notImages: readonly SkippedFile[];
  /** The label file that was given, paths relative to DATA; null without. */
  readonly labels: LabelsFile | null;
}

/** A prepared file, read but for its images. */
export interface PreparedFile extends PreparedContent {
  /** Absolute path. */
  readonly file: string;
  readonly fileBytes: number;
  /** Identity of the file that was read. */
  readonly inode: number;
  /** SHA-256 of its index, which has the checksums of all images: equal for equal content. */
  readonly checksum: string;
  /** In natural order of their paths. */
  readonly entries: readonly PreparedEntry[];
}

/** Columns: start, length, checksum; height and width, stored and of the source. */
export const preparedKind: FrameKind = { magic: 'SUAVESET', version: 1, numFloat64: 3, numInt32: 4 };

/** Whether a file begins as prepared files do. */
export function isPreparedFile(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    return readExactly(file, 0, 8)?.toString('latin1') === preparedKind.magic;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

/**
 * Reads all but the images, and checks that the file is whole.
 * @param path  absolute path
 * @throws DataError PREPARED_FOREIGN, PREPARED_NEWER, PREPARED_TRUNCATED, PREPARED_DAMAGED
 */
export function readPrepared(path: string): PreparedFile {
  const file = openSync(path, 'r');
  let frame: OpenedFrame | FrameProblem;
  try {
    frame = readFrame(file, preparedKind);
  } finally {
    closeSync(file);
  }
  if ('problem' in frame) throw unusable(path, frame);
  const { fileBytes, inode, checksum } = frame;
  const entries = entriesOf(frame);
  if (entries === null) throw unusable(path, { problem: 'damaged', fileBytes, expectedBytes: null, version: null });
  return { ...(frame.json as PreparedContent), file: path, fileBytes, inode, checksum, entries };
}

/** Null where an entry lies outside the bytes of the entries, or has another length than its pixels. */
function entriesOf({ float64, int32, names, json, indexStart }: OpenedFrame): PreparedEntry[] | null {
  const [start, length, checksum] = float64;
  const [height, width, sourceHeight, sourceWidth] = int32;
  const { reasons, form } = json as { reasons: Record<number, string> } & PreparedContent;
  const fits = (_: string, i: number) =>
    start[i] >= headerBytes &&
    length[i] >= 0 &&
    start[i] + length[i] <= indexStart &&
    (form.kind === 'files' || length[i] === height[i] * width[i] * 3);
  if (!names.every(fits)) return null;
  return names.map((path, i) => ({
    ...{ path, start: start[i], length: length[i], checksum: checksum[i], height: height[i], width: width[i] },
    ...{ sourceHeight: sourceHeight[i], sourceWidth: sourceWidth[i], reason: reasons[i] ?? null },
  }));
}

function unusable(file: string, { problem, fileBytes, expectedBytes, version }: FrameProblem): DataError {
  const sentence = {
    foreign: `expected a file that suave prepare made in "${file}", got another file. Make it with suave prepare DATA --out FILE.`,
    newer: `expected a prepared file of format ${preparedKind.version} in "${file}", got one of format ${version}, made by a newer suave. Update this one, or prepare the images with it.`,
    truncated: `expected the whole prepared file "${file}", got ${fileBytes}${expectedBytes === null ? '' : ` of its ${expectedBytes}`} bytes. Copy it again.`,
    damaged: `expected the prepared file "${file}" as it was written, got other bytes. Copy it again.`,
  }[problem];
  return new DataError(`data: ${sentence}`, { code: `PREPARED_${problem.toUpperCase()}`, file });
}
