/** @file How often each prototype wins. */
import { count } from '../../src/report/page/format.js';
import { axis, draw, note, plain, short, tooltip } from './chart.js';
import { data } from './data.js';

/** Bars in the order of the prototypes; of many, the most used first. */
export function drawPrototypes(): void {
  const use = data.prototypes;
  if (use === null) return;
  const all = use.wins.map((wins, i) => ({ wins, name: use.names[i] ?? `#${i + 1}` }));
  const many = all.length > 60;
  const shown = many ? all.sort((a, b) => b.wins - a.wins) : all;
  draw('prototypes-chart', (colors) => {
    const base = axis(colors);
    return {
      grid: { ...plain, left: 48, right: 12, top: 10, bottom: many ? 12 : 76 },
      xAxis: {
        ...base,
        type: 'category',
        data: shown.map(({ name }) => name),
        axisLabel: {
          ...base.axisLabel,
          show: !many,
          interval: 0,
          hideOverlap: false,
          rotate: shown.length > 6 ? 60 : 0,
          formatter: (name: string) => short(name, 12),
        },
      },
      yAxis: { ...base, type: 'value', minInterval: 1 },
      tooltip: {
        ...tooltip(colors),
        trigger: 'axis',
        axisPointer: { type: 'shadow' },
        formatter: ([{ dataIndex }]: readonly { dataIndex: number }[]) =>
          note(shown[dataIndex].name, `${count(shown[dataIndex].wins)} images`),
      },
      series: [
        {
          type: 'bar',
          large: false,
          barCategoryGap: many ? '0%' : '20%',
          data: shown.map(({ wins, name }) => ({
            value: wins,
            itemStyle: { color: use.names.includes(name) ? colors.series[0] : colors.series[1] },
          })),
        },
      ],
    };
  });
}
