/**
 * @file Programs of views and mixing on a CUDA device: the bytes of the CPU, with TensorFloat-32 on and off, and under a CUDA graph. Without a
 * device every test is skipped, and says so.
 */
import { backends, cuda, fromTypedArray, keep, scope, type Tensor, zeros } from '@suave/torch';
import { afterEach, expect, it, type TestContext } from 'vitest';
import { noiseImages } from '../../../../tests/fixtures/noise-images.js';
import { applyViews } from './apply.js';
import { drawViews } from './draw.js';
import { evalTransform } from './eval-transform.js';
import { encodeMix, mixOnDevice, numMixNumbers } from './mix-on-device.js';
import { applyMix, type Mix } from './mixup.js';
import { swavNormalization } from './normalization.js';
import * as pipelines from './pipelines.js';
import type { PixelSource } from './pixel-source.js';
import { ViewProgram } from './view-program.js';
import type { ViewSpec } from './view-spec.js';

const device = 'cuda';
const indices = [0, 1, 2, 3, 1, 0];
const sizes = [
  [48, 64],
  [150, 133],
  [90, 240],
  [32, 32],
] as const;

function onCuda(name: string, body: () => void): void {
  it(name, ({ skip }: TestContext) => {
    if (!cuda.isAvailable()) return skip('no CUDA device: libtorch has no CUDA, or finds no device');
    scope(body);
  });
}

afterEach(() => {
  backends.cuda.matmul.allowTF32 = false;
});

const specs: readonly ViewSpec[] = [
  pipelines.cifarGlobal,
  { ...pipelines.dainoGlobal1, size: 96, equalizeProb: 0.5 },
  { ...pipelines.threeAugmentSimpleLabeled, size: 40 },
];

const draw = (spec: ViewSpec, source: PixelSource, view: number) =>
  drawViews(spec, source, indices, { seed: 7, stage: 0, stream: 'unlabeled', epochs: 0, view });

for (const tf32 of [false, true]) {
  onCuda(`gives the bytes of the CPU, TensorFloat-32 ${tf32 ? 'on' : 'off'}`, () => {
    backends.cuda.matmul.allowTF32 = tf32;
    const source = noiseImages(sizes);
    const pixels = source.pixels.to({ device });
    for (const spec of specs) {
      using program = ViewProgram.ofSpecs([spec], source, { device });
      const parameters = draw(spec, source, 0);
      const table = fromTypedArray(program.encode(source, indices, parameters), [6, program.columns], { device });
      const native = applyViews(source, indices, parameters, spec, { path: 'native' });
      expect(program.apply(pixels, table).cpu().equal(native)).toBe(true);
      for (const place of [source, { ...source, pixels }]) {
        expect(applyViews(place, indices, parameters, spec, { device }).cpu().equal(native)).toBe(true);
      }
    }
    const evaluation = { resize: 40, crop: 64, interpolation: 'bicubic', ...swavNormalization } as const;
    const expected = evalTransform(source, indices, evaluation);
    expect(evalTransform(source, indices, evaluation, { device }).cpu().equal(expected)).toBe(true);
  });
}

onCuda('is replayed as a graph with other draws', () => {
  const source = noiseImages(sizes);
  const pixels = source.pixels.to({ device });
  const mixOf = (view: number): Mix =>
    view % 2 === 0
      ? { lambda: 0.3 + view / 10, box: null }
      : { lambda: 0.5, box: { top: view, bottom: 20, left: 2, right: 32 } };
  for (const spec of specs) {
    using program = ViewProgram.ofSpecs([spec], source, { device });
    const table = zeros([indices.length, program.columns], { dtype: 'float64', device });
    const mix = zeros([numMixNumbers], { dtype: 'float64', device });
    const send = (view: number) => {
      table.copy_(fromTypedArray(program.encode(source, indices, draw(spec, source, view)), table.shape));
      mix.copy_(fromTypedArray(encodeMix(mixOf(view)), [numMixNumbers]));
    };
    const step = (): [Tensor, Tensor] => {
      const views = program.apply(pixels, table);
      return [views, mixOnDevice(views, views, mix)];
    };
    send(0);
    const side = new cuda.Stream();
    side.waitStream(cuda.currentStream());
    cuda.withStream(side, () => scope(() => void step()));
    cuda.synchronize();
    using graph = new cuda.Graph();
    const [views, mixed] = graph.capture(step).map(keep);
    for (let view = 1; view < 4; view++) {
      send(view);
      graph.replay();
      const native = applyViews(source, indices, draw(spec, source, view), spec, { path: 'native' });
      expect(views.cpu().equal(native)).toBe(true);
      const difference = mixed
        .cpu()
        .sub(applyMix(native, native, mixOf(view)))
        .abs()
        .max() as Tensor;
      expect(difference.item()).toBeLessThan(1e-6);
    }
    for (const tensor of [views, mixed]) tensor.dispose();
  }
});
