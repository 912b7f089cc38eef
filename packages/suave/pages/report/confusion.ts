/** @file The confusion matrix: a cell is chosen with the mouse or the arrow keys and shows its images. */
import { count, percent } from '../../src/report/page/format.js';
import { axis, type Drawing, draw, note, plain, short, tooltip } from './chart.js';
import { data, element, make } from './data.js';
import type { Theme } from './theme.js';

/** Shared state of drawing and choosing. */
const matrix = data.matrix;
const images = new Map((matrix?.cells ?? []).map(([truth, predicted, n]) => [`${truth} ${predicted}`, n]));
let chosen: readonly [row: number, column: number] | null = null;

/** Draws the matrix and listens. */
export function drawConfusion(): void {
  if (matrix === null) return;
  const place = element('matrix');
  place.style.setProperty('--classes', String(matrix.classes.length));
  const drawing = draw(
    'confusion-chart',
    (colors, width) => matrixOption(colors, width),
    () => moveCursor(drawing),
  );
  if (drawing === null) return;
  drawing.chart.on('click', (event) => {
    const [column, row] = event.value as [number, number];
    choose(drawing, row, column);
  });
  place.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const last = matrix.classes.length - 1;
    const [row, column] = chosen === null ? [0, 0] : [chosen[0] + step[0], chosen[1] + step[1]];
    choose(drawing, Math.min(last, Math.max(0, row)), Math.min(last, Math.max(0, column)));
  });
}

const steps: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function matrixOption(colors: Theme, width: number) {
  const { classes, totals } = matrix!;
  const names = classes.map((i) => data.classNames[i]);
  const rows = new Map(classes.map((each, row) => [each, row]));
  const size = classes.length;
  const margin = Math.min(0.3 * width, 12 + 6.2 * Math.min(14, Math.max(...names.map((each) => [...each].length))));
  const cell = (width - margin - 8) / size;
  const items = matrix!.cells.map(([truth, predicted, n]) => {
    const [row, column] = [rows.get(truth)!, rows.get(predicted)!];
    return { truth, predicted, row, column, n, share: n / totals[row] };
  });
  const mistakes = items.filter(({ row, column }) => row !== column);
  const most = Math.max(0.05, ...mistakes.map(({ share }) => share));
  const series = (right: boolean) => ({
    type: 'heatmap',
    data: items
      .filter(({ row, column }) => (row === column) === right)
      .map(({ row, column, share, n }) => ({
        value: [column, row, share, n],
        label: { color: share / (right ? 1 : most) > 0.55 ? colors.surface : colors.text },
      })),
    label: {
      show: cell >= 20,
      fontSize: cell < 28 ? 9 : 11,
      formatter: ({ value }: { value: number[] }) => String(value[3]),
    },
    itemStyle: { borderColor: colors.surface, borderWidth: cell > 8 ? 1 : 0 },
    emphasis: { itemStyle: { borderColor: colors.text, borderWidth: 1 } },
  });
  const category = {
    ...axis(colors),
    type: 'category',
    data: names.map((each) => short(each)),
    axisLine: { show: false },
    splitArea: { show: false },
    splitLine: { show: true, interval: 0, lineStyle: { color: colors.line, opacity: 0.5 } },
  };
  const label = { ...category.axisLabel, interval: 0, hideOverlap: false, fontSize: cell < 14 ? 9 : 11 };
  return {
    grid: { ...plain, left: margin, right: 8, top: 8, bottom: margin },
    xAxis: { ...category, axisLabel: { ...label, rotate: 90 }, position: 'bottom' },
    yAxis: { ...category, axisLabel: label, inverse: true },
    visualMap: [
      {
        type: 'continuous',
        show: false,
        seriesIndex: 0,
        dimension: 2,
        min: 0,
        max: 1,
        inRange: { color: [...colors.right] },
      },
      {
        type: 'continuous',
        show: false,
        seriesIndex: 1,
        dimension: 2,
        min: 0,
        max: most,
        inRange: { color: [...colors.wrong] },
      },
    ],
    tooltip: {
      ...tooltip(colors),
      formatter: ({ value: [column, row] }: { value: number[] }) => note(...sentences(row, column)),
    },
    series: [series(true), series(false)],
  };
}

/** What a cell says. */
function sentences(row: number, column: number): [heading: string, detail: string] {
  const { classes, totals } = matrix!;
  const [truth, predicted] = [data.classNames[classes[row]], data.classNames[classes[column]]];
  const n = images.get(`${classes[row]} ${classes[column]}`) ?? 0;
  return [
    row === column ? `${truth}: right` : `${truth} predicted as ${predicted}`,
    `${count(n)} of ${count(totals[row])} images, ${percent(totals[row] === 0 ? 0 : n / totals[row])}`,
  ];
}

function choose(drawing: Drawing, row: number, column: number): void {
  chosen = [row, column];
  moveCursor(drawing);
  const { classes } = matrix!;
  const [heading, detail] = sentences(row, column);
  const pictures = examplesOf(classes[row], classes[column]);
  element('cell').replaceChildren(
    make('h3', {}, heading),
    make('p', {}, detail),
    make('div', { class: 'thumbs' }, ...pictures),
    ...(pictures.length === 0 ? [make('p', { class: 'quiet' }, 'The report holds no images of this cell.')] : []),
  );
}

/** The images that the tables hold: of the pair, or of the class where it was told right. */
function examplesOf(truth: number, predicted: number): Node[] {
  const row =
    truth === predicted
      ? [...document.querySelectorAll<HTMLTableRowElement>('#class-table tbody tr')].find(
          (each) => each.cells[0].dataset.value === data.classNames[truth],
        )
      : document.querySelector(`#pairs tr[data-pair="${truth} ${predicted}"]`);
  return [...(row?.querySelectorAll('.thumb, .gone') ?? [])].map((image) => image.cloneNode(true));
}

/** Puts the frame around the chosen cell. */
function moveCursor(drawing: Drawing | null): void {
  if (drawing === null || chosen === null) return;
  const [row, column] = chosen;
  const at = (i: number, j: number) => drawing.chart.convertToPixel({ gridIndex: 0 }, [j, i]) as [number, number];
  const [x, y] = at(row, column);
  const size = at(row, column === 0 ? 1 : column - 1)[0] - x;
  const side = Math.abs(size);
  Object.assign(element('matrix-cursor').style, {
    display: 'block',
    left: `${x - side / 2}px`,
    top: `${y - side / 2}px`,
    width: `${side}px`,
    height: `${side}px`,
  });
}
