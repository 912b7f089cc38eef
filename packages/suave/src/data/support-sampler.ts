/**
 * @file Which labeled images make up the support of a step (method specification 4.2): some classes, the same number of
 * images of each. A pure function of the seed and of the step, with no state to save.
 *
 * A pass takes the classes in an order of its own, a batch of them per step, and drops those that do not fill a batch.
 * Every pass takes the next images of a class; a class goes through its images in an order of its own, and through all of
 * them before any comes again (but for those that do not fill a step).
 */
import { drawKey, epochPermutation } from '../augment/random.js';
import { DataError } from '../errors.js';
import { rememberRecent, type SampledBatch } from './samplers.js';

/** The support of a step; its rows are class-interleaved: row i is of class `classes[i % numClasses]`. */
export interface SampledSupport extends SampledBatch {
  /** The classes of the step; position j is column j of the label matrix. */
  readonly classes: Int32Array;
}

/** Supports of one stage. */
export interface SupportSampler {
  /** Classes of a step, after a reduction to those that have images. */
  readonly numClasses: number;
  /** Images of each class. */
  readonly imagesPerClass: number;
  /** Steps of a pass over the classes. */
  readonly stepsPerPass: number;
  /** What the user should know: fewer classes than asked, images that come twice; else null. */
  readonly note: string | null;
  /** Support of step `step` of the stage, from 0. */
  batch(step: number): SampledSupport;
}

/** What a support sampler is made from. */
export interface SupportSamplerOptions {
  readonly seed: number;
  /** Index of the stage in the recipe. */
  readonly stage: number;
  /** Labeled images as indices into the training images. */
  readonly images: Int32Array;
  /** Class of every training image; −1 where it has none. */
  readonly labels: Int32Array;
  /** Classes of a step over all processes; reduced to the number of classes that have images. */
  readonly classes: number;
  /** Images of each class in a step; where a class has fewer, they come more than once, each time cut anew. */
  readonly imagesPerClass: number;
}

/**
 * Makes the sampler of a support.
 * @throws DataError OUT_OF_RANGE, NO_LABELS (no labeled image at all)
 */
export function createSupportSampler(options: SupportSamplerOptions): SupportSampler {
  const { seed, stage, imagesPerClass } = options;
  for (const [name, value] of [
    ['batch.classes', options.classes],
    ['batch.imagesPerClass', imagesPerClass],
  ] as const) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new DataError(`support sampler: expected ${name} of 1 or more, got ${value}. Choose a positive integer.`, {
      code: 'OUT_OF_RANGE',
    });
  }
  const members = imagesByClass(options.images, options.labels);
  if (members.size === 0) {
    throw new DataError('support sampler: expected at least one labeled image, got none. Label some images.', {
      code: 'NO_LABELS',
    });
  }
  const present = [...members.keys()];
  const numClasses = Math.min(options.classes, present.length);
  const stepsPerPass = Math.floor(present.length / numClasses);
  const orderOf = rememberRecent((pass) => epochPermutation(seed, stage, 'labeled', pass, present.length));
  return {
    numClasses,
    imagesPerClass,
    stepsPerPass,
    note: noteOn(options, members),
    batch(step) {
      const pass = Math.floor(step / stepsPerPass);
      const positionInEpoch = step - pass * stepsPerPass;
      const chosen = orderOf(pass).subarray(positionInEpoch * numClasses, (positionInEpoch + 1) * numClasses);
      const classes = Int32Array.from(chosen, (position) => present[position]);
      const draws = Array.from(classes, (label) => {
        const own = members.get(label)!;
        const shuffled = (round: number) =>
          drawKey(seed, stage, 'labeled', round, 1 + label, 0, 0, 'shuffle').permutation(own.length);
        return positionsOf(pass, own.length, imagesPerClass, shuffled).map((position) => own[position]);
      });
      const numRows = numClasses * imagesPerClass;
      const indices = Int32Array.from({ length: numRows }, (_, i) => draws[i % numClasses][Math.floor(i / numClasses)]);
      return {
        epoch: pass,
        positionInEpoch,
        indices,
        epochs: new Int32Array(numRows).fill(pass),
        repeats: occurrences(indices),
        classes,
      };
    },
  };
}

/** Classes in ascending order with their images in the order given. */
function imagesByClass(images: Int32Array, labels: Int32Array): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const image of images) {
    const label = labels[image];
    if (label < 0) continue;
    const own = members.get(label);
    if (own === undefined) members.set(label, [image]);
    else own.push(image);
  }
  return new Map([...members].sort(([a], [b]) => a - b));
}

/**
 * Positions of the images that visit number `visit` of a class takes. With enough images a round of visits takes disjoint parts
 * of one order and leaves out the rest; with fewer, one order follows the other without a gap.
 */
function positionsOf(
  visit: number,
  available: number,
  wanted: number,
  shuffled: (round: number) => Int32Array,
): number[] {
  if (available >= wanted) {
    const visitsPerRound = Math.floor(available / wanted);
    const round = Math.floor(visit / visitsPerRound);
    const start = (visit - round * visitsPerRound) * wanted;
    return [...shuffled(round).subarray(start, start + wanted)];
  }
  const positions: number[] = [];
  for (let at = visit * wanted; positions.length < wanted; ) {
    const part = shuffled(Math.floor(at / available)).subarray(at % available);
    const taken = part.subarray(0, wanted - positions.length);
    positions.push(...taken);
    at += taken.length;
  }
  return positions;
}

/** How often each element occurred before. */
function occurrences(indices: Int32Array): Int32Array {
  const seen = new Map<number, number>();
  return indices.map((index) => {
    const before = seen.get(index) ?? 0;
    seen.set(index, before + 1);
    return before;
  });
}

function noteOn({ classes, imagesPerClass }: SupportSamplerOptions, members: Map<number, number[]>): string | null {
  const notes: string[] = [];
  if (members.size < classes) {
    notes.push(
      `The support of ${classes} classes is larger than the ${members.size} with labeled images: reduced to ${members.size}.`,
    );
  }
  const small = [...members.values()].filter((own) => own.length < imagesPerClass);
  if (small.length > 0) {
    const fewest = Math.min(...small.map((own) => own.length));
    notes.push(
      `${small.length} class(es) have fewer than the ${imagesPerClass} labeled images that a support takes of each (the smallest ${fewest}): theirs come more than once in a step.`,
    );
  }
  return notes.length === 0 ? null : notes.join(' ');
}
