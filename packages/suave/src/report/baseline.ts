/** @file The supervised-only run beside a run, scored on the same images. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { HeldOut } from '../evaluation/held-out.js';
import { type CheckpointChoice, Classifier, readCheckpointMetadata } from '../evaluation/index.js';
import { allIndices, scoreImages } from '../evaluation/scoring.js';
import { runPaths } from '../runs/index.js';
import { answersOf } from './answers.js';
import { pairedDifference } from './intervals.js';
import { type MeasureOptions, scoringBatch } from './parts.js';
import type { Estimate, ReportScore } from './report-data.js';
import { reportScore } from './score.js';

/** A baseline that can be compared with. */
interface FinishedBaseline {
  readonly run: string;
  /** Its best number of steps, as `suave train` reports it; the last where nothing was held out. */
  readonly checkpoint: CheckpointChoice;
}

/** Whether a run folder is the baseline of another run. */
export function isBaseline(run: string): boolean {
  const { root } = runPaths(run);
  const parent = runPaths(dirname(root));
  return parent.baseline === root && existsSync(parent.config);
}

/** Looks at RUN/baseline. @returns the run, or a sentence why it cannot be compared */
export function finishedBaseline(run: string, classes: readonly string[]): FinishedBaseline | { readonly why: string } {
  const { last, best } = runPaths(run);
  const metadata = existsSync(last) ? readCheckpointMetadata(last) : null;
  if (metadata === null || !metadata.finished) return { why: 'The supervised run beside this one is not finished.' };
  if (metadata.classes?.join('\n') !== classes.join('\n'))
    return { why: 'The supervised run beside this one is of other classes.' };
  return { run, checkpoint: existsSync(best) ? 'best' : 'last' };
}

/**
 * Scores the baseline.
 * @param isRight  1 for the images that the run itself tells right
 */
export async function scoreBaseline(
  { run, checkpoint }: FinishedBaseline,
  heldOut: HeldOut,
  isRight: Uint8Array,
  { device, signal, onProgress }: Pick<MeasureOptions, 'device' | 'signal' | 'onProgress'>,
): Promise<{ score: ReportScore; gain: Estimate }> {
  const { images, labels } = heldOut;
  const classifier = Classifier.load(run, { device, checkpoint });
  try {
    const scores = await scoreImages((prepared) => classifier.score(prepared), images, allIndices(images.length), {
      input: classifier.metadata.input,
      batch: scoringBatch,
      device,
      signal,
      onProgress: (done, total) => onProgress?.('measuring the baseline', done, total),
    });
    try {
      const table = { scores: scores.data() as Float32Array, numClasses: heldOut.classes.length, labels };
      const own = answersOf(table, () => classifier.temperature);
      return {
        score: reportScore(scores, labels, classifier.temperature),
        gain: pairedDifference(isRight, own.isRight),
      };
    } finally {
      scores.dispose();
    }
  } finally {
    classifier.dispose();
  }
}
