/** @file The answer first: a sentence, the numbers, and how they compare with training on the labels alone. */
import type { Estimate, ReportData } from '../report-data.js';
import { count, counted, interval, number, percent, points } from './format.js';
import { html, type Markup } from './markup.js';
import { missing } from './parts.js';

const origins = {
  val: 'validation images',
  'hold-out': 'held-out images',
  folder: 'images of another folder',
} as const;

function tile(kind: string, label: string, value: string, detail: string): Markup {
  return html`<div class="tile ${kind}"><dt>${label}</dt><dd><strong>${value}</strong> <span>${detail}</span></dd></div>`;
}

/** Sentence, big numbers, comparison. */
export function headline(data: ReportData): Markup {
  return html`<p class="summary">${data.summary}</p>${data.score === null ? missing(data, 'score') : numbers(data)}`;
}

function numbers(data: ReportData): Markup {
  const { score, baseline, gain, calibration, classes, source, images } = data;
  if (score === null) return html``;
  const fewClasses = classes !== null && classes.length <= 5;
  const tiles = [
    tile('first', 'Top-1 accuracy', percent(score.top1.value), interval(score.top1)),
    fewClasses ? null : tile('', 'Top-5 accuracy', percent(score.top5.value), interval(score.top5)),
    baseline === null ? null : tile('', 'Labels alone, top-1', percent(baseline.top1.value), interval(baseline.top1)),
    gain === null
      ? null
      : tile(
          gain.low > 0 ? 'good' : gain.high < 0 ? 'bad' : '',
          'Gain in points',
          points(gain.value),
          `${points(gain.low)} to ${points(gain.high)}`,
        ),
    calibration === null ? null : tile('', 'Calibration error', percent(calibration.ece), 'expected (ECE)'),
    tile('', 'Loss', number(score.loss), 'nats'),
  ];
  const measured = `${counted(images.measured, 'image')}`;
  const origin = source === null ? measured : `${count(images.measured)} ${origins[source]}`;
  return html`<dl class="tiles">${tiles}</dl>
${comparison(data)}
<p class="quiet">Measured on ${origin}; trained on ${counted(images.training, 'image')}, ${count(images.labeled)} of them labeled. Ranges are 95\u00a0% intervals.</p>
${baseline === null && data.missing.baseline !== undefined ? missing(data, 'baseline') : null}`;
}

/** Top-1 of the run and of its baseline as points with their intervals, on one axis. */
function comparison({ method, score, baseline }: ReportData): Markup | null {
  if (score === null || baseline === null) return null;
  const rows: [label: string, estimate: Estimate][] = [
    [method, score.top1],
    ['Labels alone', baseline.top1],
  ];
  return html`<figure class="compare" aria-hidden="true">${rows.map(
    ([label, estimate]) => html`<div><span>${label}</span>${whisker(estimate)}</div>`,
  )}<div class="axis"><span></span><span class="ticks"><i>0 %</i><i>25 %</i><i>50 %</i><i>75 %</i><i>100 %</i></span></div></figure>`;
}

/** An estimate as a point with its interval on an axis from 0 to 1. */
export function whisker({ value, low, high }: Estimate): Markup {
  const at = (fraction: number) => (100 * fraction).toFixed(2);
  return html`<span class="whisker"><i class="range" style="left:${at(low)}%;width:${at(high - low)}%"></i><i class="point" style="left:${at(value)}%"></i></span>`;
}
