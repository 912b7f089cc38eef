/** @file How a training run looks on a terminal: notes, a progress line with images/s, losses and time left, lines per epoch. */
import { methodNames } from '../recipes/index.js';
import type { MetricsRecord } from '../runs/index.js';
import { percent, points } from '../text.js';
import type { StepEvent, TrainingEvents, TrainResult } from '../training/index.js';
import { drawBar, formatDuration, type Terminal } from './terminal.js';

/** The last losses of a stage, short. */
function lossText(record: MetricsRecord | null): string {
  if (record === null) return '';
  const names = ['loss', 'loss_unlabeled', 'loss_labeled', 'loss_mixed'] as const;
  return names
    .filter((name) => typeof record[name] === 'number')
    .map((name) => `${name.replace('loss_', '')} ${(record[name] as number).toFixed(3)}`)
    .join(' ');
}

/** Shows counted work such as decoding: a bar on a terminal, one line elsewhere. */
export function countOn(terminal: Terminal): (what: string, done: number, total: number) => void {
  let counting = '';
  let started = 0;
  return (what, done, total) => {
    if (counting !== what) {
      counting = what;
      started = performance.now();
      if (!terminal.isInteractive) terminal.line(`${what}: ${total}`);
    }
    const elapsed = (performance.now() - started) / 1000;
    const left = done === 0 ? '' : ` · ${formatDuration((elapsed / done) * (total - done))} left`;
    terminal.bar(() => `${what} ${drawBar(done, total, 20)} ${done}/${total}${left}`);
    if (done >= total) {
      terminal.endBar();
      counting = '';
    }
  };
}

/** Draws a training run on a terminal. */
export function reportTraining(terminal: Terminal): TrainingEvents {
  let last: MetricsRecord | null = null;
  let started = performance.now();
  let startStep = 0;
  const speed = { step: 0, at: 0, imagesPerSecond: 0 };
  return {
    note: (text) => terminal.note(text),
    warning: (text) => terminal.warning(text),
    progress: countOn(terminal),
    stageStarted(stage, index, numStages, step, totalSteps) {
      terminal.endBar();
      last = null;
      startStep = step;
      started = performance.now();
      Object.assign(speed, { step, at: started, imagesPerSecond: 0 });
      const from = step === 0 ? '' : ` from step ${step}`;
      terminal.line(terminal.style('bold', `stage ${index + 1} of ${numStages}: ${stage}, ${totalSteps} steps${from}`));
    },
    step(event: StepEvent) {
      const now = performance.now();
      if (now - speed.at > 1000) {
        speed.imagesPerSecond = ((event.step - speed.step) * event.imagesPerStep * 1000) / (now - speed.at);
        speed.step = event.step;
        speed.at = now;
      }
      terminal.bar(() => {
        const done = event.step - startStep;
        const left = (((now - started) / done) * (event.totalSteps - event.step)) / 1000;
        const rate = speed.imagesPerSecond === 0 ? '' : ` · ${speed.imagesPerSecond.toFixed(0)} images/s`;
        const losses = lossText(last);
        return (
          `${event.stage} ${drawBar(event.step, event.totalSteps, 16)} epoch ${event.epoch + 1}/${event.epochs}` +
          `${rate}${losses === '' ? '' : ` · ${losses}`} · ${formatDuration(left)} left`
        );
      });
    },
    metrics(record) {
      last = record;
    },
    epochEnded(record) {
      const top1 = typeof record.val_top1 === 'number' ? ` · hold-out top-1 ${percent(record.val_top1)}` : '';
      const top5 = typeof record.val_top5 === 'number' ? `, top-5 ${percent(record.val_top5)}` : '';
      terminal.line(`${record.stage} epoch ${record.epoch + 1}: ${lossText(record)}${top1}${top5}`);
    },
  };
}

/** Whether there are images to validate on, and no accuracy: SwAV and DINO. */
const hasNoClasses = ({ top1, images }: TrainResult): boolean => top1 === null && images > 0;

function scoreLine(name: string, result: TrainResult): string {
  if (result.top1 === null) {
    return hasNoClasses(result)
      ? `${name}: trained without classes, so no accuracy yet`
      : `${name}: no hold-out, so no accuracy`;
  }
  const top5 = result.top5 === null ? '' : `, top-5 ${percent(result.top5)}`;
  return `${name}: top-1 ${percent(result.top1)}${top5} on ${result.images} held-out images`;
}

/** The result in words, for standard output. */
export function trainingResultText(result: TrainResult): string {
  const lines: string[] = [];
  if (result.alreadyFinished) lines.push(`${result.run}: this run is finished, nothing to do.`);
  lines.push(scoreLine(methodNames[result.method], result));
  if (result.baseline !== null) {
    lines.push(scoreLine('supervised only', result.baseline));
    if (result.top1 !== null && result.baseline.top1 !== null) {
      lines.push(`difference: ${points(result.top1 - result.baseline.top1)} points`);
    }
  }
  lines.push(
    `run: ${result.run} (${formatDuration(result.seconds)})`,
    ...(result.report === null ? [] : [`report: ${result.report}`]),
    `next: suave evaluate ${result.run}${hasNoClasses(result) ? ' --protocol knn' : ''}`,
  );
  return `${lines.join('\n')}\n`;
}
