/** @file How far the answers can be trusted: confident mistakes, calibration, and what withholding unsure answers gains. */
import type { Calibration, CoveragePoint, Mistake, ReportData } from '../report-data.js';
import { abstainCommand } from './abstain-command.js';
import { count, number, percent, percentOrDash } from './format.js';
import { html, type Markup, name } from './markup.js';
import { chart, missing, table, thumbnail } from './parts.js';

/** Wrong answers that were given with the most confidence. */
export function mistakes(data: ReportData): Markup {
  if (data.mistakes === null) return missing(data, 'mistakes');
  if (data.mistakes.length === 0) return html`<p>Not one image was given a wrong class.</p>`;
  return html`<p>Wrong answers, the most confident first. Look for wrong labels among them, and for images that are hard for people too.</p>
<ul class="gallery">${data.mistakes.map(mistake)}</ul>`;
}

function mistake({ image, truth, predicted, confidence, ofTruth }: Mistake): Markup {
  return html`<li><figure>${thumbnail(image, `${truth}, predicted as ${predicted}`)}<figcaption><span>predicted ${name(predicted)} <b>${percent(confidence)}</b></span><span>is ${name(truth)} <b>${percent(ofTruth)}</b></span></figcaption></figure></li>
`;
}

/** Reliability diagram with its bins. */
export function calibration(data: ReportData): Markup {
  if (data.calibration === null) return missing(data, 'calibration');
  const { ece, eceBefore, temperature, trainingTemperature, bins } = data.calibration;
  return html`<p>${inWords(data.calibration)}</p>
<dl class="tiles small"><div class="tile"><dt>Calibration error (ECE)</dt><dd><strong id="ece">${percent(ece, 2)}</strong> <span>${percent(eceBefore, 2)} before fitting</span></dd></div>
<div class="tile"><dt>Temperature</dt><dd><strong id="temperature">${number(temperature)}</strong> <span>${number(trainingTemperature)} in training</span></dd></div></dl>
<figure class="card"><h3>Reliability <small>right answers by confidence, below them the images; on the dashed line, probabilities mean what they say</small></h3>${chart(
    'reliability',
    `Reliability diagram: the expected calibration error is ${percent(ece, 2)} over ${bins.length} bins.`,
    table(
      'Reliability by bin of confidence',
      ['Confidence', 'Images', 'Mean confidence', 'Right'],
      bins.map((bin) => [
        `${percent(bin.low, 0)} to ${percent(bin.high, 0)}`,
        count(bin.images),
        percentOrDash(bin.confidence),
        percentOrDash(bin.accuracy),
      ]),
    ),
    'high',
  )}</figure>`;
}

function inWords({ bins }: Calibration): string {
  const images = bins.reduce((sum, bin) => sum + bin.images, 0);
  const mean = (of: 'confidence' | 'accuracy') =>
    bins.reduce((sum, bin) => sum + (bin[of] ?? 0) * bin.images, 0) / Math.max(1, images);
  const [confidence, accuracy] = [mean('confidence'), mean('accuracy')];
  const chance = 1.96 * Math.sqrt((accuracy * (1 - accuracy)) / Math.max(1, images));
  const verdict =
    Math.abs(confidence - accuracy) <= chance
      ? 'On average the probabilities are as high as they should be, as far as these images can tell'
      : confidence > accuracy
        ? 'On average the network is surer than it should be'
        : 'On average the network is less sure than it could be';
  return `${verdict}: mean confidence ${percent(confidence)}, right answers ${percent(accuracy)}.`;
}

/** The point that is chosen at first: the smallest threshold with 95 % right, unless it answers few; then one that answers 80 %. */
export function startOf(points: readonly CoveragePoint[]): number {
  const sure = points.findIndex(({ accuracy }) => accuracy !== null && accuracy >= 0.95);
  if (sure !== -1 && points[sure].coverage >= 0.2) return sure;
  return Math.max(
    0,
    points.findLastIndex((point) => point.coverage >= 0.8),
  );
}

/** Coverage and accuracy by threshold, with a slider. */
export function coverage(data: ReportData): Markup {
  const points = data.coverage;
  if (points === null || points.length === 0) return missing(data, 'coverage');
  const start = startOf(points);
  const { threshold, coverage: answered, accuracy } = points[start];
  const every = Math.ceil(points.length / 40);
  return html`<p>Where a wrong answer costs more than none, answers below a confidence can be withheld. The fewer are given, the more of them are right.</p>
<div class="slider needs-script"><label for="threshold">Smallest confidence that counts as an answer</label><input type="range" id="threshold" min="0" max="${points.length - 1}" step="1" value="${start}" aria-describedby="threshold-reading"></div>
<dl class="tiles small" id="threshold-reading" aria-live="polite"><div class="tile"><dt>Threshold</dt><dd><strong id="at-threshold">${threshold}</strong></dd></div>
<div class="tile"><dt>Images answered</dt><dd><strong id="at-coverage">${percent(answered)}</strong></dd></div>
<div class="tile"><dt>Right among them</dt><dd><strong id="at-accuracy">${percentOrDash(accuracy)}</strong></dd></div></dl>
<div class="copyable"><pre id="abstain-command" tabindex="0" aria-label="Command">${abstainCommand(data.run, threshold)}</pre><button type="button" class="copy needs-script" data-copy="abstain-command">Copy</button></div>
<figure class="card"><h3>Accuracy by coverage <small>right answers by share of images that get one</small></h3>${chart(
    'coverage-chart',
    `Coverage and accuracy: all ${percent(points[0].coverage)} of the images answered, ${percentOrDash(points[0].accuracy)} right; at threshold ${threshold}, ${percent(answered)} answered, ${percentOrDash(accuracy)} right.`,
    table(
      'Coverage and accuracy by threshold',
      ['Threshold', 'Images answered', 'Right among them'],
      points
        .filter((_, i) => (points.length - 1 - i) % every === 0)
        .map((point) => [point.threshold, percent(point.coverage), percentOrDash(point.accuracy)]),
    ),
  )}</figure>`;
}
