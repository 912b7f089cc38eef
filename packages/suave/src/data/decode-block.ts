/** @file The unit of work of decoding: a block of consecutive files. The same code runs in workers and in the main thread. */
import { statSync } from 'node:fs';
import { DecodeError, type DecodeOptions, decodeFile } from './decode.js';
import type { ImageSource } from './image-source.js';
import { measureFile } from './measure.js';
import type { RgbImage } from './resize.js';

/** Decodes that are under way at once in a thread: while one file is decoded, another one is reduced. */
const inFlight = 2;

/** Files to read. Structured-clone friendly. */
export interface DecodeTask {
  /** Absolute paths, or parts of files. */
  readonly paths: readonly ImageSource[];
  readonly options: DecodeOptions;
  /** Files of one block, which one thread takes at once. */
  readonly blockSize: number;
  /** `sizes` gives heights and widths alone, of most files without decoding them. */
  readonly wanted: 'pixels' | 'sizes';
  /** Where the pixels go; null: into the blocks. */
  readonly destination: Destination | null;
}

/** Memory that all threads write to, with a place for every file of a task. */
export interface Destination {
  readonly memory: SharedArrayBuffer;
  readonly places: readonly Place[];
}

/** Where the pixels of a file go, and what is known of it: another size or time of change is an error. */
export interface Place {
  /** First byte in the memory. */
  readonly offset: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** Of the file: bytes, and milliseconds since 1970. Parts of files have a checksum of their own. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** The images of a block in the order of its files, one after the other in `bytes`. Structured-clone friendly. */
export interface DecodedBlock {
  readonly block: number;
  /** 0 where the file cannot be read. */
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  /** Why, for those; null for the others. */
  readonly reasons: (string | null)[];
  /** Empty where pixels go elsewhere, or only sizes are wanted. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Number of blocks of a task. */
export function countBlocks({ paths, blockSize }: Pick<DecodeTask, 'paths' | 'blockSize'>): number {
  return Math.ceil(paths.length / blockSize);
}

/** Reads block number `block`; files that cannot be read do not throw. */
export async function decodeBlock(task: DecodeTask, block: number): Promise<DecodedBlock> {
  const first = block * task.blockSize;
  const count = Math.min(task.blockSize, task.paths.length - first);
  const pixels: (Uint8Array | null)[] = new Array(count).fill(null);
  const heights = new Int32Array(count);
  const widths = new Int32Array(count);
  const reasons: (string | null)[] = new Array(count).fill(null);
  let next = 0;
  const decodeNext = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      try {
        const image = await readImage(task, first + i);
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

/** One image; `pixels` is null where they are not wanted here. */
async function readImage(
  { paths, options, wanted, destination }: DecodeTask,
  index: number,
): Promise<Pick<RgbImage, 'height' | 'width'> & { pixels: Uint8Array | null }> {
  if (wanted === 'sizes') return { ...(await measureFile(paths[index], options)), pixels: null };
  const image = await decodeFile(paths[index], options);
  if (destination === null) return image;
  const place = destination.places[index];
  checkUnchanged(paths[index], image, place);
  new Uint8Array(destination.memory, place.offset, image.pixels.length).set(image.pixels);
  return { ...image, pixels: null };
}

function checkUnchanged(source: ImageSource, { height, width }: RgbImage, place: Place): void {
  if (typeof source === 'string') {
    const stats = statSync(source, { throwIfNoEntry: false });
    if (stats?.size !== place.size || stats.mtimeMs !== place.mtimeMs) throw new DecodeError('changed meanwhile');
  }
  if (height !== place.height || width !== place.width) {
    throw new DecodeError(
      `its header says ${place.width} × ${place.height} pixels, it has ${width} × ${height}: damaged`,
    );
  }
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
