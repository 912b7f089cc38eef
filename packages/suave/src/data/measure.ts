/** @file The size that a file has when it is decoded, read from its header; files that look damaged are decoded to make sure. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { readExactly } from './cache-file.js';
import { containsExif, type DecodeOptions, decodeFile } from './decode.js';
import { type ImageKind, kindByContent } from './image-content.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';

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

/** Null where only decoding can tell. */
async function sizeByHeader(
  path: string,
  exifOrientation: DecodeOptions['exifOrientation'],
): Promise<ImageSize | null> {
  const whole = lookAt(path);
  if (whole === null) return null;
  const metadata = await sharp(path)
    .metadata()
    .catch(() => null);
  if (metadata === null || !(metadata.height > 0 && metadata.width > 0)) return null;
  const { height, width, orientation = 1 } = metadata;
  if (orientation < 5 || exifOrientation === 'ignore') return { height, width };
  const { kind, header } = whole;
  const hasExif = header === null ? containsExif(readFileSync(path), kind) : header.hasExif;
  return hasExif ? { height: width, width: height } : { height, width };
}

const endOfPng = Buffer.from('0000000049454e44ae426082', 'hex');
const endOfJpeg = Buffer.from('ffd9', 'hex');
const tailBytes = endOfPng.length;

/** Where the headers of a JPEG end, but for large color profiles and previews. */
const headBytes = 2 ** 16;

/** The format of a file that begins and ends as that format does, and the header of a JPEG; null for every other file. */
function lookAt(path: string): { kind: ImageKind; header: JpegHeader | null } | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(file);
    const head = readExactly(file, 0, Math.min(size, headBytes));
    const tail = readExactly(file, size - tailBytes, tailBytes);
    if (head === null || tail === null) return null;
    const kind = kindByContent(head);
    if (kind === 'jpeg') {
      const header = readJpegHeader(head);
      return header !== null && tail.subarray(-endOfJpeg.length).equals(endOfJpeg) ? { kind, header } : null;
    }
    const isWhole = kind === 'png' ? tail.equals(endOfPng) : kind === 'webp' && head.readUInt32LE(4) + 8 <= size;
    return kind !== null && isWhole ? { kind, header: null } : null;
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
