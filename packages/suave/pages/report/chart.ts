/** @file A chart in an element of the page: drawn as SVG, again whenever colors, size or choices change. */
import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  DataZoomInsideComponent,
  GridComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapContinuousComponent,
} from 'echarts/components';
import { type EChartsCoreOption, type EChartsType, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { make } from './data.js';
import { onTheme, type Theme, theme } from './theme.js';

use([BarChart, HeatmapChart, LineChart, ScatterChart, SVGRenderer]);
use([DataZoomInsideComponent, GridComponent, MarkLineComponent, TooltipComponent, VisualMapContinuousComponent]);

/** A chart that is on the page. */
export interface Drawing {
  readonly chart: EChartsType;
  readonly element: HTMLElement;
  /** Draws again, after a choice has changed. */
  redraw(): void;
}

const font = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Draws into the element with this id; null where the page has none, because the report lacks the part. */
export function draw(
  id: string,
  option: (theme: Theme, width: number) => EChartsCoreOption,
  onResize?: () => void,
): Drawing | null {
  const place = document.getElementById(id);
  if (place === null) return null;
  const chart = init(place, null, { renderer: 'svg' });
  const redraw = () => {
    const colors = theme();
    chart.setOption(
      {
        animation: false,
        textStyle: { fontFamily: font, color: colors.quiet },
        ...option(colors, place.clientWidth),
      },
      { notMerge: true },
    );
  };
  redraw();
  onTheme(redraw);
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    chart.resize();
    redraw();
    onResize?.();
  }).observe(place);
  return { chart, element: place, redraw };
}

/** Margins mean what they say: the library does not move a grid for its labels. */
export const plain = { outerBoundsMode: 'none' } as const;

/** How axes look. */
export const axis = (colors: Theme) => ({
  axisLine: { show: true, lineStyle: { color: colors.line } },
  axisTick: { show: false },
  axisLabel: { color: colors.quiet, fontSize: 11, hideOverlap: true },
  splitLine: { lineStyle: { color: colors.line, opacity: 0.6 } },
  nameTextStyle: { color: colors.quiet, fontSize: 11 },
});

/** How the box at the pointer looks. */
export const tooltip = (colors: Theme) => ({
  backgroundColor: colors.surface,
  borderColor: colors.line,
  padding: [6, 10],
  textStyle: { color: colors.text, fontSize: 12, fontFamily: font },
  confine: true,
  transitionDuration: 0,
});

/** Lines of text in that box, the first as its heading; text stays text, whatever it holds. */
export function note(...lines: readonly (string | Node)[]): HTMLElement {
  return make('div', { class: 'note' }, ...lines.map((line) => make('div', {}, line)));
}

/** A name short enough for an axis: cut in the middle, because names often begin or end alike. */
export function short(name: string, length = 14): string {
  const letters = [...name];
  if (letters.length <= length) return name;
  const tail = Math.floor(length / 3);
  return `${letters.slice(0, length - 1 - tail).join('')}…${letters.slice(-tail).join('')}`;
}
