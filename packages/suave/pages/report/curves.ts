/** @file Curves of training: the same pointer in all of them, names that hide their curve, lines where stages begin. */
import { compact, inUnit } from '../../src/report/page/format.js';
import type { Curve, CurveGroup } from '../../src/report/report-data.js';
import { axis, type Drawing, draw, note, plain, tooltip } from './chart.js';
import { data, make } from './data.js';
import type { Theme } from './theme.js';

/** A point under the pointer, as the charting library gives it. */
interface Pointed {
  readonly seriesName: string;
  readonly seriesId: string;
  readonly value: readonly [number, number | null];
}

/** Draws all groups. */
export function drawCurves(): void {
  const drawings = data.curves.flatMap((group, i) => {
    const hidden = new Set<number>();
    const drawing = draw(`curves-${i}`, (colors) => curvesOption(group, hidden, colors));
    if (drawing === null) return [];
    addToggles(drawing.element, hidden, drawing.redraw);
    return [drawing];
  });
  for (const drawing of drawings) pointAlike(drawing, drawings);
}

/** Shows in all charts what lies at the place that the pointer has in one of them. */
function pointAlike({ chart }: Drawing, drawings: readonly Drawing[]): void {
  const others = drawings.map((drawing) => drawing.chart).filter((other) => other !== chart);
  chart.getZr().on('mousemove', ({ offsetX, offsetY }) => {
    if (!chart.containPixel('grid', [offsetX, offsetY])) return;
    const images = chart.convertFromPixel({ xAxisIndex: 0 }, offsetX) as number;
    for (const other of others) {
      const x = other.convertToPixel({ xAxisIndex: 0 }, images) as number;
      other.dispatchAction({ type: 'showTip', x, y: other.getHeight() / 2 });
    }
  });
  chart.getZr().on('globalout', () => {
    for (const other of others) {
      other.dispatchAction({ type: 'hideTip' });
      other.dispatchAction({ type: 'updateAxisPointer', currTrigger: 'leave' });
    }
  });
}

function curvesOption(group: CurveGroup, hidden: ReadonlySet<number>, colors: Theme) {
  const { unit, logarithmic } = group;
  const starts = data.stages.slice(1).map(({ name, images }) => ({ xAxis: images, name }));
  const lines = group.curves.flatMap(({ name, points }, i) =>
    hidden.has(i)
      ? []
      : [
          {
            type: 'line',
            id: String(i),
            name,
            data: interrupted(logarithmic ? points.filter(([, value]) => value > 0) : points),
            showSymbol: points.length === 1,
            symbol: 'circle',
            symbolSize: 6,
            color: colors.series[i % 8],
            lineStyle: { width: 2, type: i < 8 ? 'solid' : 'dashed' },
            emphasis: { disabled: true },
          },
        ],
  );
  const highest = Math.max(...group.curves.flatMap(({ points }) => points.map(([, value]) => value)));
  const last = Math.max(...data.curves.flatMap(({ curves }) => curves.map(({ points }) => points.at(-1)?.[0] ?? 0)));
  return {
    grid: { ...plain, left: 52, right: 16, top: starts.length > 0 ? 24 : 10, bottom: 26 },
    xAxis: {
      ...axis(colors),
      type: 'value',
      min: 0,
      max: last,
      splitLine: { show: false },
      axisLabel: { ...axis(colors).axisLabel, formatter: compact, showMaxLabel: false },
    },
    yAxis: {
      ...axis(colors),
      type: logarithmic ? 'log' : 'value',
      scale: unit !== 'fraction',
      axisLine: { show: false },
      splitNumber: 4,
      ...(unit === 'fraction' && highest > 0.8 ? { min: 0, max: 1, interval: 0.25 } : {}),
      axisLabel: {
        ...axis(colors).axisLabel,
        formatter: (value: number) =>
          unit === 'fraction' ? `${Number((100 * value).toPrecision(4))} %` : axisNumber(value),
      },
    },
    tooltip: {
      ...tooltip(colors),
      trigger: 'axis',
      axisPointer: { type: 'line', lineStyle: { color: colors.quiet, type: 'solid' }, label: { show: false } },
      formatter: (points: readonly Pointed[]) => reading(points, unit, colors),
    },
    series: [
      ...lines,
      // The starts of stages belong to a line of their own, so that they stay when a curve is hidden.
      {
        type: 'line',
        id: 'stages',
        data: [],
        silent: true,
        markLine: {
          silent: true,
          symbol: 'none',
          animation: false,
          lineStyle: { color: colors.quiet, type: [4, 4], width: 1 },
          label: { formatter: '{b}', color: colors.quiet, fontSize: 11, position: 'end' },
          data: starts,
        },
      },
    ],
  };
}

/** A curve ends with its stage: what another stage measures under the same name is not its course. */
function interrupted(points: Curve['points']): (readonly [number, number | null])[] {
  const starts = data.stages.slice(1).map((stage) => stage.images);
  return points.flatMap((point, i) => {
    const start = i === 0 ? undefined : starts.find((images) => points[i - 1][0] <= images && images < point[0]);
    return start === undefined ? [point] : [[start, null] as const, point];
  });
}

const axisNumber = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(0) : compact(value);

function reading(points: readonly Pointed[], unit: CurveGroup['unit'], colors: Theme): HTMLElement {
  const rows = points.flatMap(({ seriesName, seriesId, value: [, value] }) => {
    if (value === null) return [];
    const swatch = make('i', { class: 'swatch' });
    swatch.style.background = colors.series[Number(seriesId) % 8];
    const words = [make('span', {}, seriesName), make('b', {}, inUnit(value, unit))];
    return [make('span', { class: 'reading' }, swatch, ...words)];
  });
  return note(`${compact(points[0]?.value[0] ?? 0)} images`, ...rows);
}

/** Makes the names below a chart buttons that hide and show. */
function addToggles(chart: HTMLElement, hidden: Set<number>, redraw: () => void): void {
  for (const item of chart.closest('figure')?.querySelectorAll<HTMLElement>('.legend li') ?? []) {
    const index = Number(item.dataset.curve);
    const button = make('button', { type: 'button', 'aria-pressed': 'true' }, ...item.childNodes);
    button.addEventListener('click', () => {
      if (!hidden.delete(index)) hidden.add(index);
      button.setAttribute('aria-pressed', String(!hidden.has(index)));
      redraw();
    });
    item.append(button);
  }
}
