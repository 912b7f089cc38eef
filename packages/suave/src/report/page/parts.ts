/** @file Pieces that several parts of the page are made of: sections, charts with their tables, images, facts. */
import type { Facts, ReportData, ReportPart, Thumbnail } from '../report-data.js';
import { type Content, html, type Markup, name } from './markup.js';

/** A part of the page with its heading, reached from the navigation. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

/** The sentence that stands where a part is missing. */
export function missing(data: ReportData, part: ReportPart): Markup {
  return html`<p class="missing">${data.missing[part] ?? 'This run has none.'}</p>`;
}

/** A table whose first column heads its rows. @param caption  said to screen readers */
export function table(caption: string, columns: readonly Content[], rows: readonly (readonly Content[])[]): Markup {
  return html`<table class="numbers"><caption class="unseen">${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([head, ...cells]) =>
      html`<tr><th scope="row">${head}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table>`;
}

/** A region that scrolls when its content is too wide or too high; reached with Tab, so that the arrow keys scroll it. */
export function scrolling(label: string, content: Markup, kind = ''): Markup {
  return html`<div class="scroll ${kind}" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** Where a script draws a chart: said in a sentence, with its numbers in a table that opens. */
export function chart(id: string, summary: string, numbers: Markup | null, kind = ''): Markup {
  return html`<div class="chart ${kind}" id="${id}" role="img" aria-label="${summary}"></div>${
    numbers === null ? null : unfolding('Numbers as a table', scrolling('Numbers of the chart', numbers))
  }`;
}

/** Content that opens on demand. */
export function unfolding(summary: Content, content: Content, kind = ''): Markup {
  return html`<details class="${kind}"><summary>${summary}</summary>${content}</details>`;
}

/** An image of the data; where its file is gone, a field that says so. */
export function thumbnail(image: Thumbnail, alt: string): Markup {
  return image.src === null
    ? html`<span class="gone" role="img" aria-label="${alt} (the file cannot be read)" title="${image.path}">gone</span>`
    : html`<img class="thumb" src="${image.src}" alt="${alt}" title="${image.path}" decoding="async">`;
}

/** Names with their values. */
export function facts({ title, rows }: Facts): Markup {
  return html`<table class="facts"><caption class="unseen">${title}</caption><tbody>${rows.map(
    ([key, value]) => html`<tr><th scope="row">${key}</th><td>${name(value)}</td></tr>
`,
  )}</tbody></table>`;
}

/** Text with a button that copies it; without scripts the button is not shown. */
export function copyable(id: string, text: string, label: string): Markup {
  return html`<div class="copyable"><pre id="${id}" tabindex="0" aria-label="${label}">${text}</pre><button type="button" class="copy needs-script" data-copy="${id}">Copy</button></div>`;
}
