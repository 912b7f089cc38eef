/**
 * @file Which images make up batch t: pure functions of the seed and of t, with no state to save.
 *
 * An epoch is one pass over a stream's images in an order of its own; a last batch that would be smaller is dropped.
 * The labeled stream goes on with its next epoch whenever it is exhausted.
 */
import { epochPermutation } from '../augment/random.js';
import { DataError } from '../errors.js';

/** The rows of a batch. All arrays have one element per row. */
export interface SampledBatch {
  /** This stream's epoch, the same for all rows. */
  readonly epoch: number;
  /** Position of the batch in its epoch. */
  readonly positionInEpoch: number;
  /** Indices into the training images; they key the random draws of a row. */
  readonly indices: Int32Array;
  readonly epochs: Int32Array;
  /** 0 for the first occurrence of an image in the batch, 1 for the second, … */
  readonly repeats: Int32Array;
}

/** Batches of one stream of one stage. */
export interface Sampler {
  /** Images per batch, after a reduction; rows are `batchSize · repeats`. */
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
  /** What the user should know: that the batch was reduced; else null. */
  readonly note: string | null;
  /** Batch number `step` of the stage, from 0. */
  batch(step: number): SampledBatch;
}

/** What a sampler is made from. */
export interface SamplerOptions {
  readonly seed: number;
  /** Index of the stage in the recipe. */
  readonly stage: number;
  readonly stream: 'labeled' | 'unlabeled';
  /** The images of the stream, as indices into the training images; a number n means 0 … n−1. */
  readonly images: number | Int32Array;
  /** Images per batch over all processes; reduced to the number of images where there are fewer. */
  readonly batchSize: number;
  /** How many times each image of a batch appears in it: all once, then all again; 1 unless said. */
  readonly repeats?: number;
}

/**
 * Makes the sampler of a stream.
 * @throws DataError OUT_OF_RANGE, NO_LABELS (no image at all)
 */
export function createSampler(options: SamplerOptions): Sampler {
  const { seed, stage, stream, images, repeats = 1 } = options;
  const count = typeof images === 'number' ? images : images.length;
  for (const [name, value] of [
    ['batch size', options.batchSize],
    ['repeats', repeats],
  ] as const) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new DataError(`${stream} sampler: expected ${name} of 1 or more, got ${value}. Choose a positive integer.`, {
      code: 'OUT_OF_RANGE',
    });
  }
  if (count < 1) {
    throw new DataError(`${stream} sampler: expected at least one image, got none. Add ${stream} images.`, {
      code: stream === 'labeled' ? 'NO_LABELS' : 'EMPTY_FOLDER',
    });
  }
  const batchSize = Math.min(options.batchSize, count);
  const batchesPerEpoch = Math.floor(count / batchSize);
  const numRows = batchSize * repeats;
  const orderOf = rememberRecent((epoch) => epochPermutation(seed, stage, stream, epoch, count));
  return {
    batchSize,
    batchesPerEpoch,
    note:
      batchSize === options.batchSize
        ? null
        : `The ${stream} batch of ${options.batchSize} is larger than the ${count} ${stream === 'labeled' ? 'labeled ' : ''}training image(s): reduced to ${batchSize}.`,
    batch(step) {
      const epoch = Math.floor(step / batchesPerEpoch);
      const positionInEpoch = step - epoch * batchesPerEpoch;
      const rows = orderOf(epoch).subarray(positionInEpoch * batchSize, (positionInEpoch + 1) * batchSize);
      const indexOf = typeof images === 'number' ? (row: number) => row : (row: number) => images[row];
      return {
        epoch,
        positionInEpoch,
        indices: Int32Array.from({ length: numRows }, (_, i) => indexOf(rows[i % batchSize])),
        epochs: new Int32Array(numRows).fill(epoch),
        repeats: Int32Array.from({ length: numRows }, (_, i) => Math.floor(i / batchSize)),
      };
    },
  };
}

/** Keeps what was made for the two epochs that were asked for last: near the end of one, batches of the next are asked for ahead. */
export function rememberRecent<T>(make: (epoch: number) => T): (epoch: number) => T {
  let recent: { epoch: number; made: T }[] = [];
  return (epoch) => {
    const known = recent.find((each) => each.epoch === epoch) ?? { epoch, made: make(epoch) };
    recent = [known, ...recent.filter((each) => each !== known)].slice(0, 2);
    return known.made;
  };
}
