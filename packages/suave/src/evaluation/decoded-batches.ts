/** @file Images in batches as decode workers deliver them, each image once: memory does not grow with their number. */
import type { DecodedBlock } from '../data/decode-block.js';
import type { DecodeRun, RgbImage } from '../data/index.js';

/** Images to decode. */
export interface BatchSource {
  readonly paths: readonly string[];
  /** Hands over the blocks of decoded images in the order of `paths`. */
  decode(take: (block: DecodedBlock) => void, run: DecodeRun): Promise<void>;
}

/** How batches are made, and who gets them. */
export interface BatchOptions {
  /** Images of a batch; the last one may have fewer. */
  readonly batch: number;
  /** Decode workers; null picks a number. */
  readonly workers: number | null;
  readonly signal: AbortSignal | null;
  /** Receives decoded images with their positions in `paths`. */
  onBatch(images: readonly RgbImage[], positions: readonly number[]): void;
  /** Receives every file that cannot be read, in order among themselves. */
  onSkipped(path: string, reason: string): void;
  /** Called with the number of files decoded and of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Decodes images in order; while a batch is worked on, the next ones are decoded. */
export async function decodeBatches(source: BatchSource, options: BatchOptions): Promise<void> {
  let images: RgbImage[] = [];
  let positions: number[] = [];
  let next = 0;
  const flush = (): void => {
    if (images.length > 0) options.onBatch(images, positions);
    images = [];
    positions = [];
  };
  const take = ({ heights, widths, reasons, bytes }: DecodedBlock): void => {
    let start = 0;
    for (let i = 0; i < heights.length; i++) {
      const position = next++;
      const reason = reasons[i];
      if (reason !== null) {
        options.onSkipped(source.paths[position], reason);
        continue;
      }
      const [height, width] = [heights[i], widths[i]];
      const end = start + height * width * 3;
      images.push({ height, width, pixels: bytes.subarray(start, end) });
      positions.push(position);
      start = end;
      if (images.length >= options.batch) flush();
    }
  };
  await source.decode(take, {
    workers: options.workers,
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  flush();
}
