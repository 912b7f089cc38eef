/** @file What can be looked at: use of the prototypes, augmented views, the map. */
import type { MapData, PrototypeUse, ReportData, ViewSheet } from '../report-data.js';
import { classesOf, compact, count, counted, percent } from './format.js';
import { html, type Markup, name } from './markup.js';
import { chart, missing, scrolling, table } from './parts.js';

/** Rows of the table of prototypes. */
const tableRows = 100;

/** Name of a prototype: that of its class, else its number. */
export const prototypeName = ({ names }: PrototypeUse, index: number): string => names[index] ?? `#${index + 1}`;

/** Which prototypes the images fall to. */
export function prototypes(data: ReportData): Markup {
  const use = data.prototypes;
  if (use === null) return missing(data, 'prototypes');
  const ranked = use.wins.map((wins, i) => ({ wins, i })).sort((a, b) => b.wins - a.wins);
  const images = use.wins.reduce((sum, wins) => sum + wins, 0);
  const unused = use.wins.filter((wins) => wins === 0).length;
  return html`<p><b id="effective">${compact(use.effective)}</b> of ${count(use.wins.length)} prototypes are in effective use${unused > 0 ? `; ${count(unused)} win no image` : ''}.</p>
<figure class="card"><h3>Images by prototype <small>${use.wins.length > 60 ? 'the most used first' : 'in their order'}</small></h3>${chart(
    'prototypes-chart',
    `Images by prototype: the most used, ${prototypeName(use, ranked[0]?.i ?? 0)}, wins ${counted(ranked[0]?.wins ?? 0, 'image')} of ${count(images)}; ${unused} win none.`,
    table(
      use.wins.length > tableRows ? `The ${tableRows} most used prototypes` : 'Images by prototype',
      ['Prototype', 'Images', 'Share'],
      ranked
        .slice(0, tableRows)
        .map(({ wins, i }) => [name(prototypeName(use, i)), count(wins), percent(wins / Math.max(1, images))]),
    ),
  )}</figure>`;
}

/** Augmented views, stage by stage. */
export function views(data: ReportData): Markup {
  if (data.views === null || data.views.length === 0) return missing(data, 'views');
  return html`<p>Training images as they reached the network: one row an image, one column a view.</p>${data.views.map(sheet)}`;
}

function sheet({ stage, src, width, height, columns }: ViewSheet): Markup {
  return html`<figure class="sheet"><figcaption>Stage ${name(stage)}</figcaption>${scrolling(
    `Views of stage ${stage}`,
    html`<div class="columns" style="min-width:${Math.min(width, 64 * columns.length)}px;max-width:${width}px"><div class="captions" style="grid-template-columns:repeat(${columns.length},1fr)">${columns.map((column) => html`<span>${column}</span>`)}</div><img src="${src}" width="${width}" height="${height}" alt="Views of stage ${stage}: ${columns.join(', ')}" decoding="async"></div>`,
  )}</figure>`;
}

/** Images in two dimensions. */
export function map(data: ReportData): Markup {
  if (data.map === null) return missing(data, 'map');
  const { points, images, features, prototypes: marks, predicted, names, labels } = data.map;
  const wrong = wrongOnMap(data.map);
  return html`<p>${counted(points.length, 'image')}${images > points.length ? ` of ${count(images)}` : ''} by their ${features}, brought to two dimensions by UMAP: neighbors stay neighbors, distances between groups mean little.${marks.length > 0 ? ` Stars are ${data.map.prototypesAreClasses ? "the classes' prototypes" : 'prototypes'}.` : ''}<span class="needs-script"> Pointing at an image shows it; Ctrl and the wheel come closer.</span></p>
<form class="controls needs-script" id="map-controls"><fieldset><legend>Color</legend>
<label><input type="radio" name="map-color" value="truth" checked> true class</label>
${
  predicted === null
    ? null
    : html`<label><input type="radio" name="map-color" value="predicted"> predicted class</label>
<label><input type="radio" name="map-color" value="wrong"> mistakes only${wrong === null ? '' : ` (${count(wrong)})`}</label>`
}</fieldset>
<label>Class <select id="map-class"><option value="">all</option>${names.map((each, i) =>
    labels.includes(i) || predicted?.includes(i) ? html`<option value="${i}">${each}</option>` : null,
  )}</select></label></form>
<figure class="card">${chart('map-chart', summaryOf(data.map, wrong), null, 'square')}<ul class="legend plain needs-script" id="map-legend" aria-label="Colors of the map"></ul></figure>
<details class="needs-script" id="map-table"><summary>Points as a table</summary></details>`;
}

/** Points whose class is known and not the predicted one; null where nothing is predicted. */
function wrongOnMap({ labels, predicted }: MapData): number | null {
  return predicted === null ? null : labels.filter((label, i) => label >= 0 && label !== predicted[i]).length;
}

function summaryOf({ points, names, features }: MapData, wrong: number | null): string {
  const mistakes = wrong === null ? '' : `, ${count(wrong)} of them given a wrong class`;
  return `Map of ${counted(points.length, 'image')} of ${classesOf(names.length)} by ${features}${mistakes}.`;
}
