/**
 * @file `node bench/demo-picture.mjs DEMO OUT.png [--seed S]`: the picture of the README, from the folder of a finished
 * `suave demo`: some of its images, and the accuracy on `val/` while Suave and the labels alone were trained.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { readMetrics, runPaths } from '../packages/suave/dist/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
const [demo, out] = positionals;
if (out === undefined) {
  process.stderr.write('Usage: node bench/demo-picture.mjs DEMO OUT.png [--seed S]\n');
  process.exit(2);
}

const sheet = readFileSync(join(demo, `images-${values.seed}.png`));
const { width: sheetWidth, height } = await sharp(sheet).metadata();
const run = join(demo, `run-${values.seed}`);
const curves = [
  // As the demo's table: the end of Suave, the best moment of the baseline.
  { name: 'Suave, all images', color: '#0b6e4f', root: run, result: (top1) => top1.at(-1) },
  { name: 'the labels alone', color: '#b3541e', root: join(run, 'baseline'), result: (top1) => Math.max(...top1) },
].map(({ root, ...curve }) => {
  const epochs = readMetrics(runPaths(root).metrics).filter((record) => typeof record.val_top1 === 'number');
  return { ...curve, seconds: epochs.map((record) => record.seconds), top1: epochs.map((record) => record.val_top1) };
});

const gap = 56;
const margin = { left: 52, right: 20, top: 40, bottom: 48 };
const chart = { width: 460, height };
const inner = { width: chart.width - margin.left - margin.right, height: chart.height - margin.top - margin.bottom };
const longest = Math.max(...curves.flatMap((curve) => curve.seconds));
const x = (seconds) => margin.left + (seconds / longest) * inner.width;
const y = (top1) => margin.top + (1 - top1) * inner.height;
const text = (left, top, content, attributes = '') =>
  `<text x="${left}" y="${top}" font-family="sans-serif" font-size="15" fill="#333" ${attributes}>${content}</text>`;

const grid = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
  (value) =>
    `<path d="M${margin.left} ${y(value)}H${chart.width - margin.right}" stroke="#ddd"/>` +
    text(margin.left - 8, y(value) + 5, `${100 * value}`, 'text-anchor="end"'),
);
const lines = curves.map(({ name, color, seconds, top1, result }) => {
  const points = seconds.map((time, i) => `${x(time).toFixed(1)} ${y(top1[i]).toFixed(1)}`);
  const label = `${name}: ${(100 * result(top1)).toFixed(1)} %`;
  return (
    `<path d="M${points.join('L')}" fill="none" stroke="${color}" stroke-width="3"/>` +
    text(
      x(seconds.at(-1)) + (seconds.at(-1) > longest / 2 ? 0 : 10),
      y(top1.at(-1)) - 12,
      label,
      `style="fill:${color}" font-weight="bold" text-anchor="${seconds.at(-1) > longest / 2 ? 'end' : 'start'}"`,
    )
  );
});
const svg =
  `<svg xmlns="http://www.w3.org/2000/svg" width="${chart.width}" height="${chart.height}">` +
  `${text(margin.left, 24, 'top-1 on other images, %, 3 labels per class')}${grid.join('')}${lines.join('')}` +
  `${text(chart.width - margin.right, chart.height - 14, `${Math.round(longest)} s of training`, 'text-anchor="end"')}` +
  `${text(margin.left, chart.height - 14, '0 s')}</svg>`;

await sharp({ create: { width: sheetWidth + gap + chart.width, height, channels: 3, background: '#fff' } })
  .composite([
    { input: sheet, left: 0, top: 0 },
    { input: Buffer.from(svg), left: sheetWidth + gap, top: 0 },
  ])
  .png({ compressionLevel: 9 })
  .toFile(out);
