/** @file Which files are images that can be read: by name for the scan, by content before decoding. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type ImageKind, kindByContent } from './image-content.js';

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
