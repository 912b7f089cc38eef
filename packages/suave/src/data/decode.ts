/**
 * @file Decodes one image file to RGB bytes, reduced to the side of the cache. Knows nothing of folders or tensors:
 * this is the code that decode workers run.
 */
import sharp from 'sharp';
import { type ImageKind, kindByContent } from './image-content.js';
import { DecodeError, type ImageSource, readSource } from './image-source.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';
import { orient, type RgbImage, reducedSize, resizeBilinear } from './resize.js';

sharp.cache(false);
sharp.concurrency(1);

/** How files become pixels. */
export interface DecodeOptions {
  /** Length to which the shorter side is reduced, in pixels; null leaves every image as it is. */
  readonly cacheSide: number | null;
  /** `apply` turns an image as its EXIF orientation says; `ignore` takes the pixels as stored (the official code). */
  readonly exifOrientation: 'apply' | 'ignore';
}

/**
 * Changes whenever the same file would give other bytes: this module's own version and those of the libraries.
 * A part of the cache's key.
 */
export const decoderVersion = `1 sharp ${sharp.versions.sharp} vips ${sharp.versions.vips}`;

export { DecodeError };

/** A large JPEG is first reduced while it is decoded, to no less than this many times the side that is wanted. */
const coarseFactor = 2;

/**
 * Reads and decodes one image.
 * @param source  absolute path, or a part of a file
 * @throws DecodeError when it cannot be opened, is truncated or is no image
 */
export async function decodeFile(source: ImageSource, options: DecodeOptions): Promise<RgbImage> {
  return decodeBytes(readSource(source), options);
}

/**
 * Decodes the bytes of a JPEG, PNG or WebP file: gray is replicated, a palette looked up, alpha dropped without
 * blending, 16 bits cut to 8, CMYK converted as Pillow does; color profiles are not applied.
 * @returns a new image with its shorter side at most `cacheSide`
 * @throws DecodeError
 */
export async function decodeBytes(bytes: Buffer, options: DecodeOptions): Promise<RgbImage> {
  if (bytes.length === 0) throw new DecodeError('empty file (0 bytes)');
  const kind = kindByContent(bytes);
  if (kind === null) throw new DecodeError('not a JPEG, PNG or WebP image');
  const header = kind === 'jpeg' ? readJpegHeader(bytes) : null;
  if (kind === 'jpeg' && header === null) throw new DecodeError('truncated or damaged: no image in the JPEG file');
  try {
    const coarse = header === null ? null : coarseSize(header.height, header.width, options.cacheSide);
    const image = await decodeRgb(bytes, header?.components === 4, coarse);
    const { height, width } = coarse === null ? image : (header as JpegHeader);
    const size = reducedSize(height, width, options.cacheSide);
    const reduced = resizeBilinear(image, size.height, size.width);
    const hasExif = header === null ? containsExif(bytes, kind) : header.hasExif;
    if (options.exifOrientation === 'ignore' || !hasExif) return reduced;
    return orient(reduced, (await sharp(bytes).metadata()).orientation ?? 1);
  } catch (cause) {
    throw new DecodeError(reasonOf(cause), { cause });
  }
}

/** Whether a PNG or WebP file may have an EXIF block; other ways to store an orientation are not obeyed. */
export function containsExif(bytes: Buffer, kind: ImageKind): boolean {
  return bytes.includes(kind === 'png' ? 'eXIf' : 'EXIF');
}

/**
 * The size to which a large JPEG is reduced while it is decoded: a half, quarter or eighth; null for the full size.
 * Where a side is not a multiple of that, the picture may be off by up to one pixel of the file, a fraction of one of
 * the result.
 */
function coarseSize(height: number, width: number, side: number | null): { height: number; width: number } | null {
  if (side === null) return null;
  const short = Math.min(height, width);
  const factor = [8, 4, 2].find((each) => Math.floor(short / each) >= coarseFactor * side);
  return factor === undefined ? null : { height: Math.floor(height / factor), width: Math.floor(width / factor) };
}

async function decodeRgb(
  bytes: Buffer,
  isCmyk: boolean,
  coarse: { height: number; width: number } | null,
): Promise<RgbImage> {
  let image = sharp(bytes, { failOn: 'error', ignoreIcc: true });
  if (coarse !== null) image = image.resize(coarse.width, coarse.height, { fit: 'fill', kernel: 'cubic' });
  image = isCmyk ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { height, width, channels } = info;
  const pixels = isCmyk ? cmykToRgb(data) : channels === 3 ? data : toThreeChannels(data, channels);
  return { height, width, pixels };
}

/** round((255 − C)(255 − K) / 255) and so on, from ink amounts (Adobe files store them inverted; libvips has turned them). */
function cmykToRgb(inks: Uint8Array): Uint8Array {
  const out = new Uint8Array((inks.length / 4) * 3);
  for (let source = 0, target = 0; source < inks.length; source += 4) {
    const light = 255 - inks[source + 3];
    for (let channel = 0; channel < 3; channel++) {
      out[target++] = Math.round(((255 - inks[source + channel]) * light) / 255);
    }
  }
  return out;
}

/** Drops alpha, or replicates gray. */
function toThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  const numPixels = data.length / channels;
  const out = new Uint8Array(numPixels * 3);
  const isGray = channels < 3;
  for (let pixel = 0; pixel < numPixels; pixel++) {
    const source = pixel * channels;
    out[pixel * 3] = data[source];
    out[pixel * 3 + 1] = data[source + (isGray ? 0 : 1)];
    out[pixel * 3 + 2] = data[source + (isGray ? 0 : 2)];
  }
  return out;
}

/** The first line of the library's message, without its own names. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const line = message.split('\n')[0].replace(/^(Input buffer|VipsJpeg|pngload_buffer|webp2vips): ?/, '');
  return `truncated or damaged: ${line.replace(/^Input buffer /, '')}`;
}
