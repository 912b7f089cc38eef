/** @file The numbers of metrics.jsonl over the course of training, stages strung together by the images they have seen. */
import type { MetricsRecord } from '../runs/index.js';
import type { Curve, CurveGroup, StageStart } from './report-data.js';

/** Curves that are drawn together, with their keys of metrics.jsonl in words. */
interface GroupPlan extends Pick<CurveGroup, 'title' | 'unit' | 'logarithmic'> {
  readonly names: Readonly<Record<string, string>>;
}

const plans: readonly GroupPlan[] = [
  {
    title: 'Losses',
    unit: 'nats',
    logarithmic: false,
    names: {
      loss: 'loss',
      loss_unlabeled: 'unlabeled images',
      loss_labeled: 'labeled images',
      loss_mixed: 'mixed images',
      loss_me_max: 'mean entropy (PAWS)',
      loss_online: 'online heads',
      val_loss: 'held-out images',
    },
  },
  {
    title: 'Accuracy on held-out images',
    unit: 'fraction',
    logarithmic: false,
    names: { val_top1: 'top-1', val_top5: 'top-5', val_top1_normalized: 'top-1 with prototypes of length 1' },
  },
  {
    title: 'Pseudo-labels',
    unit: 'fraction',
    logarithmic: false,
    names: { pseudo_label_top1: 'right (top-1)', pseudo_label_top5: 'right class among the first five' },
  },
  {
    title: 'Accuracy on labeled training images',
    unit: 'fraction',
    logarithmic: false,
    names: { labeled_top1: 'top-1', labeled_top5: 'top-5', ensemble_top1: 'ensemble of the online heads' },
  },
  {
    title: 'Prototypes in use',
    unit: 'number',
    logarithmic: false,
    names: { prototypes_used: 'effective number in a batch' },
  },
  {
    title: 'Sharpness of the assignments',
    unit: 'fraction',
    logarithmic: false,
    names: { assignment_entropy: 'entropy, 0 sharp to 1 even' },
  },
  { title: 'Learning rate', unit: 'rate', logarithmic: false, names: { lr: 'learning rate' } },
];

/** Keys that are no curves: the place in training, and the clock. */
const places = new Set(['stage', 'step', 'epoch', 'images', 'seconds']);

/** Most points of a curve. */
const maxPoints = 500;

/** What metrics.jsonl shows. */
export interface Course {
  readonly curves: CurveGroup[];
  readonly stages: StageStart[];
}

/**
 * Strings the stages together.
 * @param leaveOut  keys that mean nothing in this run
 */
export function courseOf(records: readonly MetricsRecord[], leaveOut: ReadonlySet<string> = new Set()): Course {
  const stages: StageStart[] = [];
  const values = new Map<string, [images: number, value: number][]>();
  let before = 0;
  let last = 0;
  for (const record of records) {
    if (stages.at(-1)?.name !== record.stage) {
      before = last;
      stages.push({ name: record.stage, images: before });
    }
    if (typeof record.images !== 'number') continue;
    last = before + record.images;
    for (const [key, value] of Object.entries(record)) {
      if (typeof value !== 'number' || places.has(key) || leaveOut.has(key)) continue;
      const points = values.get(key) ?? [];
      points.push([last, value]);
      values.set(key, points);
    }
  }
  const curve = (key: string, name: string): Curve[] => {
    const points = values.get(key);
    return points === undefined ? [] : [{ key, name, points: thinned(points) }];
  };
  const known = new Set(plans.flatMap(({ names }) => Object.keys(names)));
  const others = [...values.keys()].filter((key) => !known.has(key));
  const groups = plans.map(({ names, ...group }) => ({
    ...group,
    curves: [
      ...Object.entries(names).flatMap(([key, name]) => curve(key, name)),
      ...(group.title === onlineGroup ? others.filter(isOnline).flatMap((key) => curve(key, onlineName(key))) : []),
    ],
  }));
  const settings = others
    .filter((key) => !isOnline(key))
    .flatMap((key) => curve(key, key.replaceAll('_', ' ')))
    .map((each): CurveGroup => ({ title: capital(each.name), unit: 'number', logarithmic: false, curves: [each] }));
  return { curves: [...groups, ...settings].filter(({ curves }) => curves.length > 0), stages };
}

const onlineGroup = 'Accuracy on labeled training images';
const onlinePrefix = 'online_top1_';
const isOnline = (key: string): boolean => key.startsWith(onlinePrefix);
const onlineName = (key: string): string => `online head ${Number(key.slice(onlinePrefix.length)) + 1}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** At most 500 points: the first, the last, and the lowest and highest of equal stretches between them. */
export function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  if (points.length <= maxPoints) return [...points];
  const inner = points.length - 2;
  const stretches = (maxPoints - 2) / 2;
  const kept: (readonly [number, number])[] = [points[0]];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = 1 + Math.floor((stretch * inner) / stretches);
    const to = 1 + Math.floor(((stretch + 1) * inner) / stretches);
    let lowest = from;
    let highest = from;
    for (let i = from; i < to; i++) {
      if (points[i][1] < points[lowest][1]) lowest = i;
      if (points[i][1] > points[highest][1]) highest = i;
    }
    for (const i of new Set([lowest, highest].sort((a, b) => a - b))) kept.push(points[i]);
  }
  kept.push(points[points.length - 1]);
  return kept;
}
