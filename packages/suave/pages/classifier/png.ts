/**
 * @file Decodes PNG images to the bytes that they store. A canvas would multiply colors by alpha and follow color chunks; here gray
 * is replicated, a palette looked up, alpha dropped without blending and 16 bits cut to 8, as the training does.
 */
import type { RgbImage } from '../../src/data/resize.js';
import { damaged } from './image-file.js';

/** IHDR. */
interface Header {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha. */
  readonly color: number;
  readonly interlaced: boolean;
}

const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Passes of an interlaced image: first column and row, and the steps between them; one pass where it is not interlaced. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const wholeImage = [[0, 0, 1, 1]] as const;

/** @throws ImageError when the file is damaged */
export async function decodePng(bytes: Uint8Array): Promise<RgbImage> {
  const { header, palette, data } = readChunks(bytes);
  const channels = channelsOf[header.color];
  const passes = (header.interlaced ? adam7 : wholeImage)
    .map(([left, top, across, down]) => ({
      left,
      top,
      across,
      down,
      width: Math.ceil((header.width - left) / across),
      height: Math.ceil((header.height - top) / down),
    }))
    .filter(({ width, height }) => width > 0 && height > 0);
  const rowBytes = (width: number) => Math.ceil((width * channels * header.bits) / 8);
  const expected = passes.reduce((sum, { width, height }) => sum + height * (1 + rowBytes(width)), 0);
  const raw = await inflate(data, expected);
  const pixels = new Uint8Array(header.height * header.width * 3);
  const pixelBytes = Math.max(1, (channels * header.bits) >> 3);
  let start = 0;
  for (const pass of passes) {
    const stride = rowBytes(pass.width);
    for (let y = 0; y < pass.height; y++) {
      const row = raw.subarray(start + 1, start + 1 + stride);
      const above = y === 0 ? null : raw.subarray(start - stride, start);
      unfilter(raw[start], row, above, pixelBytes);
      const target = ((pass.top + y * pass.down) * header.width + pass.left) * 3;
      toRgb(row, pass.width, header, palette, pixels, target, pass.across * 3);
      start += 1 + stride;
    }
  }
  return { height: header.height, width: header.width, pixels };
}

function readChunks(bytes: Uint8Array): { header: Header; palette: Uint8Array; data: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [bits, color, , , interlace] = bytes.subarray(24, 29);
  const header = { width: view.getUint32(16), height: view.getUint32(20), bits, color, interlaced: interlace === 1 };
  const allowed = color === 0 ? [1, 2, 4, 8, 16] : color === 3 ? [1, 2, 4, 8] : [8, 16];
  if (channelsOf[color] === undefined || !allowed.includes(bits) || interlace > 1) throw damaged();
  let palette = new Uint8Array(0);
  const data: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (content.length < length) throw damaged();
    if (name === 'PLTE') palette = new Uint8Array(content);
    if (name === 'IDAT') data.push(content);
    if (name === 'IEND') break;
    at += 12 + length;
  }
  if (data.length === 0 || (color === 3 && palette.length === 0)) throw damaged();
  return { header, palette, data };
}

/** Inflates to `expected` bytes; what follows them is not looked at. */
async function inflate(pieces: readonly Uint8Array[], expected: number): Promise<Uint8Array> {
  const out = new Uint8Array(expected);
  let filled = 0;
  const stream = new Blob([...pieces] as Uint8Array<ArrayBuffer>[])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'));
  const reader = stream.getReader();
  try {
    while (filled < expected) {
      const { done, value } = await reader.read();
      if (done) break;
      out.set(value.subarray(0, expected - filled), filled);
      filled += value.length;
    }
  } catch {
    // What is missing is seen below.
  }
  await reader.cancel().catch(() => {});
  if (filled < expected) throw damaged();
  return out;
}

/** Undoes a row's filter in place. @param above  the row before, null for the first one of a pass */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array | null, pixelBytes: number): void {
  if (filter > 4) throw damaged();
  if (filter === 0) return;
  for (let i = 0; i < row.length; i++) {
    const left = i < pixelBytes ? 0 : row[i - pixelBytes];
    const up = above === null ? 0 : above[i];
    if (filter === 1) row[i] += left;
    else if (filter === 2) row[i] += up;
    else if (filter === 3) row[i] += (left + up) >> 1;
    else row[i] += paeth(left, up, above === null || i < pixelBytes ? 0 : above[i - pixelBytes]);
  }
}

function paeth(left: number, up: number, upLeft: number): number {
  const toLeft = Math.abs(up - upLeft);
  const toUp = Math.abs(left - upLeft);
  const toUpLeft = Math.abs(left + up - 2 * upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

/** Writes a row's pixels to every `step`-th byte from `target` on. */
function toRgb(
  row: Uint8Array,
  width: number,
  { bits, color }: Header,
  palette: Uint8Array,
  pixels: Uint8Array,
  target: number,
  step: number,
): void {
  const sampleBytes = bits === 16 ? 2 : 1;
  const pixelBytes = channelsOf[color] * sampleBytes;
  const isColor = color === 2 || color === 6;
  const scale = color === 3 ? 1 : 255 / (2 ** bits - 1);
  for (let x = 0, to = target; x < width; x++, to += step) {
    if (bits < 8) {
      const perByte = 8 / bits;
      const shift = 8 - bits * ((x % perByte) + 1);
      const sample = (row[Math.floor(x / perByte)] >> shift) & (2 ** bits - 1);
      writeSample(sample * scale, color, palette, pixels, to);
    } else if (isColor) {
      const from = x * pixelBytes;
      pixels[to] = row[from];
      pixels[to + 1] = row[from + sampleBytes];
      pixels[to + 2] = row[from + 2 * sampleBytes];
    } else {
      writeSample(row[x * pixelBytes], color, palette, pixels, to);
    }
  }
}

/** A gray value, or a color of the palette. */
function writeSample(value: number, color: number, palette: Uint8Array, pixels: Uint8Array, to: number): void {
  if (color === 3 && 3 * value >= palette.length) throw damaged();
  for (let channel = 0; channel < 3; channel++) {
    pixels[to + channel] = color === 3 ? palette[3 * value + channel] : value;
  }
}
