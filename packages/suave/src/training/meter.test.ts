import { describe, expect } from 'vitest';
import { itOnDevice as test, testDevice } from '../../../../tests/fixtures/devices.js';
import { liveTensors, scope, tensor } from '../../../../tests/fixtures/torch-on-device.js';
import { Meter } from './meter.js';

/** Adds steps of two losses (their sum is the total) and one other term. */
function add(meter: Meter, ...steps: [number, number][]): void {
  for (const [unlabeled, labeled] of steps) {
    scope(() =>
      meter.add(tensor(unlabeled + labeled), {
        loss_unlabeled: tensor(unlabeled),
        loss_labeled: tensor(labeled),
        labeled_top1: tensor(labeled / 10),
      }),
    );
  }
}

describe('Meter', () => {
  test('gives means of losses and the last value of other terms, and begins anew', () => {
    const meter = new Meter(testDevice());
    add(meter, [1, 2], [3, 4]);
    const before = liveTensors().count;
    scope(() => {
      const { values, failure } = meter.read();
      expect(values).toEqual({ loss: 5, loss_unlabeled: 2, loss_labeled: 3, labeled_top1: expect.closeTo(0.4, 6) });
      expect(failure).toBeNull();
    });
    add(meter, [7, 0]);
    expect(liveTensors().count).toBe(before);
    scope(() => expect(meter.read().values.loss).toBe(7));
    meter.dispose();
  });

  test('tells which loss failed first, and when', () => {
    const meter = new Meter(testDevice());
    add(meter, [1, 2], [1, Number.NaN], [Number.POSITIVE_INFINITY, Number.NaN], [1, 2]);
    expect(meter.failure()).toEqual({ terms: ['loss_labeled'], stepsAgo: 2 });
    scope(() => expect(meter.read().failure).toEqual({ terms: ['loss_labeled'], stepsAgo: 2 }));
    expect(meter.failure()).toBeNull();
    add(meter, [Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(meter.failure()).toEqual({ terms: ['loss_unlabeled', 'loss_labeled'], stepsAgo: 0 });
    meter.dispose();
  });

  test('dates a failure after a checkpoint was loaded', () => {
    const first = new Meter(testDevice());
    add(first, [1, 2], [3, 4]);
    const second = new Meter(testDevice());
    second.load(first.state(), first.counters());
    expect(second.failure()).toBeNull();
    add(second, [Number.NaN, 1], [1, 1]);
    expect(second.failure()).toEqual({ terms: ['loss_unlabeled'], stepsAgo: 1 });
    first.dispose();
    second.dispose();
  });
});
