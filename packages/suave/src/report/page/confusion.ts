/** @file What is mistaken for what. */
import type { ConfusionCell, ReportData } from '../report-data.js';
import { confusedPairs, imagesByClass, type ShownMatrix, shownMatrix } from './confused-classes.js';
import { count, percent } from './format.js';
import { html, type Markup, name } from './markup.js';
import { missing, scrolling, table, thumbnail, unfolding } from './parts.js';

/** Matrix, the images of a cell, and the most frequent mistakes. */
export function confusion(data: ReportData): Markup {
  const matrix = shownMatrix(data);
  if (data.confusion === null || data.classes === null || matrix === null) return missing(data, 'confusion');
  const names = data.classes.map((row) => row.name);
  const totals = imagesByClass(data.confusion, names.length);
  const pairs = confusedPairs(data.confusion);
  if (names.length < 2) return html`<p>There is one class only: nothing to confuse it with.</p>`;
  return html`${matrix.classes.length === 0 ? null : drawn(data, matrix, names)}
<h3>Most frequent mistakes</h3>
${pairs.length === 0 ? html`<p>Not one image was given a wrong class.</p>` : pairTable(pairs, names, totals)}`;
}

function drawn(data: ReportData, matrix: ShownMatrix, names: readonly string[]): Markup {
  const part = matrix.classes.length < names.length;
  const right = (data.confusion ?? []).filter((cell) => cell.truth === cell.predicted);
  const sum = (cells: readonly ConfusionCell[]) => cells.reduce((images, cell) => images + cell.images, 0);
  const of = sum(data.confusion ?? []);
  const summary = `Confusion matrix${part ? ` of ${matrix.classes.length} classes` : ''}: ${count(sum(right))} of ${count(of)} images are on the diagonal, ${count(of - sum(right))} are mistaken.`;
  return html`<p>A row is a true class, a column what was predicted; color is the share of the row${part ? `. Of ${count(names.length)} classes the ${matrix.classes.length} in the most frequent mistakes are shown` : ''}.<span class="needs-script"> Choose a cell by click or with the arrow keys to see its images.</span></p>
<div class="confusion"><div class="matrix needs-script" id="matrix" role="application" aria-roledescription="confusion matrix" aria-label="${summary} The arrow keys choose a cell." tabindex="0"><div class="chart" id="confusion-chart"></div><div class="cursor" id="matrix-cursor"></div></div>
<aside class="cell needs-script" id="cell" aria-label="Chosen cell" aria-live="polite"><p class="quiet">No cell is chosen.</p></aside></div>
${unfolding('Numbers as a table', scrolling('Confusion matrix', countTable(matrix, names)))}`;
}

function countTable({ classes, cells }: ShownMatrix, names: readonly string[]): Markup {
  const images = new Map(cells.map((cell) => [`${cell.truth} ${cell.predicted}`, cell.images]));
  return html`<div id="confusion-counts">${table(
    'Images by true class (rows) and predicted class (columns)',
    ['True class', ...classes.map((i) => name(names[i]))],
    classes.map((truth) => [
      name(names[truth]),
      ...classes.map((predicted) => count(images.get(`${truth} ${predicted}`) ?? 0)),
    ]),
  )}</div>`;
}

function pairTable(pairs: readonly ConfusionCell[], names: readonly string[], totals: readonly number[]): Markup {
  return scrolling(
    'Most frequent mistakes',
    html`<table class="pairs" id="pairs"><caption class="unseen">Most frequent mistakes</caption>
<thead><tr><th scope="col">True class</th><th scope="col">Predicted</th><th scope="col" class="number">Images</th><th scope="col" class="number">Of the class</th><th scope="col">Examples</th></tr></thead>
<tbody>${pairs.map(
      ({ truth, predicted, images, examples }) =>
        html`<tr data-pair="${truth} ${predicted}"><th scope="row">${name(names[truth])}</th><td>${name(names[predicted])}</td><td class="number">${count(images)}</td><td class="number">${percent(images / totals[truth])}</td><td><span class="thumbs">${examples.map(
          (image, i) => thumbnail(image, `${names[truth]} predicted as ${names[predicted]}, example ${i + 1}`),
        )}</span></td></tr>
`,
    )}</tbody></table>`,
    pairs.length > 12 ? 'tall' : '',
  );
}
