/** @file The errors that end a training run while it runs: what broke, in which step, what is still good, what to change. */
import { existsSync } from 'node:fs';
import { isfinite, noGrad, type OutOfMemoryError, scope, stack, type Tensor } from '@suave/torch';
import { listNames, TrainingError } from '../errors.js';
import { readCheckpointMetadata } from '../evaluation/classifier.js';
import type { MeterFailure } from './meter.js';

/** Where training stood. */
export interface FailurePlace {
  readonly stage: string;
  /** Steps of the stage that were done; the failing one is `step`. */
  readonly step: number;
  /** The run's file of the last complete state, which may not be there yet. */
  readonly lastCheckpoint: string;
}

/** Which checkpoint still holds, in words. */
export function lastGoodCheckpoint(path: string): string {
  if (!existsSync(path)) return 'No checkpoint was written before.';
  const { stage } = readCheckpointMetadata(path);
  return `The last good checkpoint is ${path} (stage ${stage.name}, step ${stage.step}).`;
}

const lossName = (term: string): string => (term === 'loss' ? 'total' : term.replace('loss_', ''));

function notFinite({ stage, step, lastCheckpoint }: FailurePlace, what: string): TrainingError {
  return new TrainingError(
    `stage ${stage}, step ${step}: ${what}. ${lastGoodCheckpoint(lastCheckpoint)} Start another run with a smaller ` +
      `stages.${stage}.optimizer.lr or a longer warm-up (optimizer.warmupEpochs); --precision fp32 where it was lower.`,
    { code: 'NOT_FINITE' },
  );
}

/** The error of losses that are infinite or not a number. @param place  of the failing step itself */
export function lossFailure(place: FailurePlace, { terms }: MeterFailure): TrainingError {
  const names = terms.map(lossName);
  const listed =
    names.length === 1 ? `${names[0]} loss is` : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} loss are`;
  return notFinite(place, `the ${listed} infinite or not a number`);
}

/**
 * Makes sure that a state is worth keeping: all floating-point values are numbers. Waits for the device, once.
 * @throws TrainingError `NOT_FINITE` naming the entries that are not; the last good checkpoint stays
 */
export function checkFinite(state: ReadonlyMap<string, Tensor>, place: FailurePlace): void {
  const floating = [...state].filter(([, tensor]) => tensor.dtype.includes('float'));
  const finite = noGrad(() =>
    scope(() => stack(floating.map(([, tensor]) => isfinite(tensor).all().to('uint8'))).data() as Uint8Array),
  );
  const broken = floating.map(([name]) => name).filter((_, i) => finite[i] === 0);
  if (broken.length > 0) throw notFinite(place, `values of ${listNames(broken, 3)} are infinite or not a number`);
}

/** The error of a collapse that ends the run. @param sentence  what collapsed and what to change */
export function collapseFailure({ lastCheckpoint }: FailurePlace, sentence: string): TrainingError {
  return new TrainingError(`${sentence} ${lastGoodCheckpoint(lastCheckpoint)} logging.collapse=warn trains on.`, {
    code: 'COLLAPSED',
  });
}

/** The error of a step that does not fit into memory. @param place  of the last step that was done */
export function outOfMemoryFailure(
  { stage, step, lastCheckpoint }: FailurePlace,
  error: OutOfMemoryError,
): TrainingError {
  return new TrainingError(
    `stage ${stage}, step ${step + 1}: out of memory. ${error.message.split('\n')[0]} ${lastGoodCheckpoint(lastCheckpoint)} Start another run with a ` +
      `smaller stages.${stage}.batch.unlabeled or batch.labeled, fewer or smaller views, or a lower --precision; on a GPU also gpu.residentMiB=0, which ` +
      'keeps the images on the host.',
    { code: 'OUT_OF_MEMORY', cause: error },
  );
}
