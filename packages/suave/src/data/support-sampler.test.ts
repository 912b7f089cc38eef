import { describe, expect, test } from 'vitest';
import { createSupportSampler, type SupportSamplerOptions } from './support-sampler.js';

/** Class k has `counts[k]` images; labeled and unlabeled images take turns. */
function labeled(counts: readonly number[]): Pick<SupportSamplerOptions, 'images' | 'labels'> {
  const labels = Int32Array.from(counts.flatMap((count, label) => new Array<number[]>(count).fill([label, -1]).flat()));
  const images = Int32Array.from(labels.keys()).filter((image) => labels[image] >= 0);
  return { images, labels };
}

const make = (counts: readonly number[], classes: number, imagesPerClass: number, seed = 0) =>
  createSupportSampler({ seed, stage: 0, classes, imagesPerClass, ...labeled(counts) });

describe('support sampler', () => {
  test('rows are class-interleaved, each class with the same number of different images', () => {
    const { labels } = labeled([5, 5, 5, 5, 5, 5, 5]);
    const sampler = make([5, 5, 5, 5, 5, 5, 5], 3, 2);
    expect([sampler.numClasses, sampler.imagesPerClass, sampler.stepsPerPass, sampler.note]).toEqual([3, 2, 2, null]);
    for (let t = 0; t < 30; t++) {
      const { indices, classes, repeats } = sampler.batch(t);
      expect([...indices].map((index) => labels[index])).toEqual([...classes, ...classes]);
      expect(new Set(indices).size).toBe(6);
      expect(new Set(classes).size).toBe(3);
      expect([...repeats]).toEqual(new Array(6).fill(0));
    }
  });

  test('a pass takes no class twice, passes have orders of their own', () => {
    const sampler = make(new Array(10).fill(4), 4, 2);
    const passes = [0, 1, 2, 3].map((pass) => [0, 1].flatMap((i) => [...sampler.batch(2 * pass + i).classes]));
    for (const classes of passes) expect(new Set(classes).size).toBe(8);
    expect(new Set(passes.map(String)).size).toBe(4);
    const seen = new Set(Array.from({ length: 60 }, (_, t) => [...sampler.batch(t).classes]).flat());
    expect(seen.size).toBe(10);
  });

  test('a class goes through its images before any comes again', () => {
    const sampler = make([6, 6], 2, 2);
    const rounds = [0, 1, 2, 3].map((round) =>
      [0, 1, 2].flatMap((visit) => [...sampler.batch(3 * round + visit).indices]),
    );
    for (const images of rounds) expect(new Set(images).size).toBe(12);
    expect(new Set(rounds.map(String)).size).toBe(4);
    const uneven = make([7], 1, 3);
    const visits = [0, 1].flatMap((t) => [...uneven.batch(t).indices]);
    expect(new Set(visits).size).toBe(6);
  });

  test('batch t depends on t alone; another seed, another order', () => {
    const forward = make([9, 3, 5, 8], 2, 4, 3);
    const steps = Array.from({ length: 20 }, (_, t) => forward.batch(t));
    const backward = make([9, 3, 5, 8], 2, 4, 3);
    for (const t of [19, 3, 11, 0, 7]) expect(backward.batch(t)).toEqual(steps[t]);
    expect(make([9, 3, 5, 8], 2, 4, 4).batch(0)).not.toEqual(steps[0]);
  });

  test('too few classes: all of them; too few images: again, cut anew; both said', () => {
    const sampler = make([1, 0, 2, 6], 5, 3);
    expect([sampler.numClasses, sampler.stepsPerPass]).toEqual([3, 1]);
    expect(sampler.note).toBe(
      'The support of 5 classes is larger than the 3 with labeled images: reduced to 3. ' +
        '2 class(es) have fewer than the 3 labeled images that a support takes of each (the smallest 1): theirs come more than once in a step.',
    );
    const counts = new Map<number, number>();
    for (let t = 0; t < 8; t++) {
      const { indices, repeats, classes } = sampler.batch(t);
      expect([...classes].sort()).toEqual([0, 2, 3]);
      const keys = Array.from(indices, (index, i) => `${index}/${repeats[i]}`);
      expect(new Set(keys).size).toBe(9);
      for (const index of indices) counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    // class 0: image 0, three times a step; class 2: images 2 and 4, taken in turn; class 3: images 6 to 16
    expect(counts.get(0)).toBe(24);
    expect([counts.get(2), counts.get(4)]).toEqual([12, 12]);
    for (let image = 6; image <= 16; image += 2) expect(counts.get(image)).toBe(4);
  });

  test('numbers that make no sense', () => {
    expect(() => make([3], 0, 1)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }));
    expect(() => make([3], 1, 1.5)).toThrow(/batch.imagesPerClass of 1 or more, got 1.5/);
    expect(() => make([], 1, 1)).toThrow(expect.objectContaining({ code: 'NO_LABELS' }));
  });
});
