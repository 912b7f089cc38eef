/** @file The report as a page: one HTML file that needs no network, readable without scripts; `pages/report` draws its charts. */
import { contentHash, escapeHtml, inlineJson, inlineScript, pageBundle } from '../html.js';
import { classTable } from './page/class-table.js';
import { pageData } from './page/collect-page-data.js';
import { confusion } from './page/confusion.js';
import { headline } from './page/headline.js';
import { html, type Markup, name } from './page/markup.js';
import { copyable, facts, type Section, unfolding } from './page/parts.js';
import { map, prototypes, views } from './page/pictures.js';
import { trainingCurves } from './page/training-curves.js';
import { calibration, coverage, mistakes } from './page/trust.js';
import type { ReportData } from './report-data.js';

/**
 * The whole page as HTML.
 * @throws Error where the package's pages were not built
 */
export function renderReport(data: ReportData): string {
  const { script, style } = pageBundle('report');
  const code = inlineScript(script);
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `script-src ${contentHash(code)}`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const sections = sectionsOf(data);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Suave ${escapeHtml(data.suaveVersion)}">
<link rel="icon" href="data:,">
<title>${escapeHtml(data.title)} · Suave report</title>
<style>${style}</style>
</head>
<body>
${body(data, sections).text}
<script type="application/json" id="report-data">${inlineJson(pageData(data))}</script>
<script>${code}</script>
</body>
</html>
`;
}

function sectionsOf(data: ReportData): Section[] {
  return [
    { id: 'training', title: 'Training', body: trainingCurves(data) },
    { id: 'classes', title: 'Classes', body: classTable(data) },
    { id: 'confusion', title: 'Confusion', body: confusion(data) },
    { id: 'mistakes', title: 'Confident mistakes', body: mistakes(data) },
    { id: 'calibration', title: 'Calibration', body: calibration(data) },
    { id: 'abstaining', title: 'Abstaining', body: coverage(data) },
    { id: 'prototypes', title: 'Prototypes', body: prototypes(data) },
    { id: 'views', title: 'Augmented views', body: views(data) },
    { id: 'map', title: 'Map', body: map(data) },
    { id: 'recipe', title: 'Recipe', body: recipe(data) },
    { id: 'environment', title: 'Environment', body: environment(data) },
  ];
}

function body(data: ReportData, sections: readonly Section[]): Markup {
  return html`<a class="skip" href="#overview">Skip to the report</a>
<header class="top"><p class="brand">Suave <span>report</span></p><button type="button" id="theme" class="needs-script">Dark colors</button></header>
<div class="layout">
<nav aria-label="Parts of the report"><ul><li><a href="#overview">Overview</a></li>${sections.map(
    ({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`,
  )}</ul></nav>
<main>
<section id="overview" aria-labelledby="overview-title"><p class="kind">${data.method} · ${name(data.run)}</p><h1 id="overview-title">${name(data.title)}</h1>
${headline(data)}${notes(data.notes)}</section>
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}</section>
`,
)}</main>
</div>
<footer><p>Written <time datetime="${data.written}">${data.written.slice(0, 16).replace('T', ' ')}</time> by Suave ${data.suaveVersion}. This file holds everything it shows and connects to nothing.</p></footer>`;
}

function notes(sentences: readonly string[]): Markup | null {
  if (sentences.length === 0) return null;
  return html`<div class="notes" role="note"><h2>Good to know</h2><ul>${sentences.map((each) => html`<li>${each}</li>`)}</ul></div>`;
}

function recipe(data: ReportData): Markup {
  return html`<p>The complete configuration, every default filled in.</p>${data.recipe.map((each) =>
    unfolding(name(each.title), facts(each), 'facts-group'),
  )}${data.config === '' ? null : unfolding('As YAML, to run it again', copyable('config', data.config, 'Configuration as YAML'), 'facts-group')}`;
}

function environment(data: ReportData): Markup {
  if (data.environment.length === 0) return html`<p class="missing">The run has recorded none.</p>`;
  return html`<div class="facts-columns">${data.environment.map(
    (each) => html`<div class="card"><h3>${name(each.title)}</h3>${facts(each)}</div>`,
  )}</div>`;
}
