/** @file The size that a file has when it is decoded, read from its header; files that look damaged are decoded to make sure. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import sharp from 'sharp';
import { containsExif, type DecodeOptions, decodeFile } from './decode.js';
import { readExactly } from './framed-file.js';
import { type ImageKind, kindByContent } from './image-content.js';
import { type ImageSource, readSource } from './image-source.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';

/** Pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/**
 * Height and width at full size, turned as `exifOrientation` says. Cut-off files are found: one without its format's end is decoded.
 * Damage in the middle of a file is not.
 * @param source  absolute path, or a part of a file
 * @throws DecodeError as `decodeFile`
 */
export async function measureFile(
  source: ImageSource,
  { exifOrientation }: Pick<DecodeOptions, 'exifOrientation'>,
): Promise<ImageSize> {
  const size = await sizeByHeader(source, exifOrientation);
  if (size !== null) return size;
  const { height, width } = await decodeFile(source, { cacheSide: null, exifOrientation });
  return { height, width };
}

/** Null where only decoding can tell. */
async function sizeByHeader(
  source: ImageSource,
  exifOrientation: DecodeOptions['exifOrientation'],
): Promise<ImageSize | null> {
  const input = typeof source === 'string' ? source : readSource(source);
  const whole = typeof input === 'string' ? lookAt(input) : lookAtBytes(input);
  if (whole === null) return null;
  const metadata = await sharp(input)
    .metadata()
    .catch(() => null);
  if (metadata === null || !(metadata.height > 0 && metadata.width > 0)) return null;
  const { height, width, orientation = 1 } = metadata;
  if (orientation < 5 || exifOrientation === 'ignore') return { height, width };
  const { kind, header } = whole;
  const hasExif =
    header === null ? containsExif(typeof input === 'string' ? readSource(input) : input, kind) : header.hasExif;
  return hasExif ? { height: width, width: height } : { height, width };
}

const endOfPng = Buffer.from('0000000049454e44ae426082', 'hex');
const endOfJpeg = Buffer.from('ffd9', 'hex');
const tailBytes = endOfPng.length;

/** Where the headers of a JPEG end, but for large color profiles and previews. */
const headBytes = 2 ** 16;

/** The format of a whole file, and the header of a JPEG. */
interface WholeFile {
  readonly kind: ImageKind;
  readonly header: JpegHeader | null;
}

/** The format of a file that begins and ends as that format does; null for every other file. */
function lookAt(path: string): WholeFile | null {
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
    return head === null || tail === null ? null : wholeFile(head, tail, size);
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

function lookAtBytes(bytes: Buffer): WholeFile | null {
  if (bytes.length < tailBytes) return null;
  try {
    return wholeFile(bytes.subarray(0, headBytes), bytes.subarray(-tailBytes), bytes.length);
  } catch {
    return null;
  }
}

function wholeFile(head: Buffer, tail: Buffer, size: number): WholeFile | null {
  const kind = kindByContent(head);
  if (kind === 'jpeg') {
    const header = readJpegHeader(head);
    return header !== null && tail.subarray(-endOfJpeg.length).equals(endOfJpeg) ? { kind, header } : null;
  }
  const isWhole = kind === 'png' ? tail.equals(endOfPng) : kind === 'webp' && head.readUInt32LE(4) + 8 <= size;
  return kind !== null && isWhole ? { kind, header: null } : null;
}
