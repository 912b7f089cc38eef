/**
 * @file Looks into an image file before anything decodes it: format, size, orientation. What would make a browser turn, recolor or
 * blend the picture is taken out of the file, so that every browser gives the stored pixels, as the training had them.
 */
import { type ImageKind, kindByContent } from '../../src/data/image-content.js';
import { readJpegHeader } from '../../src/data/jpeg-header.js';
import { exifOrientation } from './exif.js';
import { ImageError } from './image-error.js';

/** An image file with nothing in it but pixels. */
export interface PlainImage {
  readonly kind: ImageKind;
  /** Size as stored, before turning. */
  readonly height: number;
  readonly width: number;
  /** EXIF orientation, 1 to 8. */
  readonly orientation: number;
  /** The file in pieces, without color profiles, EXIF and, in a WebP, without alpha. */
  readonly pieces: readonly Uint8Array[];
}

/** Pixels of the largest picture that is taken. */
export const maxPixels = 100_000_000;

/**
 * @param bytes  the whole file
 * @throws ImageError when it is no image that can be read, or too large
 */
export function readImageFile(bytes: Uint8Array): PlainImage {
  if (bytes.length === 0) throw new ImageError('the file is empty.');
  const kind = kindByContent(bytes);
  if (kind === null) throw new ImageError('this is not a JPEG, PNG or WebP image.');
  const image = kind === 'jpeg' ? readJpeg(bytes) : kind === 'png' ? readPng(bytes) : readWebp(bytes);
  if (image === null || image.height < 1 || image.width < 1) throw damaged();
  if (image.height * image.width > maxPixels) {
    throw new ImageError(
      `${image.width} × ${image.height} pixels are too many: this page takes up to ${maxPixels / 1e6} million.`,
    );
  }
  return image;
}

/** The picture breaks off or contradicts itself. */
export const damaged = (): ImageError => new ImageError('the image is damaged or incomplete.');

const startsWith = (bytes: Uint8Array, at: number, text: string): boolean =>
  [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));

function readJpeg(bytes: Uint8Array): PlainImage | null {
  const header = readJpegHeader(bytes);
  if (header === null) return null;
  const pieces = [bytes.subarray(0, 2)];
  let orientation: number | null = null;
  let position = 2;
  while (position + 4 <= bytes.length && bytes[position] === 0xff) {
    const marker = bytes[position + 1];
    if (marker === 0xda) break;
    if (marker === 0xff || (marker >= 0xd0 && marker <= 0xd8) || marker <= 1) {
      position += marker === 0xff ? 1 : 2;
      continue;
    }
    const end = position + 2 + ((bytes[position + 2] << 8) | bytes[position + 3]);
    const isExif = marker === 0xe1 && startsWith(bytes, position + 4, 'Exif');
    const isProfile = marker === 0xe2 && startsWith(bytes, position + 4, 'ICC_PROFILE');
    if (isExif) orientation ??= exifOrientation(bytes.subarray(position + 4, end));
    else if (!isProfile) pieces.push(bytes.subarray(position, end));
    position = end;
  }
  pieces.push(bytes.subarray(position));
  return { kind: 'jpeg', height: header.height, width: header.width, orientation: orientation ?? 1, pieces };
}

function readPng(bytes: Uint8Array): PlainImage | null {
  if (bytes.length < 33) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (startsWith(bytes, at + 4, 'eXIf')) orientation = exifOrientation(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return { kind: 'png', height: view.getUint32(20), width: view.getUint32(16), orientation, pieces: [bytes] };
}

/** Chunks of a WebP that say how to show its pixels, not what they are. */
const shownOnly = ['ICCP', 'EXIF', 'XMP ', 'ALPH'];

function readWebp(bytes: Uint8Array): PlainImage | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Uint8Array[] = [];
  let orientation = 1;
  let size: { height: number; width: number } | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    const chunk = new Uint8Array(bytes.subarray(at, end));
    size ??= webpSize(name, chunk);
    if (name === 'EXIF') orientation = exifOrientation(chunk.subarray(8));
    if (name === 'VP8X') chunk[8] &= 0b0000_0010; // of its flags only the animation stays
    if (name === 'VP8L') chunk[12] &= 0b1110_1111; // the bit that says that alpha is used
    if (!shownOnly.includes(name)) pieces.push(chunk);
    at = end;
  }
  if (size === null) return null;
  const head = new Uint8Array(bytes.subarray(0, 12));
  const total = pieces.reduce((sum, piece) => sum + piece.length, 4);
  new DataView(head.buffer).setUint32(4, total, true);
  return { kind: 'webp', ...size, orientation, pieces: [head, ...pieces] };
}

/** Size from the first chunk of a WebP: its canvas, or its only picture. */
function webpSize(name: string, chunk: Uint8Array): { height: number; width: number } | null {
  if (chunk.length < 18) return null;
  const at = (position: number) => chunk[8 + position];
  if (name === 'VP8X') {
    return {
      width: 1 + (at(4) | (at(5) << 8) | (at(6) << 16)),
      height: 1 + (at(7) | (at(8) << 8) | (at(9) << 16)),
    };
  }
  if (name === 'VP8L') {
    return {
      width: 1 + (at(1) | ((at(2) & 0x3f) << 8)),
      height: 1 + ((at(2) >> 6) | (at(3) << 2) | ((at(4) & 0xf) << 10)),
    };
  }
  if (name !== 'VP8 ') return null;
  return { width: (at(6) | (at(7) << 8)) & 0x3fff, height: (at(8) | (at(9) << 8)) & 0x3fff };
}
