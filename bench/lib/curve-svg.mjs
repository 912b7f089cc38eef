/** @file Accuracy over time as an SVG for print, in the colors of our other figures. */
import { classColor } from '../../packages/suave/dist/figures/palette.js';

const [width, height] = [640, 400];
const plot = { left: 56, right: 20, top: 44, bottom: 48 };
const font = 'font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif"';

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A step of 1, 2 or 5 times a power of ten that divides `range` into at most `most` parts. */
function tickStep(range, most) {
  const power = 10 ** Math.floor(Math.log10(range / most));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => range / step <= most);
}

const ticks = (end, step) => Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => i * step);

/**
 * @param title   above the plot
 * @param bands   spans of time with a name: { name, from, to }, minutes
 * @param curves  { name, points: [minutes, fraction][] }
 */
export function curveSvg({ title, bands, curves }) {
  const all = curves.flatMap(({ points }) => points);
  const end = Math.max(1e-3, ...all.map(([minutes]) => minutes), ...bands.map(({ to }) => to));
  const top = Math.min(1, Math.ceil(Math.max(0.1, ...all.map(([, value]) => value)) * 10) / 10);
  const x = (minutes) => plot.left + ((width - plot.left - plot.right) * minutes) / end;
  const y = (value) => height - plot.bottom - ((height - plot.top - plot.bottom) * value) / top;
  const at = (value) => value.toFixed(1);
  const text = (px, py, words, more = '') =>
    `<text x="${at(px)}" y="${at(py)}" ${font} font-size="12" fill="#333" ${more}>${escaped(words)}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(plot.left, 20, title, 'font-weight="bold"'),
  ];
  for (const { name, from, to } of bands)
    parts.push(
      `<rect x="${at(x(from))}" y="${plot.top}" width="${at(x(to) - x(from))}" height="${at(y(0) - plot.top)}" fill="#eef2f7"/>`,
      text(x(from) + 6, plot.top + 16, name),
    );
  for (const value of ticks(top, tickStep(top, 6)))
    parts.push(
      `<line x1="${plot.left}" x2="${width - plot.right}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="#ccc"/>`,
      text(plot.left - 8, y(value) + 4, `${Math.round(100 * value)} %`, 'text-anchor="end"'),
    );
  const step = tickStep(end, 8);
  for (const minutes of ticks(end, step))
    parts.push(text(x(minutes), y(0) + 18, String(Number(minutes.toPrecision(3))), 'text-anchor="middle"'));
  parts.push(text((plot.left + width - plot.right) / 2, height - 10, 'minutes of training', 'text-anchor="middle"'));
  curves.forEach(({ name, points }, i) => {
    const color = classColor(i, curves.length);
    const path = points.map(([minutes, value]) => `${at(x(minutes))},${at(y(value))}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    const legend = plot.left + 12 + 190 * i;
    parts.push(
      `<line x1="${legend}" x2="${legend + 20}" y1="33" y2="33" stroke="${color}" stroke-width="3"/>`,
      text(legend + 26, 37, name),
    );
  });
  return `${parts.join('\n')}\n</svg>\n`;
}
