/** @file Accuracy of exported models, run by onnxruntime-web on held-out images. Legend: N images, K classes. */
import type { HeldOut } from '../evaluation/held-out.js';
import { allIndices, labeledBatches } from '../evaluation/scoring.js';
import type { CheckpointInput } from '../runs/index.js';
import type { OnnxSession } from './onnx/index.js';

const batch = 32;

/**
 * The share of images that each model tells right, all on the same images.
 * @param sessions  models with input `pixel_values` and output `logits`
 */
export async function accuraciesOf(
  sessions: readonly OnnxSession[],
  { images, labels }: HeldOut,
  input: CheckpointInput,
  onProgress: (done: number, total: number) => void,
): Promise<number[]> {
  const hits = sessions.map(() => 0);
  let done = 0;
  const options = { input, batch, device: 'cpu' };
  for await (const part of labeledBatches(images, allIndices(images.length), labels, options)) {
    const pixels = part.images.data() as Float32Array;
    for (const [which, session] of sessions.entries()) {
      const { values, dims } = await session.run(pixels, part.images.shape);
      const expected = labels.subarray(done, done + dims[0]);
      hits[which] += expected.filter((label, row) => label === largestIn(values, row, dims[1])).length;
    }
    done += part.images.shape[0];
    onProgress(done, images.length);
  }
  return hits.map((count) => count / images.length);
}

/** Position of the largest of the K values of a row; the first of equal ones. */
function largestIn(values: Float32Array, row: number, numClasses: number): number {
  const scores = values.subarray(row * numClasses, (row + 1) * numClasses);
  let best = 0;
  for (const [k, score] of scores.entries()) if (score > scores[best]) best = k;
  return best;
}
