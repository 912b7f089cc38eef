/** @file Formats of images by their first bytes. Nothing of Node: it also runs in a browser. */

/** The formats that are decoded. */
export type ImageKind = 'jpeg' | 'png' | 'webp';

/** The format of the first bytes of a file (12 are enough), or null. */
export function kindByContent(bytes: Uint8Array): ImageKind | null {
  const starts = (offset: number, ...values: number[]) => values.every((value, i) => bytes[offset + i] === value);
  if (starts(0, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return 'webp';
  return null;
}
