/**
 * @file Images that are decoded anew each time a batch needs them: decode workers fill shared memory some batches ahead, without the
 * main thread, and a reader holds the pixels of one batch at a time.
 */
import { empty, keep, scope, type Tensor } from '@suave/torch';
import { DataError } from '../errors.js';
import type { CacheEntry } from './cache-file.js';
import type { DecodeOptions } from './decode.js';
import type { DecodedBlock, DecodeTask, Place } from './decode-block.js';
import { DecodePool } from './decode-pool.js';
import type { BatchIndices, ImageSet, PixelReader, PixelWindow } from './image-set.js';
import { describeSource, type ImageSource } from './image-source.js';

/** What streams of one data folder share. */
export interface StreamOptions {
  /** Where the bytes of an image lie. */
  sourceOf(path: string): ImageSource;
  readonly options: DecodeOptions;
  /** Worker threads; 0 decodes each batch in the calling thread when it is prepared. */
  readonly workers: number;
  /** Bytes of decoded images that a reader may hold ahead; the batch that is prepared is decoded whatever its size. */
  readonly aheadBytes: number;
}

/** The decode workers of a data folder: there while anybody reads. */
export class StreamSource {
  readonly settings: StreamOptions;
  #pool: DecodePool | null = null;
  #numReaders = 0;

  constructor(settings: StreamOptions) {
    this.settings = settings;
  }

  /** Takes part in the workers; every call is followed by one of `leave`. */
  join(): DecodePool {
    this.#pool ??= new DecodePool(this.settings.workers);
    this.#numReaders++;
    return this.#pool;
  }

  leave(): void {
    this.#numReaders--;
    if (this.#numReaders > 0) return;
    void this.#pool?.close();
    this.#pool = null;
  }
}

/** Images as files that were measured, but not decoded. */
export class ImageStream implements ImageSet {
  readonly length: number;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  readonly paths: readonly string[];
  readonly #source: StreamSource;
  readonly #entries: readonly CacheEntry[];

  /** @param entries  files that can be read, with their sizes; `offset` is of no account */
  constructor(source: StreamSource, entries: readonly CacheEntry[]) {
    this.#source = source;
    this.#entries = entries;
    this.length = entries.length;
    this.heights = Int32Array.from(entries, (entry) => entry.height);
    this.widths = Int32Array.from(entries, (entry) => entry.width);
    this.paths = entries.map((entry) => entry.path);
  }

  read(batches: BatchIndices): PixelReader {
    return new StreamReader(this, this.#entries, this.#source, batches);
  }

  /** Nothing is held but by readers. */
  dispose(): void {}
}

/** Batches that are decoded ahead of the current one, memory permitting. */
const maxAhead = 3;

/** Files that a thread takes at once: few, so that all threads end a batch together. */
const blockSize = 4;

/** A batch that is being decoded. */
interface Decoding {
  /** Images of the set, each once. */
  readonly images: Int32Array;
  readonly places: readonly Place[];
  readonly numBytes: number;
  readonly memory: SharedArrayBuffer;
  /** Null when all is well, else what went wrong. Never rejected: nobody may be waiting. */
  readonly outcome: Promise<{ error: unknown } | null>;
  stop(): void;
}

class StreamReader implements PixelReader {
  readonly #images: ImageSet;
  readonly #entries: readonly CacheEntry[];
  readonly #source: StreamSource;
  readonly #batches: BatchIndices;
  /** By number of batch. */
  readonly #decoding = new Map<number, Decoding>();
  /** Memory of batches that are over. */
  readonly #spare: SharedArrayBuffer[] = [];
  readonly #offsets: Float64Array;
  /** From the first batch on. */
  #pool: DecodePool | null = null;
  #current: { batch: number; images: Int32Array } | null = null;
  /** uint8, at least as large as the largest batch so far. */
  #pixels: Tensor | null = null;

  constructor(images: ImageSet, entries: readonly CacheEntry[], source: StreamSource, batches: BatchIndices) {
    this.#images = images;
    this.#entries = entries;
    this.#source = source;
    this.#batches = batches;
    this.#offsets = new Float64Array(images.length).fill(Number.NaN);
  }

  get window(): PixelWindow {
    if (this.#pixels === null) throw new Error('images: a batch is prepared before its pixels are used');
    const { heights, widths } = this.#images;
    return { pixels: this.#pixels, offsets: this.#offsets, heights, widths };
  }

  async prepare(batch: number): Promise<void> {
    if (this.#current?.batch === batch) return;
    this.#pool ??= this.#source.join();
    const ahead = this.#source.settings.workers === 0 ? 0 : maxAhead;
    for (const [number, decoding] of this.#decoding) {
      if (number >= batch && number <= batch + ahead) continue;
      decoding.stop();
      this.#decoding.delete(number);
    }
    this.#decode(this.#pool, batch, Math.max(1, ahead), batch);
    const decoding = this.#decoding.get(batch);
    if (decoding === undefined) throw new Error(`images: there is no batch ${batch}`);
    const failure = await decoding.outcome;
    this.#decoding.delete(batch);
    if (failure !== null) throw failure.error;
    this.#show(batch, decoding);
    this.#spare.push(decoding.memory);
    this.#decode(this.#pool, batch + 1, ahead, null);
  }

  /** Sets the workers on `count` batches from `first`: on the needed one, and on others as far as the memory allows. */
  #decode(pool: DecodePool, first: number, count: number, needed: number | null): void {
    let held = 0;
    for (const { numBytes } of this.#decoding.values()) held += numBytes;
    for (let batch = first; batch < first + count; batch++) {
      if (this.#decoding.has(batch)) continue;
      const indices = this.#batches(batch);
      if (indices === null) return;
      const images = Int32Array.from(new Set(indices));
      const { places, numBytes } = this.#placesOf(images);
      if (batch !== needed && held + numBytes > this.#source.settings.aheadBytes) return;
      held += numBytes;
      this.#decoding.set(batch, this.#start(pool, images, places, numBytes));
    }
  }

  #placesOf(images: Int32Array): { places: Place[]; numBytes: number } {
    let offset = 0;
    const places = Array.from(images, (image): Place => {
      const { height, width, size, mtimeMs } = this.#entries[image];
      const place = { offset, height, width, size, mtimeMs };
      offset += height * width * 3;
      return place;
    });
    return { places, numBytes: offset };
  }

  #start(pool: DecodePool, images: Int32Array, places: Place[], numBytes: number): Decoding {
    const { sourceOf, options } = this.#source.settings;
    const memory = this.#memoryFor(numBytes);
    const paths = Array.from(images, (image) => sourceOf(this.#entries[image].path));
    const task: DecodeTask = { paths, options, blockSize, wanted: 'pixels', destination: { memory, places } };
    const stopping = new AbortController();
    const check = ({ block, reasons }: DecodedBlock) => {
      const failed = reasons.findIndex((reason) => reason !== null);
      if (failed >= 0) throw unreadable(describeSource(paths[block * blockSize + failed]), reasons[failed] as string);
    };
    return {
      images,
      places,
      numBytes,
      memory,
      outcome: pool.run(task, check, stopping.signal).then(
        () => null,
        (error: unknown) => ({ error }),
      ),
      stop: () => stopping.abort(),
    };
  }

  /** Spare memory that is large enough, or new memory in the place of a spare one. */
  #memoryFor(numBytes: number): SharedArrayBuffer {
    const fitting = this.#spare.findIndex((memory) => memory.byteLength >= numBytes);
    const [spare] = this.#spare.splice(Math.max(0, fitting), 1);
    return fitting >= 0 ? spare : new SharedArrayBuffer(withReserve(numBytes));
  }

  /** Makes a decoded batch the one whose pixels are there. */
  #show(batch: number, { images, places, memory, numBytes }: Decoding): void {
    for (const image of this.#current?.images ?? []) this.#offsets[image] = Number.NaN;
    this.#current = null;
    if (this.#pixels === null || this.#pixels.numel < numBytes) {
      this.#pixels?.dispose();
      this.#pixels = keep(empty([withReserve(numBytes)], { dtype: 'uint8' }));
    }
    const pixels = this.#pixels;
    scope(() => void pixels.narrow(0, 0, numBytes).setBytes_(new Uint8Array(memory, 0, numBytes)));
    images.forEach((image, i) => {
      this.#offsets[image] = places[i].offset;
    });
    this.#current = { batch, images };
  }

  close(): void {
    for (const { stop } of this.#decoding.values()) stop();
    this.#decoding.clear();
    this.#pixels?.dispose();
    this.#pixels = null;
    if (this.#pool !== null) this.#source.leave();
    this.#pool = null;
  }
}

/** So many bytes and a quarter more, in whole MiB: batches differ, and memory that fits most of them is taken once. */
function withReserve(numBytes: number): number {
  return Math.ceil((1.25 * numBytes) / 2 ** 20) * 2 ** 20;
}

function unreadable(file: string, reason: string): DataError {
  return new DataError(
    `data: expected the images to stay as they were when they were opened, got "${file}": ${reason}. Restore it, then continue with --resume, or leave it out of another run.`,
    { code: 'IMAGES_CHANGED', file },
  );
}
