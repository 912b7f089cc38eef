/** @file A report in one or two sentences, and what its reader must know besides. */
import { methodNames, type Stage } from '../recipes/index.js';
import type { CheckpointMetadata } from '../runs/index.js';
import { counted, percent, points } from '../text.js';
import type { ReportData } from './report-data.js';

/** What the sentences say. */
type Said = Pick<ReportData, 'score' | 'gain' | 'source' | 'images'> & {
  readonly method: Stage['method'];
  /** Null where they are not known. */
  readonly numClasses: number | null;
  /** Accuracy of the nearest labeled images' votes, of a network without classes. */
  readonly neighbours: number | null;
};

/** What was learned, from what. */
function learned({ method, numClasses, images: { training, labeled } }: Said): string {
  const classes = numClasses === null ? '' : counted(numClasses, 'class', 'classes');
  if (method === 'supervised') {
    return `Supervised training on ${counted(labeled, 'labeled image')}${classes === '' ? '' : ` of ${classes}`}.`;
  }
  const from = `${methodNames[method]} learned from ${counted(training, 'image')}`;
  if (method === 'swav' || method === 'dino') return `${from}, without their labels.`;
  return `${from}, ${labeled.toLocaleString('en')} of them labeled${classes === '' ? '' : `, to tell ${classes}`}.`;
}

/** What was learned, from what, and how good it is. */
export function summaryOf(said: Said): string {
  const { score, gain, source, images, neighbours } = said;
  const first = learned(said);
  const { measured } = images;
  const which = source === 'folder' ? counted(measured, 'image') : counted(measured, 'held-out image');
  if (score === null) {
    const votes =
      neighbours === null ? '' : ` Votes of the nearest labeled images tell ${percent(neighbours)} of ${which} right.`;
    return `${first}${votes}`;
  }
  const { value, low, high } = score.top1;
  const sure = `${percent(value)} of ${which} are told right (95 % interval ${(100 * low).toFixed(1)} to ${percent(high)})`;
  const against =
    gain === null ? '' : `, ${points(gain.value)} points against supervised training on the same labels alone`;
  return `${first} ${sure}${against}.`;
}

/** What is known about where training stands. */
interface Standing {
  /** Of the last checkpoint; null where there is none. */
  readonly last: CheckpointMetadata | null;
  /** Of the checkpoint that was measured. */
  readonly measured: CheckpointMetadata | null;
  readonly stages: readonly { readonly name: string; readonly epochs: number }[];
  /** Whether a process is training it now. */
  readonly isRunning: boolean;
  /** Where the measured images come from; null where none were. */
  readonly source: ReportData['source'];
}

/** Sentences about the state of the run and the choice of the checkpoint. */
export function standingNotes({ last, measured, stages, isRunning, source }: Standing): string[] {
  const notes: string[] = [];
  const now = isRunning ? ' and is being trained now' : '';
  if (last === null) notes.push(`The run has no checkpoint yet${now}.`);
  else if (!last.finished) {
    const { index, name, epoch } = last.stage;
    notes.push(
      `The run is not finished${now}: its checkpoint is of epoch ${epoch} of ${stages[index]?.epochs ?? '?'} of stage ${name} (${index + 1} of ${stages.length}).`,
    );
  }
  if (measured === null || source === null) return notes;
  const { best, classes, selection, score, temperature, probabilityTemperature } = measured;
  if (classes !== null && classes.length > 1 && probabilityTemperature === temperature) {
    notes.push(
      `The probabilities are not calibrated: no temperature was fitted${last?.finished ? ', because no images were held out' : ' yet, it is when training ends'}.`,
    );
  }
  if (source === 'folder') return notes; // nothing was chosen by these images
  if (selection === 'best on the hold-out') {
    notes.push('Measured is the checkpoint that was best on these images: its accuracy is optimistic.');
  } else if (last?.finished && best !== null && best.top1 > (score?.top1 ?? 1)) {
    notes.push(
      `The best epoch on these images was ${best.epoch}, with ${percent(best.top1)}: optimistic, because it was chosen here.`,
    );
  }
  return notes;
}
