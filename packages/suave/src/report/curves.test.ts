import { describe, expect, it } from 'vitest';
import type { MetricsRecord } from '../runs/index.js';
import { courseOf, thinned } from './curves.js';
import { unmeasuredPseudoLabels } from './pseudo-labels.js';

const record = (stage: string, step: number, rest: Record<string, number | null>): MetricsRecord => ({
  stage,
  step,
  epoch: 0,
  images: 10 * step,
  seconds: step,
  ...rest,
});

describe('courseOf', () => {
  const records = [
    record('swav', 1, { loss: 3, lr: 0.1 }),
    record('swav', 4, { loss: 2, lr: 0.2 }),
    record('suave', 2, { loss: 1, lr: 0.3, val_top1: 0.5, pseudo_label_top1: 0.25, online_top1_0: 0.4, epsilon: 0.05 }),
  ];
  const { curves, stages } = courseOf(records);
  const curve = (key: string) => curves.flatMap((group) => group.curves).find((each) => each.key === key);

  it('strings stages together by the images seen', () => {
    expect(stages).toEqual([
      { name: 'swav', images: 0 },
      { name: 'suave', images: 40 },
    ]);
    expect(curve('loss')?.points).toEqual([
      [10, 3],
      [40, 2],
      [60, 1],
    ]);
    expect(curve('val_top1')?.points).toEqual([[60, 0.5]]);
  });

  it('groups what it knows and shows what it does not', () => {
    expect(curves.map(({ title }) => title)).toEqual([
      'Losses',
      'Accuracy on held-out images',
      'Pseudo-labels',
      'Accuracy on labeled training images',
      'Learning rate',
      'Epsilon',
    ]);
    expect(curve('online_top1_0')?.name).toBe('online head 1');
    expect(curve('seconds')).toBeUndefined();
  });

  it('leaves out what means nothing, and takes the metrics of older runs and of none', () => {
    const without = courseOf(records, unmeasuredPseudoLabels).curves;
    expect(without.map(({ title }) => title)).not.toContain('Pseudo-labels');
    expect(courseOf([record('a', 1, { loss: null })]).curves).toEqual([]);
    expect(courseOf([])).toEqual({ curves: [], stages: [] });
  });
});

describe('thinned', () => {
  const points = Array.from({ length: 20_000 }, (_, i): [number, number] => [i, Math.sin(i / 50)]);
  points[12_345] = [12_345, 40];
  points[12_346] = [12_346, -40];

  it('keeps ends and extremes in at most 500 points', () => {
    const kept = thinned(points);
    expect(kept.length).toBeLessThanOrEqual(500);
    expect(kept[0]).toEqual(points[0]);
    expect(kept.at(-1)).toEqual(points.at(-1));
    expect(kept).toContainEqual([12_345, 40]);
    expect(kept).toContainEqual([12_346, -40]);
    for (let i = 1; i < kept.length; i++) expect(kept[i][0]).toBeGreaterThan(kept[i - 1][0]);
  });

  it('leaves few points as they are', () => {
    expect(thinned(points.slice(0, 500))).toEqual(points.slice(0, 500));
    expect(thinned([])).toEqual([]);
    expect(thinned(points.slice(0, 501)).length).toBeLessThanOrEqual(500);
  });
});
