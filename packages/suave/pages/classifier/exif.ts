/** @file The orientation in an EXIF block. */

const orientationTag = 0x0112;
const shortType = 3;

/**
 * Reads the orientation of the first directory.
 * @param block  the block from its byte-order mark on, with or without `Exif` before it
 * @returns      1 to 8; 1 where there is none
 */
export function exifOrientation(block: Uint8Array): number {
  const hasPrefix = block[0] === 0x45 && block[1] === 0x78;
  const tiff = hasPrefix ? block.subarray(6) : block;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return 1;
  const little = tiff[0] === 0x49;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry;
    if (at + 12 > tiff.length) return 1;
    if (view.getUint16(at, little) !== orientationTag || view.getUint16(at + 2, little) !== shortType) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
