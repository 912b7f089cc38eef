/** @file Every class with how well it is told. */
import type { ClassRow, ConfusionCell, ReportData } from '../report-data.js';
import { classesOf, count, interval, manyClasses, percentOrDash } from './format.js';
import { whisker } from './headline.js';
import { html, type Markup, name } from './markup.js';
import { chart, missing, scrolling, table, thumbnail } from './parts.js';

/** Classes with the same share of right answers, in ten bins. */
export function accuracyHistogram(classes: readonly ClassRow[]): number[] {
  const bins = new Array<number>(10).fill(0);
  for (const { top1 } of classes) if (top1 !== null) bins[Math.min(9, Math.floor(10 * top1.value))]++;
  return bins;
}

/** Columns of numbers. */
const numeric: ReadonlySet<string> = new Set(['top1', 'precision', 'images', 'labeled']);

/** The table; a script makes it sortable and adds the filter. */
export function classTable(data: ReportData): Markup {
  const { classes } = data;
  if (classes === null) return missing(data, 'classes');
  const mistaken = mostMistaken(data.confusion ?? []);
  const many = classes.length > manyClasses;
  const columns: [key: string, title: string][] = [
    ['name', 'Class'],
    ['top1', 'Right (recall)'],
    ['range', '95 % interval'],
    ['precision', 'Precision'],
    ['images', 'Images'],
    ['labeled', 'Labeled'],
    ['mistaken', 'Mistaken for'],
    ['examples', 'Examples'],
  ];
  return html`${many ? spread(classes) : null}
<form class="filter needs-script" role="search"><label>Filter classes <input type="search" id="class-filter" autocomplete="off" spellcheck="false"></label> <output id="class-count" for="class-filter">${classesOf(classes.length)}</output></form>
${scrolling(
  'Table of classes',
  html`<table class="classes" id="class-table"><caption class="unseen">Classes; the buttons in the head sort the table.</caption>
<thead><tr>${columns.map(([key, title]) => html`<th scope="col" class="${numeric.has(key) ? 'number' : ''}" data-key="${key}">${title}</th>`)}</tr></thead>
<tbody>${classes.map((row, i) => classRow(row, mistaken.get(i) ?? null, classes))}</tbody></table>`,
  many ? 'tall' : '',
)}`;
}

function classRow(row: ClassRow, mistaken: ConfusionCell | null, classes: readonly ClassRow[]): Markup {
  const other = mistaken === null ? null : (classes[mistaken.predicted]?.name ?? String(mistaken.predicted));
  return html`<tr><th scope="row" data-value="${row.name}">${name(row.name)}</th>
<td class="number" data-value="${row.top1?.value ?? ''}">${percentOrDash(row.top1?.value ?? null)}</td>
<td data-value="${row.top1?.low ?? ''}">${row.top1 === null ? '–' : html`${whisker(row.top1)}<span class="unseen">${interval(row.top1)}</span>`}</td>
<td class="number" data-value="${row.precision ?? ''}">${percentOrDash(row.precision)}</td>
<td class="number" data-value="${row.images}">${count(row.images)}</td>
<td class="number" data-value="${row.labeled}">${count(row.labeled)}</td>
<td data-value="${mistaken?.images ?? 0}">${other === null ? '–' : html`${name(other)} <small>${count(mistaken?.images ?? 0)}</small>`}</td>
<td data-value="${row.examples.length}">${row.examples.length === 0 ? '' : html`<span class="thumbs">${row.examples.map((image, i) => thumbnail(image, `Example ${i + 1} of ${row.name}`))}</span>`}</td></tr>
`;
}

/** The most frequent mistake of each class. */
function mostMistaken(cells: readonly ConfusionCell[]): Map<number, ConfusionCell> {
  const most = new Map<number, ConfusionCell>();
  for (const cell of cells) {
    if (cell.truth !== cell.predicted && cell.images > (most.get(cell.truth)?.images ?? 0)) most.set(cell.truth, cell);
  }
  return most;
}

/** With many classes: how their accuracies spread. */
function spread(classes: readonly ClassRow[]): Markup {
  const bins = accuracyHistogram(classes);
  const ranges = bins.map((_, i) => `${10 * i} – ${10 * (i + 1)} %`);
  const rows = bins.map((classesIn, i) => [ranges[i], count(classesIn)]);
  const most = bins.indexOf(Math.max(...bins));
  return html`<figure class="card"><h3>How the classes spread <small>classes by share of right answers</small></h3>${chart(
    'class-spread',
    `Most classes (${count(bins[most])} of ${count(classes.length)}) have ${ranges[most]} of their images right.`,
    table('Classes by share of right answers', ['Right', 'Classes'], rows),
    'low',
  )}</figure>`;
}
