/** @file Which files are images that can be read: by name for the scan, by content before decoding. */
import { closeSync, openSync, readSync } from 'node:fs';

/** The formats that are decoded. */
export type ImageKind = 'jpeg' | 'png' | 'webp';

const readable = new Set(['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp']);

const otherImages = new Set(
  'gif bmp dib tif tiff heic heif avif jxl jp2 j2k svg ico psd ppm pgm pbm tga exr hdr cr2 cr3 nef arw dng orf rw2 raf'.split(
    ' ',
  ),
);

/** What the name of a file says: an image that can be read, an image of another format, or something else. */
export function kindByName(name: string): 'readable' | 'other-image' | 'unknown' {
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  if (readable.has(extension)) return 'readable';
  return otherImages.has(extension) ? 'other-image' : 'unknown';
}

/** The format of the first bytes of a file (12 are enough), or null. */
export function kindByContent(bytes: Uint8Array): ImageKind | null {
  const starts = (offset: number, ...values: number[]) => values.every((value, i) => bytes[offset + i] === value);
  if (starts(0, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return 'webp';
  return null;
}

/** The format of a file by its content, or null (also when it cannot be opened). */
export function kindOfFile(path: string): ImageKind | null {
  const head = new Uint8Array(12);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    return kindByContent(head.subarray(0, readSync(file, head)));
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
