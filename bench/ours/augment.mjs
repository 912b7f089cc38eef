/** @file Our side of `augment`: draws and computes all views of one batch of images per sample. */
import { fromTypedArray, scope } from '@suave/torch';
import { applyViews, drawViews, pipelines } from '../../packages/suave/dist/augment/index.js';
import { answer, readOptions } from '../lib/answer.mjs';
import { testImages } from '../lib/test-images.mjs';

const { height, width, images, global, local, checkedBatches } = readOptions();
const source = {
  pixels: fromTypedArray(testImages(images, height, width), [images * height * width * 3], { dtype: 'uint8' }),
  offsets: Float64Array.from({ length: images }, (_, i) => i * height * width * 3),
  heights: new Int32Array(images).fill(height),
  widths: new Int32Array(images).fill(width),
};
const indices = Int32Array.from({ length: images }, (_, i) => i);
const specs = [
  { ...pipelines.imagenetGlobal, size: global.size, scale: global.scale },
  { ...pipelines.imagenetLocal, size: local.size, scale: local.scale },
].flatMap((spec, kind) => new Array([global, local][kind].count).fill(spec));

const sums = { views: 0, mean: 0, square: 0 };
let epoch = 0;

/** All views of one batch; the statistics are of other batches, outside the measured time. */
function batchOfViews() {
  const key = { seed: 1, stage: 0, stream: 'unlabeled', epochs: epoch++ };
  return specs.map((spec, view) => {
    const parameters = drawViews(spec, source, indices, { ...key, view });
    return applyViews(source, indices, parameters, spec);
  });
}

function addStatistics() {
  scope(() => {
    for (const views of batchOfViews()) {
      sums.views++;
      sums.mean += views.mean().item();
      sums.square += views.mul(views).mean().item();
    }
  });
}

for (let i = 0; i < checkedBatches; i++) addStatistics();
await answer(
  {},
  () => scope(() => void batchOfViews()),
  () => {
    const mean = sums.mean / sums.views;
    return { mean, deviation: Math.sqrt(sums.square / sums.views - mean ** 2) };
  },
);
