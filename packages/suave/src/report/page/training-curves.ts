/** @file Curves over the course of training. */
import type { Curve, CurveGroup, ReportData } from '../report-data.js';
import { compact, count, inUnit } from './format.js';
import { html, type Markup, name } from './markup.js';
import { chart, missing, table } from './parts.js';

/** Rows of the table under a chart: the course is shown, not every step. */
const tableRows = 40;

/** One chart for every group, all on the same axis of images seen. */
export function trainingCurves(data: ReportData): Markup {
  const groups = data.curves.filter((group) => group.curves.some((curve) => curve.points.length > 0));
  if (groups.length === 0) return missing(data, 'curves');
  const stages =
    data.stages.length < 2
      ? null
      : html`<p>${data.stages.map(
          ({ name: stage, images }, i) =>
            html`${i === 0 ? 'Stages: ' : ', '}${name(stage)} from ${i === 0 ? 'the start' : `${count(images)} images`}`,
        )}.</p>`;
  return html`<p>Over the training images seen.<span class="needs-script"> Pointing at one chart reads all of them at the same place; a name below a chart hides its curve.</span></p>
${stages}<div class="charts">${data.curves.map((group, i) =>
    groups.includes(group) ? groupChart(group, i) : null,
  )}</div>`;
}

function groupChart(group: CurveGroup, index: number): Markup {
  const curves = group.curves.filter((curve) => curve.points.length > 0);
  const course = curves.map((curve) => `${curve.name} ${courseOf(curve, group.unit)}`).join('; ');
  const unit = { fraction: '%', nats: 'nats', rate: '', number: '' }[group.unit];
  const scale = [unit, group.logarithmic ? 'logarithmic' : ''].filter((each) => each !== '').join(', ');
  return html`<figure class="card"><h3>${group.title} <small>${scale}</small></h3>
${chart(`curves-${index}`, `${group.title} over images seen: ${course}.`, pointsTable(group.title, curves, group.unit))}
<ul class="legend" aria-label="Curves of ${group.title}">${group.curves.map((curve, i) =>
    curve.points.length === 0
      ? null
      : html`<li data-curve="${i}"><i class="swatch series-${i % 8}"></i><span>${curve.name}</span> <b>${inUnit(curve.points[curve.points.length - 1][1], group.unit)}</b></li>`,
  )}</ul></figure>`;
}

function courseOf({ points }: Curve, unit: CurveGroup['unit']): string {
  const [first, last] = [points[0], points[points.length - 1]];
  return first === last ? inUnit(first[1], unit) : `from ${inUnit(first[1], unit)} to ${inUnit(last[1], unit)}`;
}

/** The curves at up to 40 places, the last among them. */
function pointsTable(title: string, curves: readonly Curve[], unit: CurveGroup['unit']): Markup {
  const values = curves.map((curve) => new Map(curve.points));
  const places = [...new Set(curves.flatMap((curve) => curve.points.map(([images]) => images)))].sort((a, b) => a - b);
  const every = Math.ceil(places.length / tableRows);
  const shown = places.filter((_, i) => (places.length - 1 - i) % every === 0);
  return table(
    `${title}${every > 1 ? `, every ${every}th value` : ''}`,
    ['Images', ...curves.map((curve) => curve.name)],
    shown.map((images) => [
      compact(images),
      ...values.map((value) => (value.has(images) ? inUnit(value.get(images) as number, unit) : '')),
    ]),
  );
}
