/** @file The size that a file has when it is decoded, read from its header; files that look damaged are decoded to make sure. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import sharp from 'sharp';
import { DecodeError, type DecodeOptions, decodeFile } from './decode.js';
import { type ImageKind, kindByContent } from './image-kind.js';
import { readJpegHeader } from './jpeg-header.js';

/** Pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/**
 * Height and width at full size, turned as `exifOrientation` says. Cut-off files are found: one without its format's end is decoded.
 * Damage in the middle of a file is not.
 * @param path  absolute path
 * @throws DecodeError as `decodeFile`
 */
export async function measureFile(
  path: string,
  { exifOrientation }: Pick<DecodeOptions, 'exifOrientation'>,
): Promise<ImageSize> {
  const size = await sizeByHeader(path, exifOrientation);
  if (size !== null) return size;
  const { height, width } = await decodeFile(path, { cacheSide: null, exifOrientation });
  return { height, width };
}

async function sizeByHeader(
  path: string,
  exifOrientation: DecodeOptions['exifOrientation'],
): Promise<ImageSize | null> {
  const kind = kindOfWhole(path);
  if (kind === null) return null;
  const metadata = await sharp(path)
    .metadata()
    .catch(() => null);
  if (metadata === null || !(metadata.height > 0 && metadata.width > 0)) return null;
  const { height, width, orientation = 1 } = metadata;
  if (orientation < 5 || exifOrientation === 'ignore' || !isObeyed(kind, path)) return { height, width };
  return { height: width, width: height };
}

/** Whether decoding sees the orientation that the library has found. */
function isObeyed(kind: ImageKind, path: string): boolean {
  return kind !== 'jpeg' || readJpegHeader(readFileSync(path))?.hasExif === true;
}

const endOfPng = Buffer.from('0000000049454e44ae426082', 'hex');
const endOfJpeg = Buffer.from('ffd9', 'hex');

/** The format of a file that begins and ends as that format does; null for every other one. */
function kindOfWhole(path: string): ImageKind | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new DecodeError(`cannot be opened (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`, { cause });
  }
  try {
    const { size } = fstatSync(file);
    const head = Buffer.alloc(12);
    const tail = Buffer.alloc(12);
    if (readSync(file, head, 0, 12, 0) < 12 || readSync(file, tail, 0, 12, size - 12) < 12) return null;
    const kind = kindByContent(head);
    if (kind === 'jpeg') return tail.subarray(10).equals(endOfJpeg) ? kind : null;
    if (kind === 'png') return tail.equals(endOfPng) ? kind : null;
    return kind === 'webp' && head.readUInt32LE(4) + 8 <= size ? kind : null;
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
