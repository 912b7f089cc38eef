/** @file A map as one HTML page to look around in; its browser code is `pages/map`. */
import { drawKey } from '../augment/index.js';
import { inlineJson, inlineScript, pageBundle } from '../html.js';
import { type MapFigure, pointRadius, prototypeLegend, unitSquare } from './map-figure.js';
import type { MapPageData } from './map-page-data.js';
import { classColor, clusterColor, unknownColor } from './palette.js';

/** Steps of a coordinate: finer than a pixel at any zoom that shows something. */
const steps = 10_000;

/** What the page draws. @param seed  of the order in which points are drawn */
export function mapPageData(figure: MapFigure, seed: number): MapPageData {
  const { classes, paths, labels, panels } = figure;
  return {
    classes: classes.map((name, i) => ({ name, color: classColor(i, classes.length) })),
    unknown: { name: classes.length === 0 ? 'image' : 'unknown class', color: unknownColor },
    cluster: { name: prototypeLegend(panels).clusters, color: clusterColor },
    steps,
    radius: pointRadius(paths.length, 400),
    paths: [...paths],
    labels: [...labels],
    order: [...drawKey(seed, 0, 'other', 0, 0, 0, 6, 'figure').permutation(paths.length)],
    panels: panels.map((panel) => {
      const { points, prototypes } = unitSquare(panel);
      const step = (value: number): number => Math.round(value * steps);
      return {
        title: panel.title,
        features: `${panel.features} of ${panel.dim} numbers`,
        points: Array.from(points, step),
        prototypes: prototypes.map(({ x, y, class: index }): [number, number, number] => [step(x), step(y), index]),
      };
    }),
  };
}

/** The page; needs nothing beside itself. */
export function mapHtml(figure: MapFigure, seed: number): string {
  const { script, style } = pageBundle('map');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Map of ${figure.paths.length} images</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<script type="application/json" id="map-data">${inlineJson(mapPageData(figure, seed))}</script>
<main></main>
<script>${inlineScript(script)}</script>
</body>
</html>
`;
}
