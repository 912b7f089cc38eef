import { describe, expect } from 'vitest';
import { itOnDevice as it } from '../../../../tests/fixtures/devices.js';
import { keep, liveTensors, manualSeed, randn, scope, tensor } from '../../../../tests/fixtures/torch-on-device.js';
import { LinearProbe } from './linear-probe.js';
import { scoreOf } from './metrics.js';

const numClasses = 3;

/** Rows around one corner for each class, far from the origin and on another scale than usual features. */
function clusters(images: number, seed: number) {
  manualSeed(seed);
  const labels = Int32Array.from({ length: images }, (_, i) => i % numClasses);
  return scope(() => {
    const corners = tensor(
      Array.from(labels, (label) => Array.from({ length: 5 }, (_, f) => (f === label ? 140 : 100))),
    );
    return {
      labels,
      bank: { features: keep(corners.add(randn([images, 5]).mul(8))), labels: keep(tensor(labels).to('int64')) },
    };
  });
}

describe('LinearProbe', () => {
  it('separates classes that a line separates, on any scale, and frees what it made', async () => {
    const before = liveTensors().count;
    const known = clusters(60, 1);
    const other = clusters(30, 2);
    const done: number[] = [];
    const probe = await LinearProbe.train(known.bank, { numClasses, seed: 7, onProgress: (step) => done.push(step) });
    const score = (rows: typeof known) =>
      scope(() => scoreOf(probe.score(rows.bank.features).detach(), rows.labels, 1));
    expect(score(known).top1).toBeGreaterThan(0.98);
    expect(score(other).top1).toBeGreaterThan(0.95);
    expect(score(other).loss).toBeLessThan(0.3);
    expect(done.at(-1)).toBe(1000);
    probe.dispose();
    for (const { bank } of [known, other]) for (const held of Object.values(bank)) held.dispose();
    expect(liveTensors().count).toBe(before);
  });

  it('is the same for the same seed', async () => {
    const { bank } = clusters(20, 3);
    const scores: string[] = [];
    for (const seed of [1, 1, 2]) {
      const probe = await LinearProbe.train(bank, { numClasses, seed });
      scores.push(scope(() => probe.score(bank.features).data().join()));
      probe.dispose();
    }
    expect(scores[0]).toBe(scores[1]);
    expect(scores[0]).not.toBe(scores[2]);
  });

  it('stops when asked to', async () => {
    const before = liveTensors().count;
    const { bank } = clusters(20, 3);
    const signal = AbortSignal.abort();
    await expect(LinearProbe.train(bank, { numClasses, seed: 1, signal })).rejects.toThrow(/abort/i);
    expect(liveTensors().count).toBe(before + 2);
  });
});
