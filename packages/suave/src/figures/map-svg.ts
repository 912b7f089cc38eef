/** @file A map as an SVG for print: panels side by side, marks of prototypes, a legend. The same figure gives the same bytes. */
import { drawKey } from '../augment/index.js';
import { escapeHtml } from '../html.js';
import { counted } from '../text.js';
import {
  type MapFigure,
  type MapPanel,
  type MapPrototype,
  pointRadius,
  prototypeLegend,
  unitSquare,
} from './map-figure.js';
import { classColor, clusterColor, unknownColor } from './palette.js';

/** Panels of a row, and the side of one by their number; pixels. */
const panelsPerRow = 3;
const sides = [480, 360, 300] as const;

const gap = 16;
const titleHeight = 26;
const legendLine = 19;
/** Share of a panel that stays free at each edge. */
const margin = 0.035;
const font = 'font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif"';

/** Classes that a legend names. */
const maxLegend = 40;

/** Points are drawn in so many turns, each with some of every class, so that no class lies on top of all others. */
const turns = 6;

/** Where a panel lies. */
interface Place {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/**
 * Draws a figure.
 * @param seed  of the order in which points are drawn
 * @returns     the SVG with its size in pixels
 */
export function mapSvg(figure: MapFigure, seed: number): { svg: string; width: number; height: number } {
  const perRow = Math.min(panelsPerRow, figure.panels.length === 4 ? 2 : figure.panels.length);
  const side = sides[perRow - 1];
  const width = perRow * side + (perRow + 1) * gap;
  const rows = Math.ceil(figure.panels.length / perRow);
  const hasTitles = figure.panels.some(({ title }) => title !== '');
  const rowHeight = side + (hasTitles ? titleHeight : 0) + gap;
  const order = drawKey(seed, 0, 'other', 0, 0, 0, 6, 'figure').permutation(figure.paths.length);
  const panels = figure.panels.map((panel, i) => {
    const x = gap + (i % perRow) * (side + gap);
    const y = gap + Math.floor(i / perRow) * rowHeight;
    const place = { x, y: y + (hasTitles ? titleHeight : 0), side };
    return titleSvg(panel.title, x + side / 2, y + 14) + panelSvg(panel, figure, order, place);
  });
  const legend = legendSvg(figure, gap + rows * rowHeight, width);
  const height = gap + rows * rowHeight + legend.height;
  const name = `Map of ${counted(figure.paths.length, 'image')}`;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    legend.svg,
    '</svg>',
    '',
  ].join('\n');
  return { svg, width, height };
}

/** A number with one decimal, shortest. */
const short = (value: number): string => String(Math.round(value * 10) / 10);

function titleSvg(title: string, x: number, y: number): string {
  if (title === '') return '';
  return `<text x="${short(x)}" y="${short(y)}" ${font} font-size="14" text-anchor="middle" fill="#111111">${escapeHtml(title)}</text>\n`;
}

function panelSvg(panel: MapPanel, { labels, classes }: MapFigure, order: Int32Array, place: Place): string {
  const { points, prototypes } = unitSquare(panel);
  const inside = place.side * (1 - 2 * margin);
  const xOf = (u: number): number => place.x + place.side * margin + inside * u;
  const yOf = (v: number): number => place.y + place.side * margin + inside * v;
  const radius = pointRadius(labels.length, place.side);
  const paths: string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const byClass = new Map<number, string[]>();
    for (let position = turn; position < order.length; position += turns) {
      const i = order[position];
      const own = byClass.get(labels[i]);
      const dot = `M${short(xOf(points[2 * i]))} ${short(yOf(points[2 * i + 1]))}h0`;
      if (own === undefined) byClass.set(labels[i], [dot]);
      else own.push(dot);
    }
    for (const label of [...byClass.keys()].sort((a, b) => a - b))
      paths.push(`<path stroke="${classColor(label, classes.length)}" d="${byClass.get(label)?.join('')}"/>`);
  }
  const opacity = labels.length > 2000 ? 0.6 : 0.8;
  const frame = `<rect x="${place.x}" y="${place.y}" width="${place.side}" height="${place.side}" fill="none" stroke="#c4c9ce"/>`;
  const dots = `<g fill="none" stroke-linecap="round" stroke-width="${short(2 * radius)}" stroke-opacity="${opacity}">\n${paths.join('\n')}\n</g>`;
  return `<g>${dots}\n${prototypesSvg(prototypes, classes.length, xOf, yOf)}${frame}</g>`;
}

/** Clusters as red crosses, classes as large plus signs in their color, edged so that they show on points of the same color. */
function prototypesSvg(
  prototypes: readonly MapPrototype[],
  numClasses: number,
  xOf: (u: number) => number,
  yOf: (v: number) => number,
): string {
  const crosses = prototypes.filter((each) => each.class < 0).map(({ x, y }) => crossPath(xOf(x), yOf(y), 2.6));
  const pluses = prototypes.filter((each) => each.class >= 0);
  const parts: string[] = [];
  if (crosses.length > 0)
    parts.push(
      strokes(crosses.join(''), [
        ['#ffffff', 2.6],
        [clusterColor, 1.3],
      ]),
    );
  for (const { x, y, class: index } of pluses) parts.push(plusSvg(xOf(x), yOf(y), 7, classColor(index, numClasses)));
  return parts.map((part) => `${part}\n`).join('');
}

function crossPath(x: number, y: number, arm: number): string {
  const [left, right, top, bottom] = [x - arm, x + arm, y - arm, y + arm].map(short);
  return `M${left} ${top}L${right} ${bottom}M${left} ${bottom}L${right} ${top}`;
}

function plusSvg(x: number, y: number, arm: number, color: string): string {
  const d = `M${short(x - arm)} ${short(y)}H${short(x + arm)}M${short(x)} ${short(y - arm)}V${short(y + arm)}`;
  return strokes(d, [
    ['#ffffff', 6.2],
    ['#111111', 4.4],
    [color, 2],
  ]);
}

/** The same lines in several widths, the widest below. */
function strokes(d: string, layers: readonly (readonly [color: string, width: number])[]): string {
  return layers
    .map(([color, width]) => `<path d="${d}" fill="none" stroke="${color}" stroke-width="${width}"/>`)
    .join('');
}

/** An entry of the legend: what is drawn at a point, and its text. */
interface LegendEntry {
  readonly mark: (x: number, y: number) => string;
  readonly text: string;
}

function legendEntries({ classes, labels, panels }: MapFigure): LegendEntry[] {
  const dot = (color: string) => (x: number, y: number) =>
    `<circle cx="${short(x)}" cy="${short(y)}" r="4.5" fill="${color}"/>`;
  const entries: LegendEntry[] =
    classes.length > maxLegend ? [] : classes.map((text, i) => ({ text, mark: dot(classColor(i, classes.length)) }));
  if (labels.includes(-1))
    entries.push({ text: classes.length === 0 ? 'image' : 'unknown class', mark: dot(unknownColor) });
  const { classes: hasClasses, clusters } = prototypeLegend(panels);
  if (hasClasses) entries.push({ text: 'prototype of a class', mark: (x, y) => plusSvg(x, y, 5.5, '#ffffff') });
  if (clusters !== null)
    entries.push({ text: clusters, mark: (x, y) => strokes(crossPath(x, y, 3.5), [[clusterColor, 1.6]]) });
  return entries;
}

/** Entries in columns as wide as the longest text; of very many classes one sentence. */
function legendSvg(figure: MapFigure, top: number, width: number): { svg: string; height: number } {
  const entries = legendEntries(figure);
  const { classes } = figure;
  const lines: string[] = [];
  let y = top + 4;
  if (classes.length > maxLegend) {
    const text = `${classes.length.toLocaleString('en')} classes, hues in the order of their names: ${classes[0]} … ${classes[classes.length - 1]}`;
    lines.push(textSvg(text, gap, y + 4));
    y += legendLine;
  }
  const longest = Math.max(0, ...entries.map(({ text }) => text.length));
  const columnWidth = Math.min(width - 2 * gap, 26 + 6.3 * Math.min(longest, 48));
  const columns = Math.max(1, Math.floor((width - 2 * gap) / columnWidth));
  const rows = Math.ceil(entries.length / columns);
  entries.forEach(({ mark, text }, i) => {
    const x = gap + Math.floor(i / rows) * ((width - 2 * gap) / columns);
    const line = y + (i % rows) * legendLine;
    lines.push(mark(x + 6, line), textSvg(text.length > 48 ? `${text.slice(0, 47)}…` : text, x + 18, line + 4));
  });
  return { svg: lines.join('\n'), height: y - top + rows * legendLine };
}

function textSvg(text: string, x: number, y: number): string {
  return `<text x="${short(x)}" y="${short(y)}" ${font} font-size="12" fill="#222222">${escapeHtml(text)}</text>`;
}
