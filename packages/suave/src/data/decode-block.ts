/** @file The unit of work of decoding: a block of consecutive files. The same code runs in workers and in the main thread. */
import { DecodeError, type DecodeOptions, decodeFile } from './decode.js';

/** Files of one block. */
export const blockSize = 32;

/** Decodes that are under way at once in a thread: while one file is decoded, another one is reduced. */
const inFlight = 2;

/** The images of a block in the order of its files, one after the other in `bytes`. Structured-clone friendly. */
export interface DecodedBlock {
  readonly block: number;
  /** 0 where the file cannot be read. */
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  /** Why, for those; null for the others. */
  readonly reasons: (string | null)[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Number of blocks for so many files. */
export function countBlocks(numFiles: number): number {
  return Math.ceil(numFiles / blockSize);
}

/** Decodes block number `block` of `paths` (absolute); files that cannot be decoded do not throw. */
export async function decodeBlock(
  paths: readonly string[],
  block: number,
  options: DecodeOptions,
): Promise<DecodedBlock> {
  const mine = paths.slice(block * blockSize, (block + 1) * blockSize);
  const pixels: (Uint8Array | null)[] = mine.map(() => null);
  const heights = new Int32Array(mine.length);
  const widths = new Int32Array(mine.length);
  const reasons: (string | null)[] = mine.map(() => null);
  let next = 0;
  const decodeNext = async (): Promise<void> => {
    while (next < mine.length) {
      const i = next++;
      try {
        const image = await decodeFile(mine[i], options);
        heights[i] = image.height;
        widths[i] = image.width;
        pixels[i] = image.pixels;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        reasons[i] = error.message;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, decodeNext));
  return { block, heights, widths, reasons, bytes: concatenate(pixels) };
}

function concatenate(parts: readonly (Uint8Array | null)[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let position = 0;
  for (const part of parts) {
    if (part === null) continue;
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
