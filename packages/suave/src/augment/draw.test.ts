import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countRepeats, drawResizedCrop, drawViews, resizedSize, type ViewKey } from './draw.js';
import * as pipelines from './pipelines.js';
import { drawKey } from './random.js';
import { roundHalfEven } from './rounding.js';
import { describeViews, emptyViewParameters, encodeViews, pushOperation } from './view-parameters.js';
import type { ViewSpec } from './view-spec.js';

const specs = Object.values(pipelines).filter(
  (value): value is ViewSpec => typeof value === 'object' && 'flipProb' in value,
);
const key: ViewKey = { seed: 31, stage: 1, stream: 'unlabeled', epochs: 2, view: 0 };

/** Views of many different images of one size. */
function manyViews(spec: ViewSpec, count: number, height = 80, width = 100) {
  const images = { heights: new Int32Array(count).fill(height), widths: new Int32Array(count).fill(width) };
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  return describeViews(drawViews(spec, images, indices, key));
}

describe('drawResizedCrop', () => {
  it('stays in bounds for images of every size and shape', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 700 }), (seed, h, w) => {
        const draws = drawKey(seed, 0, 'other', 0, 0, 0, 0, 'crop');
        for (const scale of [
          [0.05, 0.14],
          [0.08, 1],
          [1, 1],
        ] as const) {
          const box = drawResizedCrop(draws, h, w, scale);
          expect(Object.values(box).every(Number.isInteger)).toBe(true);
          expect(box.height).toBeGreaterThan(0);
          expect(box.width).toBeGreaterThan(0);
          expect(box.top).toBeGreaterThanOrEqual(0);
          expect(box.left).toBeGreaterThanOrEqual(0);
          expect(box.top + box.height).toBeLessThanOrEqual(h);
          expect(box.left + box.width).toBeLessThanOrEqual(w);
        }
      }),
    );
  });

  it('falls back to the central part of a long image', () => {
    const draws = drawKey(1, 0, 'other', 0, 0, 0, 0, 'crop');
    expect(drawResizedCrop(draws, 10, 100, [1, 1])).toEqual({ top: 0, left: 43, height: 10, width: 13 });
    expect(drawResizedCrop(draws, 100, 9, [1, 1])).toEqual({ top: 44, left: 0, height: 12, width: 9 });
  });
});

describe('drawViews', () => {
  it('gives the same bits for the same key, whatever else is in the batch', () => {
    const images = { heights: [40, 50, 60, 70], widths: [70, 60, 50, 40] };
    const together = describeViews(drawViews(pipelines.dainoGlobal1, images, [2, 0, 3, 2], key));
    const alone = describeViews(drawViews(pipelines.dainoGlobal1, images, [3], key));
    expect(together[2]).toEqual(alone[0]);
    expect(together[0]).not.toEqual(together[3]);
    const second = drawViews(pipelines.dainoGlobal1, images, [2], { ...key, repeats: [1] });
    expect(describeViews(second)[0]).toEqual(together[3]);
    const epochs = drawViews(pipelines.dainoGlobal1, images, [2, 2], { ...key, epochs: [2, 3], repeats: [0, 0] });
    expect(describeViews(epochs)[0]).toEqual(together[0]);
    expect(describeViews(epochs)[1]).not.toEqual(together[0]);
  });

  it('is another draw for every field of the key', () => {
    const images = { heights: [400], widths: [500] };
    const draw = (changes: Partial<ViewKey>) =>
      JSON.stringify(describeViews(drawViews(pipelines.imagenetGlobal, images, [0], { ...key, ...changes })));
    const all = [{}, { seed: 32 }, { stage: 0 }, { stream: 'labeled' as const }, { epochs: 1 }, { view: 1 }].map(draw);
    expect(new Set(all).size).toBe(all.length);
  });

  it('does not let one operation shift the draws of another', () => {
    const { jitter: _, ...rest } = pipelines.dainoGlobal1;
    const withJitter = manyViews(pipelines.dainoGlobal1, 50);
    const without = manyViews({ ...rest, jitter: null }, 50);
    for (const [i, view] of without.entries()) {
      expect(view.crop).toEqual(withJitter[i].crop);
      const others = withJitter[i].operations.filter((op) => ['gray', 'blur', 'solarize'].includes(op.kind));
      expect(view.operations).toEqual(others);
    }
  });

  it.each(specs.map((spec) => [spec.name, spec] as const))('follows the distribution of %s', (_, spec) => {
    const count = 4000;
    const views = manyViews(spec, count);
    const near = (number: number, prob: number) =>
      expect(Math.abs(number / count - prob)).toBeLessThan(5 * Math.sqrt((prob * (1 - prob)) / count) + 1e-9);
    const values = (kind: string) =>
      views.flatMap((view) => view.operations.filter((op) => op.kind === kind).map((op) => op.value));
    const within = (kind: string, low: number, high: number, prob: number) => {
      const found = values(kind);
      near(found.length, prob);
      if (found.length === 0) return;
      expect(Math.min(...found)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...found)).toBeLessThanOrEqual(high);
      expect(Math.max(...found) - Math.min(...found)).toBeGreaterThan(0.9 * (high - low));
    };
    near(views.filter((view) => view.flip).length, spec.flipProb);
    const { jitter, blur, threeAugment } = spec;
    for (const kind of ['brightness', 'contrast', 'saturation'] as const) {
      within(kind, Math.max(0, 1 - (jitter?.[kind] ?? 0)), 1 + (jitter?.[kind] ?? 0), jitter?.prob ?? 0);
    }
    within('hue', -(jitter?.hue ?? 0), jitter?.hue ?? 0, jitter && jitter.hue > 0 ? jitter.prob : 0);
    const sigma = blur?.sigma ?? threeAugment?.sigma ?? [0, 0];
    within('blur', sigma[0], sigma[1], threeAugment ? 1 / 3 : (blur?.prob ?? 0));
    near(values('gray').length, threeAugment ? 1 / 3 : spec.grayProb);
    near(values('solarize').length, threeAugment ? 1 / 3 : (spec.solarize?.prob ?? 0));
    if (!jitter || jitter.hue === 0) return;
    // Each of the 24 orders as often.
    const orders = new Map<string, number>();
    const jitterKinds = ['brightness', 'contrast', 'saturation', 'hue'];
    for (const view of views) {
      const order = view.operations.map((op) => op.kind).filter((kind) => jitterKinds.includes(kind));
      if (order.length > 0) orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const number of orders.values()) near(number, jitter.prob / 24);
  });

  it('applies operations in the order crop, 3-Augment, jitter, gray, blur, solarize', () => {
    const all = manyViews({ ...pipelines.dainoGlobal1, grayProb: 1, blur: { prob: 1, sigma: [1, 1] } }, 200);
    const order = ['gray', 'blur', 'solarize'];
    for (const view of all) {
      const tail = view.operations.map((op) => op.kind).filter((kind) => order.includes(kind));
      expect(tail).toEqual(order.slice(0, tail.length));
      expect(view.operations.at(-1)?.kind).toBe(tail.at(-1));
    }
    for (const view of manyViews(pipelines.threeAugmentLabeled, 50)) {
      expect(['gray', 'blur', 'solarize']).toContain(view.operations[0].kind);
      expect(view.operations.length).toBe(4);
    }
  });

  it('cuts simple crops out of the reflected border', () => {
    for (const view of manyViews(pipelines.threeAugmentSimpleLabeled, 500, 300, 500)) {
      expect(view.resized).toEqual({ height: 224, width: 373 });
      expect(view.window.top).toBeGreaterThanOrEqual(-4);
      expect(view.window.top).toBeLessThanOrEqual(4);
      expect(view.window.left).toBeGreaterThanOrEqual(-4);
      expect(view.window.left).toBeLessThanOrEqual(373 - 224 + 4);
    }
  });

  it('refuses indices without an image', () => {
    const images = { heights: [4], widths: [4] };
    expect(() => drawViews(pipelines.cifarGlobal, images, [1], key)).toThrow(/indices below 1, got 1/);
  });
});

describe('helpers', () => {
  it('counts repeats within a batch', () => {
    expect([...countRepeats([5, 3, 5, 5, 3])]).toEqual([0, 0, 1, 2, 1]);
  });

  it('rounds halves to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.49, 2.51].map(roundHalfEven).map((x) => x + 0)).toEqual([
      0, 2, 2, 0, -2, 2, 3,
    ]);
  });

  it('resizes the shorter side', () => {
    expect(resizedSize(375, 500, 256)).toEqual({ height: 256, width: 341 });
    expect(resizedSize(500, 375, 256)).toEqual({ height: 341, width: 256 });
    expect(resizedSize(301, 300, 256)).toEqual({ height: 256, width: 256 });
  });

  it('encodes and describes views', () => {
    const view = {
      crop: { top: 1, left: 2, height: 3, width: 4 },
      resized: { height: 8, width: 9 },
      window: { top: -1, left: 1 },
      flip: true,
      operations: [
        { kind: 'hue', value: -0.1 },
        { kind: 'blur', value: 1.5 },
      ],
    } as const;
    expect(describeViews(encodeViews([view], { height: 6, width: 6 }))).toEqual([view]);
    const { rows } = emptyViewParameters(1, 2, 2);
    for (let i = 0; i < 8; i++) pushOperation(rows, 0, 'gray', 0);
    expect(() => pushOperation(rows, 0, 'gray', 0)).toThrow(/at most 8/);
  });
});
