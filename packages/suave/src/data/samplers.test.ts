import { describe, expect, test } from 'vitest';
import { createSampler } from './samplers.js';

const unlabeled = (images: number, batchSize: number, seed = 0) =>
  createSampler({ seed, stage: 0, stream: 'unlabeled', images, batchSize });

describe('samplers', () => {
  test('an epoch visits every image at most once, in an order of its own; the last partial batch is dropped', () => {
    const sampler = unlabeled(23, 5);
    expect([sampler.batchSize, sampler.batchesPerEpoch, sampler.note]).toEqual([5, 4, null]);
    const epochs = [0, 1, 2].map((epoch) =>
      [0, 1, 2, 3].flatMap((i) => {
        const batch = sampler.batch(epoch * 4 + i);
        expect([batch.epoch, batch.positionInEpoch]).toEqual([epoch, i]);
        expect([...batch.epochs]).toEqual(new Array(5).fill(epoch));
        expect([...batch.repeats]).toEqual([0, 0, 0, 0, 0]);
        return [...batch.indices];
      }),
    );
    for (const indices of epochs) {
      expect(new Set(indices).size).toBe(20);
      expect(Math.max(...indices)).toBeLessThan(23);
    }
    expect(epochs[1]).not.toEqual(epochs[0]);
    expect(epochs[2]).not.toEqual(epochs[1]);
  });

  test('batch t depends on t alone', () => {
    const forward = unlabeled(50, 8, 3);
    const steps = Array.from({ length: 20 }, (_, t) => forward.batch(t));
    const backward = unlabeled(50, 8, 3);
    for (const t of [19, 3, 11, 0, 7]) expect(backward.batch(t)).toEqual(steps[t]);
    expect(unlabeled(50, 8, 4).batch(0)).not.toEqual(steps[0]);
  });

  test('the labeled stream goes on for ever and gives indices into the training images', () => {
    const images = Int32Array.of(3, 8, 11, 20, 21, 40, 41);
    const sampler = createSampler({ seed: 0, stage: 1, stream: 'labeled', images, batchSize: 3 });
    const seen = new Set<number>();
    for (let t = 0; t < 100; t++) {
      const batch = sampler.batch(t);
      expect(batch.epoch).toBe(Math.floor(t / 2));
      expect(new Set(batch.indices).size).toBe(3);
      for (const index of batch.indices) seen.add(index);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([...images]);
  });

  test('stages and streams have orders of their own', () => {
    const order = (stage: number, stream: 'labeled' | 'unlabeled') => [
      ...createSampler({ seed: 0, stage, stream, images: 100, batchSize: 100 }).batch(0).indices,
    ];
    expect(order(0, 'unlabeled')).not.toEqual(order(1, 'unlabeled'));
    expect(order(0, 'unlabeled')).not.toEqual(order(0, 'labeled'));
  });

  test('a batch larger than the data is reduced, and said', () => {
    const sampler = unlabeled(10, 256);
    expect([sampler.batchSize, sampler.batchesPerEpoch]).toEqual([10, 1]);
    expect(sampler.note).toBe('The unlabeled batch of 256 is larger than the 10 training image(s): reduced to 10.');
    expect([...sampler.batch(5).indices].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('repeats follow one another: all rows once, then all again', () => {
    const sampler = createSampler({ seed: 0, stage: 0, stream: 'labeled', images: 9, batchSize: 4, repeats: 2 });
    const { indices, repeats } = sampler.batch(1);
    expect([...repeats]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...indices.slice(4)]).toEqual([...indices.slice(0, 4)]);
  });

  test('numbers that make no sense', () => {
    expect(() => unlabeled(10, 0)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }));
    expect(() => unlabeled(0, 4)).toThrow(/expected at least one image, got none/);
  });
});
