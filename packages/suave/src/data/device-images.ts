/**
 * @file Images whose pixels lie on the device where views are cut from them: all at once where they fit, else those of each batch.
 * On the CPU the same code copies without pinned memory and events.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cuda, empty, keep, type Tensor } from '@suave/torch';
import { DataError } from '../errors.js';
import { packedOrder, Staging } from './device-staging.js';
import type { BatchIndices, ImageSet, PixelReader, PixelWindow } from './image-set.js';

/** Where pixels go, and how much room they may take. */
export interface DeviceImagesOptions {
  /** As in PyTorch: `cpu`, `cuda`, `cuda:1`. */
  readonly device: 'cpu' | 'cuda' | `cuda:${number}`;
  /**
   * MiB of pixels that may stay on the device: a set that fits is copied once, of another one each batch is; 0 always copies batches.
   * `auto`, the default: a third of the free memory of a CUDA device; on the CPU nothing is copied, readers are those of the set.
   */
  readonly residentMiB?: number | 'auto';
  /** The most images of a batch, repeated ones counted; as many as batch 0 has unless said. */
  readonly maxImages?: number;
  /**
   * MiB that the pixels of a batch may take for memory that never moves, which a CUDA graph needs: enough for the largest images of the
   * set. Beyond it, memory grows with the batches. 1024 unless said.
   */
  readonly fixedMiB?: number;
  /** Called with images copied and all, while a set is copied to stay. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops that copying; `prepare` is rejected with its reason. */
  readonly signal?: AbortSignal;
}

/** `host`: not copied; `resident`: all images stay on the device; `staged`: those of each batch are copied to it. */
export type PixelPlacement = 'host' | 'resident' | 'staged';

/** A reader whose `window.pixels` is a uint8 tensor on the device. */
export interface DevicePixelReader extends PixelReader {
  readonly placement: PixelPlacement;
  /**
   * Whether `window.pixels` stays the same memory from the first `prepare` to `close`, so that a CUDA graph may read it. Offsets of
   * staged images differ from batch to batch.
   */
  readonly isFixed: boolean;
  /**
   * As for other readers; copies to the device are given to its current stream, and the host does not wait for them: views must be
   * cut in the same stream, or one that waits for it.
   */
  prepare(batch: number): Promise<void>;
}

/** Images on a device; their readers share what is resident. `dispose` frees that, not the set behind it. */
export interface DeviceImageSet extends ImageSet {
  readonly placement: PixelPlacement;
  read(batches: BatchIndices): DevicePixelReader;
}

/** Pixels that may stay where a device does not tell its free memory, MiB. */
const unknownFreeMiB = 1024;

/** Bytes that are copied at once, unless an image has more. */
const chunkBytes = 16 * 2 ** 20;

/**
 * Gives a set whose readers have the pixels on a device, in the place of a set in memory, a cache, or a stream.
 * @param set  kept and not owned; its readers are used underneath
 * @example
 * const train = imagesOnDevice(data.train, { device: 'cuda' });
 * const reader = train.read((step) => sampler.batch(step).indices);
 * await reader.prepare(step);
 * applyViews(reader.window, indices, parameters, format, { device: 'cuda' });
 * @throws DataError OUT_OF_RANGE for numbers of MiB or images that are none; DeviceError without CUDA
 */
export function imagesOnDevice(set: ImageSet, options: DeviceImagesOptions): DeviceImageSet {
  const { device, residentMiB = 'auto', maxImages, fixedMiB = 1024 } = options;
  checkCount('residentMiB', residentMiB === 'auto' ? 0 : residentMiB);
  checkCount('fixedMiB', fixedMiB);
  if (maxImages !== undefined) checkCount('maxImages', maxImages);
  const placement = placementOf(set, device, residentMiB);
  const residence = new Residence(set, options);
  const { length, heights, widths, paths } = set;
  return {
    ...{ length, heights, widths, paths, placement },
    read(batches) {
      if (placement === 'host') return Object.assign(hostReader(set, batches), { placement, isFixed: false });
      if (placement === 'resident') return new ResidentReader(residence);
      return new StagedReader(set, batches, device, { maxImages, fixedBytes: fixedMiB * 2 ** 20 });
    },
    dispose: () => residence.dispose(),
  };
}

/**
 * Opens images for a sequence of batches with their pixels on a device; `close` frees all of it.
 * @throws as `imagesOnDevice`
 */
export function openOnDevice(set: ImageSet, batches: BatchIndices, options: DeviceImagesOptions): DevicePixelReader {
  const images = imagesOnDevice(set, options);
  const reader = images.read(batches);
  const close = reader.close.bind(reader);
  reader.close = () => {
    close();
    images.dispose();
  };
  return reader;
}

function checkCount(name: string, value: number): void {
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return;
  throw new DataError(
    `data.${name}: expected a number of 0 or more${name === 'residentMiB' ? ', or auto' : ''}, got ${value}.`,
    {
      code: 'OUT_OF_RANGE',
    },
  );
}

/** Bytes of the pixels of an image. */
const bytesOf = ({ heights, widths }: Pick<ImageSet, 'heights' | 'widths'>, image: number): number =>
  3 * heights[image] * widths[image];

function placementOf(
  set: ImageSet,
  device: DeviceImagesOptions['device'],
  residentMiB: number | 'auto',
): PixelPlacement {
  if (device !== 'cpu')
    cuda.currentStream(device); // says when there is no such device
  else if (residentMiB === 'auto') return 'host';
  let total = 0;
  for (let image = 0; image < set.length; image++) total += bytesOf(set, image);
  const budget = residentMiB === 'auto' ? freeBytes(device) / 3 : residentMiB * 2 ** 20;
  return total <= budget && total > 0 ? 'resident' : 'staged';
}

function freeBytes(device: DeviceImagesOptions['device']): number {
  if (!cuda.features().memoryStatistics) return 3 * unknownFreeMiB * 2 ** 20;
  return cuda.memGetInfo(device).free;
}

/** A reader of the set, as an object of its own: that of a set in memory is made anew each time. */
function hostReader(set: ImageSet, batches: BatchIndices): PixelReader {
  const reader = set.read(batches);
  return {
    get window() {
      return reader.window;
    },
    prepare: (batch) => reader.prepare(batch),
    close: () => reader.close(),
  };
}

/** All images of a set on a device, from the time when a reader first needs them. */
class Residence {
  readonly #set: ImageSet;
  readonly #options: DeviceImagesOptions;
  #window: PixelWindow | null = null;
  #loading: Promise<PixelWindow> | null = null;
  #isDisposed = false;

  constructor(set: ImageSet, options: DeviceImagesOptions) {
    this.#set = set;
    this.#options = options;
  }

  get window(): PixelWindow {
    if (this.#window === null) throw notPrepared();
    return this.#window;
  }

  /** Copies the images to the device, once for all readers; after a failure the next call tries again. */
  async load(): Promise<void> {
    if (this.#window !== null) return;
    this.#loading ??= this.#copyAll();
    try {
      const window = await this.#loading;
      if (this.#isDisposed) window.pixels.dispose();
      else this.#window = window;
    } finally {
      this.#loading = null;
    }
  }

  async #copyAll(): Promise<PixelWindow> {
    const { device, onProgress, signal } = this.#options;
    const { chunks, total, largest } = chunksOf(this.#set);
    const offsets = new Float64Array(this.#set.length);
    const pixels = keep(empty([total], { dtype: 'uint8', device }));
    const staging = new Staging(largest, device);
    const reader = this.#set.read((batch) => chunks[batch] ?? null);
    try {
      let position = 0;
      let done = 0;
      for (const [batch, images] of chunks.entries()) {
        signal?.throwIfAborted();
        await reader.prepare(batch);
        const packed = packedOrder(reader.window, images);
        for (const [i, image] of packed.images.entries()) offsets[image] = position + packed.places[i];
        staging.send(reader.window.pixels, packed, pixels, position);
        position += packed.numBytes;
        done += images.length;
        onProgress?.(done, this.#set.length);
        await nextTurn();
      }
    } catch (error) {
      pixels.dispose();
      throw error;
    } finally {
      staging.close();
      reader.close();
    }
    const { heights, widths } = this.#set;
    return { pixels, offsets, heights, widths };
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#window?.pixels.dispose();
    this.#window = null;
  }
}

/** Images in order, in chunks of so many bytes or one image; bytes of all, and of the largest chunk. */
function chunksOf(set: ImageSet): { chunks: Int32Array[]; total: number; largest: number } {
  const chunks: Int32Array[] = [];
  let [first, numBytes, total, largest] = [0, 0, 0, 0];
  const end = (last: number) => {
    if (last === first) return;
    chunks.push(Int32Array.from({ length: last - first }, (_, i) => first + i));
    largest = Math.max(largest, numBytes);
    [first, numBytes] = [last, 0];
  };
  for (let image = 0; image < set.length; image++) {
    const own = bytesOf(set, image);
    if (numBytes + own > chunkBytes) end(image);
    numBytes += own;
    total += own;
  }
  end(set.length);
  return { chunks, total, largest };
}

class ResidentReader implements DevicePixelReader {
  readonly placement = 'resident';
  readonly isFixed = true;
  readonly #residence: Residence;

  constructor(residence: Residence) {
    this.#residence = residence;
  }

  get window(): PixelWindow {
    return this.#residence.window;
  }

  prepare(_batch: number): Promise<void> {
    return this.#residence.load();
  }

  /** The pixels stay for other readers. */
  close(): void {}
}

/** Copies the images of each batch into one place on the device. */
class StagedReader implements DevicePixelReader {
  readonly placement = 'staged';
  readonly #set: ImageSet;
  readonly #batches: BatchIndices;
  readonly #device: DeviceImagesOptions['device'];
  readonly #limits: { readonly maxImages: number | undefined; readonly fixedBytes: number };
  readonly #reader: PixelReader;
  readonly #offsets: Float64Array;
  #shown: { batch: number; images: readonly number[] } | null = null;
  #staging: Staging | null = null;
  #pixels: Tensor | null = null;
  #isFixed: boolean | null = null;

  constructor(
    set: ImageSet,
    batches: BatchIndices,
    device: DeviceImagesOptions['device'],
    limits: { readonly maxImages: number | undefined; readonly fixedBytes: number },
  ) {
    this.#set = set;
    this.#batches = batches;
    this.#device = device;
    this.#limits = limits;
    this.#reader = set.read(batches);
    this.#offsets = new Float64Array(set.length).fill(Number.NaN);
  }

  get isFixed(): boolean {
    return this.#isFixed ?? this.#bound() <= this.#limits.fixedBytes;
  }

  get window(): PixelWindow {
    if (this.#pixels === null) throw notPrepared();
    const { heights, widths } = this.#set;
    return { pixels: this.#pixels, offsets: this.#offsets, heights, widths };
  }

  /** The most bytes that a batch can have: those of the largest images. */
  #bound(): number {
    const count = this.#limits.maxImages ?? this.#batches(0)?.length ?? 0;
    const sizes = Float64Array.from({ length: this.#set.length }, (_, image) => bytesOf(this.#set, image)).sort();
    return sizes.subarray(Math.max(0, sizes.length - count)).reduce((sum, size) => sum + size, 0);
  }

  async prepare(batch: number): Promise<void> {
    if (this.#shown?.batch === batch) return;
    await this.#reader.prepare(batch);
    const indices = this.#batches(batch);
    if (indices === null) throw new Error(`images: there is no batch ${batch}`);
    const packed = packedOrder(this.#reader.window, Int32Array.from(new Set(indices)));
    const { staging, pixels } = this.#roomFor(packed.numBytes);
    for (const image of this.#shown?.images ?? []) this.#offsets[image] = Number.NaN;
    this.#shown = null;
    staging.send(this.#reader.window.pixels, packed, pixels, 0);
    for (const [i, image] of packed.images.entries()) this.#offsets[image] = packed.places[i];
    this.#shown = { batch, images: packed.images };
  }

  #roomFor(numBytes: number): { staging: Staging; pixels: Tensor } {
    if (this.#staging !== null && this.#pixels !== null && this.#pixels.numel >= numBytes) {
      return { staging: this.#staging, pixels: this.#pixels };
    }
    this.#isFixed ??= this.isFixed;
    const capacity = this.#isFixed ? this.#bound() : Math.ceil(1.25 * numBytes);
    if (capacity < numBytes) {
      throw new Error(`images: a batch has ${numBytes} bytes, more than the ${capacity} of maxImages: raise it`);
    }
    this.#release();
    const staging = new Staging(capacity, this.#device);
    this.#staging = staging;
    const pixels = keep(empty([capacity], { dtype: 'uint8', device: this.#device }));
    this.#pixels = pixels;
    return { staging, pixels };
  }

  #release(): void {
    this.#staging?.close();
    this.#pixels?.dispose();
    this.#staging = null;
    this.#pixels = null;
  }

  close(): void {
    this.#release();
    this.#shown = null;
    this.#reader.close();
  }
}

function notPrepared(): Error {
  return new Error('images: a batch is prepared before its pixels are used');
}
