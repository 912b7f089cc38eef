/** @file Mixing with the drawn numbers in tensors gives the bits of mixing with numbers of the host. */
import { diffTraces, fromTypedArray, manualSeed, randn, scope, tensor, traceOperators, zeros } from '@suave/torch';
import { describe, expect } from 'vitest';
import { itOnDevice, place } from '../../../../tests/fixtures/devices.js';
import {
  encodeMix,
  mixLabeledOnDevice,
  mixOnDevice,
  mixTargetsOnDevice,
  mixViewsOnDevice,
  numMixNumbers,
} from './mix-on-device.js';
import { applyMix, drawMix, type Mix, mixLabeled, mixTargets, mixViews } from './mixup.js';
import { Draws } from './random.js';

const draws = new Draws(3, 0, 'labeled');
const drawn = Array.from({ length: 24 }, (_, i) =>
  drawMix(draws.at(0, i, 0, 0, 'mix'), { prob: 0.8, cutmixProb: 0.5, beta: 0.7 }, 9, 12),
);
const cases: readonly Mix[] = [
  ...drawn,
  { lambda: 1, box: { top: 4, bottom: 4, left: 0, right: 3 } },
  { lambda: 0, box: { top: 0, bottom: 9, left: 0, right: 12 } },
];
const onDevice = (mix: Mix) => place(fromTypedArray(encodeMix(mix), [numMixNumbers]));

/** Normal numbers with zeros of both signs and infinity among them. */
function images(seed: number, dtype: 'float32' | 'float64' = 'float32') {
  manualSeed(seed);
  const values = randn([5, 3, 9, 12], { dtype });
  values.narrow(3, 0, 2).fill_(-0);
  values.narrow(3, 2, 1).fill_(0);
  return values;
}

describe('mixing on the device', () => {
  itOnDevice('mixes images as on the host', () => {
    expect(
      cases.some(({ lambda }) => lambda === 1) && cases.some(({ box }) => box) && cases.some(({ box }) => !box),
    ).toBe(true);
    for (const dtype of ['float32', 'float64'] as const) {
      for (const mix of cases) {
        scope(() => {
          const [first, second] = [images(1, dtype), images(2, dtype)];
          const bits = dtype === 'float32' ? 'int32' : 'int64';
          const got = mixOnDevice(place(first), place(second), onDevice(mix)).cpu();
          expect(got.view(bits).equal(applyMix(first, second, mix).view(bits))).toBe(true);
        });
      }
    }
    expect(() => scope(() => mixOnDevice(tensor([[[[1]]]]), tensor([[[[1, 2]]]]), onDevice(cases[0])))).toThrow(
      /one shape/,
    );
  });

  itOnDevice('makes the same calls whatever was drawn, and reads nothing back', () => {
    scope(() => {
      const labels = place(tensor([2, 0, 1, 1, 3], { dtype: 'int64' }));
      const views = [1, 2, 3, 4].map((seed) => place(images(seed)));
      const mixes = place(zeros([2, numMixNumbers], { dtype: 'float64' }));
      const traces = cases.map((mix) => {
        mixes.copy_(onDevice(mix));
        return traceOperators(() => {
          mixLabeledOnDevice(views[0], labels, mixes.select(0, 0), 'extend', { numClasses: 4, smoothing: 0.1 });
          mixViewsOnDevice(views, mixes, 'all');
        });
      });
      expect(traces.map(({ calls }) => diffTraces(traces[0].calls, calls))).toEqual(cases.map(() => null));
      expect(traces.every(({ hostReads }) => hostReads === 0)).toBe(true);
      expect(traces[0].calls.filter(({ name }) => name.startsWith('addon::'))).toEqual([]);
    });
  });

  itOnDevice('makes targets as on the host', () => {
    const labels = [2, 0, 1, 1, 3];
    for (const { lambda } of cases) {
      for (const smoothing of [0, 0.1]) {
        for (const dtype of ['float32', 'float64'] as const) {
          scope(() => {
            const options = { numClasses: 4, smoothing, dtype };
            const labels_B = place(tensor(labels, { dtype: 'int64' }));
            const got = mixTargetsOnDevice(labels_B, place(tensor(lambda, { dtype: 'float64' })), options);
            expect(got.cpu().equal(mixTargets(labels, lambda, options))).toBe(true);
            expect(
              mixTargetsOnDevice(labels_B, 1, options)
                .cpu()
                .equal(mixTargets(labels, 1, options)),
            ).toBe(true);
          });
        }
      }
    }
  });

  itOnDevice('extends or replaces labeled batches and inserts mixed views', () => {
    const labels = [2, 0, 1, 1, 3];
    for (const mode of ['extend', 'replace'] as const) {
      scope(() => {
        const options = { numClasses: 4, smoothing: 0.01 };
        const labels_B = place(tensor(labels, { dtype: 'int64' }));
        const mix = drawn.filter(({ lambda }) => lambda !== 1)[0];
        const host = mixLabeled(images(1), labels, mix, mode, options);
        const device = mixLabeledOnDevice(place(images(1)), labels_B, onDevice(mix), mode, options);
        expect(device.images.cpu().equal(host.images)).toBe(true);
        expect(device.targets.cpu().equal(host.targets)).toBe(true);
        expect(device.numOriginal).toBe(host.numOriginal);
      });
    }
    scope(() => {
      const views = [1, 2, 3, 4].map((seed) => images(seed));
      const mixes = cases.slice(2, 4);
      const numbers = mixes.flatMap((mix) => [...encodeMix(mix)]);
      const table = place(fromTypedArray(Float64Array.from(numbers), [2, numMixNumbers]));
      for (const positions of ['true', 'official'] as const) {
        const host = mixViews(views, mixes, 'all', positions);
        const device = mixViewsOnDevice(views.map(place), table, 'all', positions);
        expect(device.positions).toEqual(host.positions);
        expect(device.lambdas.map((lambda) => lambda.item())).toEqual(host.lambdas);
        expect(device.views.map((view, i) => view.cpu().equal(host.views[i]))).toEqual(new Array(6).fill(true));
      }
      expect(() => mixViewsOnDevice(views, table, 'globals')).toThrow(/1 mixes, got 4 views and 2 mixes/);
    });
  });
});
