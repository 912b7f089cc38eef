/** @file What must be known of a JPEG before it is decoded, read from its markers. */

/** Size as stored (before turning by orientation), number of color components, and whether there is an EXIF block. */
export interface JpegHeader {
  readonly height: number;
  readonly width: number;
  readonly components: number;
  readonly hasExif: boolean;
}

/** Start-of-frame markers; C4, C8 and CC are tables, not frames. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Reads the markers up to the first frame; null when there is none. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hasExif = false;
  let position = 2;
  while (position + 4 <= bytes.length) {
    if (bytes[position] !== 0xff) {
      position++;
      continue;
    }
    const marker = bytes[position + 1];
    if (marker === 0xff || marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      position += marker === 0xff ? 1 : 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) return null;
    const length = view.getUint16(position + 2);
    if (isFrame(marker)) {
      if (position + 10 > bytes.length) return null;
      return {
        height: view.getUint16(position + 5),
        width: view.getUint16(position + 7),
        components: bytes[position + 9],
        hasExif,
      };
    }
    if (marker === 0xe1 && bytes[position + 4] === 0x45 && bytes[position + 5] === 0x78) hasExif = true;
    position += 2 + length;
  }
  return null;
}
