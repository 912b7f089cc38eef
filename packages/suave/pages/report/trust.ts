/** @file Calibration, and the slider that trades answers for accuracy. */

import { abstainCommand } from '../../src/report/page/abstain-command.js';
import { count, percent, percentOrDash } from '../../src/report/page/format.js';
import { axis, draw, note, plain, tooltip } from './chart.js';
import { data, element } from './data.js';

const share = (value: number): string => `${Math.round(100 * value)} %`;

/** Reliability diagram above the number of images in each bin. */
export function drawReliability(): void {
  if (data.calibration === null) return;
  const { bins } = data.calibration;
  const labels = bins.map(({ low, high }) => `${share(low)} – ${share(high)}`);
  draw('reliability', (colors) => {
    const base = axis(colors);
    const x = (gridIndex: number, show: boolean) => ({
      ...base,
      type: 'value',
      min: 0,
      max: 1,
      gridIndex,
      splitLine: { show: false },
      axisLabel: { ...base.axisLabel, show, formatter: share },
    });
    const bars = (gridIndex: number, values: readonly (number | null)[], color: string, opacity: number) => ({
      type: 'bar',
      xAxisIndex: gridIndex + 2,
      yAxisIndex: gridIndex,
      data: values,
      color,
      itemStyle: { opacity },
      barCategoryGap: '8%',
    });
    const category = (gridIndex: number) => ({ type: 'category', gridIndex, show: false, data: labels });
    return {
      grid: [
        { ...plain, left: 48, right: 24, top: 10, height: '62%' },
        { ...plain, left: 48, right: 24, bottom: 26, height: '18%' },
      ],
      xAxis: [x(0, false), x(1, true), category(0), category(1)],
      yAxis: [
        { ...base, type: 'value', min: 0, max: 1, axisLabel: { ...base.axisLabel, formatter: share } },
        { ...base, type: 'value', gridIndex: 1, splitNumber: 1, minInterval: 1 },
      ],
      tooltip: {
        ...tooltip(colors),
        trigger: 'axis',
        axisPointer: { type: 'shadow' },
        formatter: (points: readonly { dataIndex: number; axisValue: string | number }[]) => {
          const bin = bins[points[0]?.dataIndex ?? 0];
          return note(
            `Confidence ${share(bin.low)} to ${share(bin.high)}`,
            `${count(bin.images)} images`,
            `right ${percentOrDash(bin.accuracy)}, mean confidence ${percentOrDash(bin.confidence)}`,
          );
        },
      },
      series: [
        bars(
          0,
          bins.map((bin) => bin.accuracy),
          colors.series[0],
          0.85,
        ),
        bars(
          1,
          bins.map((bin) => bin.images),
          colors.quiet,
          0.7,
        ),
        {
          type: 'line',
          data: [
            [0, 0],
            [1, 1],
          ],
          showSymbol: false,
          silent: true,
          color: colors.text,
          tooltip: { show: false },
          lineStyle: { type: 'dashed', width: 1 },
        },
      ],
    };
  });
}

/** Accuracy over coverage; the slider's threshold as a point. */
export function drawCoverage(): void {
  const { coverage } = data;
  if (coverage === null) return;
  const slider = element<HTMLInputElement>('threshold');
  const chosen = () => coverage.points[Number(slider.value)];
  const drawing = draw('coverage-chart', (colors) => {
    const base = axis(colors);
    const curve = coverage.points.filter(({ accuracy }) => accuracy !== null);
    const point = chosen();
    return {
      grid: { ...plain, left: 52, right: 20, top: 26, bottom: 42 },
      xAxis: {
        ...base,
        type: 'value',
        min: 0,
        max: 1,
        name: 'images answered',
        nameLocation: 'middle',
        nameGap: 26,
        axisLabel: { ...base.axisLabel, formatter: share },
      },
      yAxis: {
        ...base,
        type: 'value',
        max: 1,
        scale: true,
        name: 'right among them',
        nameTextStyle: { ...base.nameTextStyle, align: 'left' },
        axisLabel: { ...base.axisLabel, formatter: share },
      },
      tooltip: {
        ...tooltip(colors),
        trigger: 'axis',
        axisPointer: { type: 'line', lineStyle: { color: colors.quiet } },
        formatter: (points: readonly { value: readonly number[] }[]) => {
          const [answered, accuracy, threshold] = points[0].value;
          return note(`Threshold ${threshold}`, `${percent(answered)} answered, ${percent(accuracy)} right`);
        },
      },
      series: [
        {
          type: 'line',
          data: curve.map(({ coverage: answered, accuracy, threshold }) => [answered, accuracy, threshold]),
          showSymbol: curve.length === 1,
          color: colors.series[0],
          lineStyle: { width: 2 },
          emphasis: { disabled: true },
        },
        {
          type: 'scatter',
          data: point.accuracy === null ? [] : [[point.coverage, point.accuracy, point.threshold]],
          symbolSize: 12,
          silent: true,
          itemStyle: { color: colors.series[1], opacity: 1, borderColor: colors.surface, borderWidth: 2 },
        },
      ],
    };
  });
  const read = () => {
    const { threshold, coverage: answered, accuracy } = chosen();
    element('at-threshold').textContent = String(threshold);
    element('at-coverage').textContent = percent(answered);
    element('at-accuracy').textContent = percentOrDash(accuracy);
    element('abstain-command').textContent = abstainCommand(data.run, threshold);
    slider.setAttribute(
      'aria-valuetext',
      `${threshold}: ${percent(answered)} answered, ${percentOrDash(accuracy)} right`,
    );
  };
  slider.addEventListener('input', () => {
    read();
    drawing?.redraw();
  });
  read();
}
