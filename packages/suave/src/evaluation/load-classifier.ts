/** @file A trained classifier for programs: images from files, bytes or pixels in, classes with probabilities out. */
import { availableParallelism } from 'node:os';
import { setNumThreads } from '@suave/torch';
import { DecodeError, decodeBytes, decodeFile, type RgbImage } from '../data/index.js';
import { reducedSize, resizeBilinear } from '../data/resize.js';
import { DataError } from '../errors.js';
import { type CheckpointChoice, Classifier } from './classifier.js';
import { answerOf, type Candidate, checkAbstain, defaultBatch, mostProbable } from './predict-batch.js';

/** An image: the path of a file, the bytes of a JPEG, PNG or WebP file, or RGB pixels. */
export type ImageSource = string | Uint8Array | RgbImage;

/** What an image is told to be. */
export interface Classification<Source extends ImageSource = ImageSource> {
  /** The image as it was given. */
  readonly source: Source;
  /** Most probable first; calibrated probabilities. */
  readonly top: readonly Candidate[];
  /** The most probable class; null where its probability is below `abstain`. */
  readonly answer: string | null;
}

/** How images are classified. */
export interface ClassifyOptions {
  /** Classes per image. Default 5, or all where there are fewer. */
  readonly top?: number;
  /** Smallest probability that counts as an answer. Default 0: every image gets its most probable class. */
  readonly abstain?: number;
  /** Images of a forward pass. Default 128. */
  readonly batch?: number;
  readonly signal?: AbortSignal | null;
}

/** How a stream is classified. */
export interface StreamOptions<Source extends ImageSource> extends ClassifyOptions {
  /** Receives images that cannot be read, which are then left out; without it the first one ends the stream. */
  readonly onUnreadable?: (source: Source, reason: string) => void;
}

/** How a classifier is loaded. */
export interface LoadClassifierOptions {
  /** `cpu` (default) or `cuda`. */
  readonly device?: string;
  /** Which checkpoint of a run. Default `last`. */
  readonly checkpoint?: CheckpointChoice;
  /** Threads of libtorch in this process. Default: `OMP_NUM_THREADS`, else all processors. */
  readonly threads?: number;
}

/**
 * Loads a trained classifier.
 * @param path  run folder or checkpoint file
 * @example
 * using classifier = await loadClassifier('runs/first');
 * const [{ answer, top }] = await classifier.classify(['photo.jpg']);
 * for await (const { source, answer } of classifier.stream(paths, { abstain: 0.9 })) console.log(source, answer ?? 'not sure');
 * @throws CheckpointError, RunError where there is no classifier or it is damaged
 */
export async function loadClassifier(path: string, options: LoadClassifierOptions = {}): Promise<ImageClassifier> {
  const { threads, ...rest } = options;
  setNumThreads(threads ?? (Number(process.env.OMP_NUM_THREADS) || availableParallelism()));
  return new ImageClassifier(Classifier.load(path, rest));
}

/** Classifies images; owns its network: call `dispose()`, or declare it with `using`. */
export class ImageClassifier {
  readonly #classifier: Classifier;

  /** @param classifier  taken over */
  constructor(classifier: Classifier) {
    this.#classifier = classifier;
  }

  /** Class names, in the order of the outputs. */
  get classes(): readonly string[] {
    return this.#classifier.classes;
  }

  /**
   * Classifies images, in batches; the results come in the order of the images.
   * @throws DataError where an image cannot be read; ConfigError where an option is out of range
   */
  async classify<Source extends ImageSource>(
    images: readonly Source[],
    options: ClassifyOptions = {},
  ): Promise<Classification<Source>[]> {
    const results: Classification<Source>[] = [];
    for await (const result of this.stream(images, options)) results.push(result);
    return results;
  }

  /**
   * Classifies images as they come; memory does not grow with their number. While a batch is scored, the next one is decoded.
   * @throws as `classify`
   */
  async *stream<Source extends ImageSource>(
    images: Iterable<Source> | AsyncIterable<Source>,
    options: StreamOptions<Source> = {},
  ): AsyncGenerator<Classification<Source>> {
    const { top = 5, abstain = 0, batch = defaultBatch, signal = null, onUnreadable } = options;
    checkAbstain(abstain);
    checkCount('top', top);
    checkCount('batch', batch);
    const iterator = chunks(images, batch);
    const decodeNext = async (): Promise<Decoded<Source>[] | null> => {
      const { value, done } = await iterator.next();
      return done ? null : Promise.all(value.map((source) => this.#decode(source)));
    };
    let waiting = decodeNext();
    try {
      for (let decoded = await waiting; decoded !== null; decoded = await waiting) {
        signal?.throwIfAborted();
        waiting = decodeNext();
        waiting.catch(() => {}); // it is awaited after this batch, and thrown there
        const readable = decoded.flatMap((each) => {
          if (each.image !== null) return [{ source: each.source, image: each.image }];
          if (onUnreadable === undefined) throw unreadable(each.source, each.reason);
          onUnreadable(each.source, each.reason);
          return [];
        });
        if (readable.length === 0) continue;
        const candidates = mostProbable(
          this.#classifier,
          readable.map(({ image }) => image),
          top,
        );
        for (const [i, { source }] of readable.entries())
          yield { source, top: candidates[i], answer: answerOf(candidates[i], abstain) };
      }
    } finally {
      await iterator.return(undefined);
    }
  }

  async #decode<Source extends ImageSource>(source: Source): Promise<Decoded<Source>> {
    const { cacheSide, exifOrientation } = this.#classifier.metadata.input;
    const options = { cacheSide, exifOrientation };
    try {
      if (typeof source === 'string') return { source, image: await decodeFile(source, options) };
      if (source instanceof Uint8Array) return { source, image: await decodeBytes(Buffer.from(source), options) };
      const { height, width } = reducedSize(source.height, source.width, cacheSide);
      return { source, image: resizeBilinear(checkPixels(source), height, width) };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { source, image: null, reason: error.message };
    }
  }

  dispose(): void {
    this.#classifier.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** An image, or why there is none. */
type Decoded<Source> =
  | { readonly source: Source; readonly image: RgbImage }
  | { readonly source: Source; readonly image: null; readonly reason: string };

function checkPixels(image: RgbImage): RgbImage {
  const { height, width, pixels } = image;
  if (height >= 1 && width >= 1 && pixels.length === 3 * height * width) return image;
  throw new DecodeError(
    `expected height · width · 3 bytes of RGB, got ${pixels.length} bytes for ${height} × ${width} pixels`,
  );
}

function checkCount(name: string, count: number): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new DataError(`${name}: expected a whole number from 1, got ${count}.`, { code: 'OUT_OF_RANGE' });
}

function unreadable(source: ImageSource, reason: string): DataError {
  const isPath = typeof source === 'string';
  return new DataError(
    `${isPath ? source : 'image'}: expected an image, but it is ${reason}. Use onUnreadable to go on.`,
    {
      code: 'UNREADABLE_IMAGE',
      ...(isPath ? { file: source } : {}),
    },
  );
}

async function* chunks<Item>(items: Iterable<Item> | AsyncIterable<Item>, size: number): AsyncGenerator<Item[], void> {
  let chunk: Item[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
