/** @file The map of images: color by class or by mistakes, one class or all; the pointer shows the image. */
import type { MapData } from '../../src/report/report-data.js';
import { axis, draw, note, plain, tooltip } from './chart.js';
import { data, element, make } from './data.js';
import type { Theme } from './theme.js';

type Coloring = 'truth' | 'predicted' | 'wrong';

const shapes = ['circle', 'triangle', 'rect', 'diamond', 'path://M3 0h4v3h3v4h-3v3h-4v-3h-3v-4h3z'];
/** Classes that colors and shapes can tell apart. */
const distinct = 8 * shapes.length;
const star = 'path://M10 0l2.9 6.6 7.1.7-5.4 4.7 1.6 7-6.2-3.7-6.2 3.7 1.6-7L0 7.3l7.1-.7z';

/** Draws the map and listens to its controls. */
export function drawMap(): void {
  const { map } = data;
  if (map === null) return;
  const form = element<HTMLFormElement>('map-controls');
  const only = element<HTMLSelectElement>('map-class');
  const coloring = () => (new FormData(form).get('map-color') ?? 'truth') as Coloring;
  const drawing = draw('map-chart', (colors, width) => mapOption(map, coloring(), only.value, colors, width));
  const update = () => {
    drawing?.redraw();
    showLegend(map, coloring());
  };
  form.addEventListener('change', update);
  form.addEventListener('submit', (event) => event.preventDefault());
  showLegend(map, coloring());
  fillTable(map);
}

/** Wheel and touch scroll the page, as everywhere, unless Ctrl is held. */
const zoom = { zoomOnMouseWheel: 'ctrl', moveOnMouseMove: 'ctrl', preventDefaultMouseMove: false };

const isWrong = (map: MapData, i: number): boolean =>
  map.predicted !== null && map.labels[i] >= 0 && map.labels[i] !== map.predicted[i];

const nameOf = (map: MapData, index: number): string => map.names[index] ?? 'unknown';

/** Colors repeat after eight classes, in another shape; beyond forty they would say nothing, and are one. */
const look = (map: MapData, index: number, colors: Theme) =>
  index < 0 || map.names.length > distinct
    ? { color: index < 0 ? colors.quiet : colors.series[0], symbol: 'circle' }
    : { color: colors.series[index % 8], symbol: shapes[Math.floor(index / 8)] };

function mapOption(map: MapData, coloring: Coloring, only: string, colors: Theme, width: number) {
  const items = map.points.map((point, i) => {
    const shownClass = coloring === 'truth' ? map.labels[i] : (map.predicted?.[i] ?? -1);
    const chosen =
      only === '' || String(shownClass) === only || (coloring === 'wrong' && String(map.labels[i]) === only);
    const back = !chosen || (coloring === 'wrong' && !isWrong(map, i));
    const { color, symbol } = look(map, shownClass, colors);
    return {
      back,
      item: {
        value: [...point, i],
        symbol,
        itemStyle: { color: back ? colors.line : color, opacity: back ? 0.8 : 0.85 },
      },
    };
  });
  const hidden = { type: 'value', scale: true, show: false };
  return {
    grid: { ...plain, left: 8, right: 8, top: 8, bottom: 8 },
    xAxis: { ...axis(colors), ...hidden },
    yAxis: { ...axis(colors), ...hidden },
    dataZoom: [
      { type: 'inside', xAxisIndex: 0, ...zoom },
      { type: 'inside', yAxisIndex: 0, ...zoom },
    ],
    tooltip: {
      ...tooltip(colors),
      formatter: ({ seriesIndex, value }: { seriesIndex: number; value: readonly number[] }) =>
        seriesIndex === 1 ? note(prototypeName(map, value[2])) : pointNote(map, value[2]),
    },
    series: [
      {
        type: 'scatter',
        symbolSize: (map.points.length > 500 ? 7 : 9) * (width < 500 ? 0.65 : 1),
        data: [...items.filter(({ back }) => back), ...items.filter(({ back }) => !back)].map(({ item }) => item),
      },
      {
        type: 'scatter',
        symbol: star,
        symbolSize: width < 500 ? 13 : 18,
        data: map.prototypes.map((point, i) => ({
          value: [...point, i],
          itemStyle: {
            color: map.prototypesAreClasses ? look(map, i, colors).color : colors.text,
            borderColor: colors.text,
            borderWidth: 1.2,
          },
        })),
      },
    ],
  };
}

const prototypeName = (map: MapData, i: number): string =>
  map.prototypesAreClasses ? `Prototype of ${nameOf(map, i)}` : `Prototype ${i + 1}`;

function pointNote(map: MapData, i: number): HTMLElement {
  const image = map.thumbnails[i];
  const lines: (string | Node)[] = [nameOf(map, map.labels[i])];
  if (map.predicted !== null) lines.push(`predicted ${nameOf(map, map.predicted[i])}`);
  if (typeof image?.src === 'string') lines.push(make('img', { class: 'large', src: image.src, alt: '' }));
  return note(...lines);
}

function showLegend(map: MapData, coloring: Coloring): void {
  const legend = element('map-legend');
  const shown = coloring === 'truth' ? map.labels : (map.predicted ?? []);
  const classes = [...new Set(shown)].sort((a, b) => a - b);
  if (map.names.length > distinct) {
    legend.replaceChildren(make('li', {}, 'There are too many classes for colors: choose one above.'));
    return;
  }
  legend.replaceChildren(
    ...classes.map((index) => {
      const kind = index < 0 ? 'unknown' : `series-${index % 8} shape-${Math.floor(index / 8)}`;
      return make('li', {}, make('i', { class: `swatch ${kind}` }), make('bdi', {}, nameOf(map, index)));
    }),
  );
}

/** The points as a table, made when it is opened. */
function fillTable(map: MapData): void {
  const place = element<HTMLDetailsElement>('map-table');
  place.addEventListener(
    'toggle',
    () => {
      const heads = ['Image', 'True class', ...(map.predicted === null ? [] : ['Predicted']), 'x', 'y'];
      const rows = map.points.map(([x, y], i) => {
        const cells = [
          nameOf(map, map.labels[i]),
          ...(map.predicted === null ? [] : [nameOf(map, map.predicted[i])]),
          x.toFixed(2),
          y.toFixed(2),
        ];
        return make(
          'tr',
          {},
          make('th', { scope: 'row' }, make('bdi', {}, map.thumbnails[i]?.path ?? String(i + 1))),
          ...cells.map((cell) => make('td', {}, cell)),
        );
      });
      const table = make(
        'table',
        {},
        make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
        make('tbody', {}, ...rows),
      );
      place.append(
        make('div', { class: 'scroll', role: 'region', 'aria-label': 'Points of the map', tabindex: '0' }, table),
      );
    },
    { once: true },
  );
}
