/**
 * @file Classes and probabilities of many image files: decode workers run ahead, images are scored in batches and handed on, so
 * that memory does not grow with their number.
 */
import { fromTypedArray, noGrad, scope, softmax } from '@suave/torch';
import { decodeAll } from '../data/decode-pool.js';
import type { Classifier } from './classifier.js';
import { allIndices, prepare } from './scoring.js';

/** The most probable classes of one image, most probable first. */
export interface Prediction {
  path: string;
  top: { class: string; probability: number }[];
}

/** How files are predicted. */
export interface PredictOptions {
  /** Classes per image. */
  top: number;
  /** Decode workers; null picks a number. */
  workers?: number | null;
  /** Images of a forward pass. Default 128. */
  batch?: number;
  signal?: AbortSignal | null;
  /** Receives every prediction, in the order of the files. */
  onPrediction(prediction: Prediction): void;
  /** Receives every file that cannot be read, in order among themselves. */
  onSkipped(path: string, reason: string): void;
  onProgress?: (done: number, total: number) => void;
}

/** Pixels that wait for the next forward pass. */
interface Waiting {
  paths: string[];
  heights: number[];
  widths: number[];
  bytes: Uint8Array[];
}

const nothing = (): Waiting => ({ paths: [], heights: [], widths: [], bytes: [] });

/** Predicts files in order. Files that cannot be read are reported and left out. */
export async function predict(
  classifier: Classifier,
  paths: readonly string[],
  options: PredictOptions,
): Promise<void> {
  const { input } = classifier.metadata;
  const batch = options.batch ?? 128;
  let waiting = nothing();
  let next = 0;
  const flush = (): void => {
    if (waiting.paths.length > 0)
      for (const prediction of predictBatch(classifier, waiting, options.top)) options.onPrediction(prediction);
    waiting = nothing();
  };
  await decodeAll(
    paths,
    { cacheSide: input.cacheSide, exifOrientation: input.exifOrientation },
    ({ heights, widths, reasons, bytes }) => {
      let start = 0;
      for (let i = 0; i < heights.length; i++) {
        const path = paths[next++];
        const reason = reasons[i];
        if (reason !== null) {
          options.onSkipped(path, reason);
          continue;
        }
        const end = start + heights[i] * widths[i] * 3;
        waiting.paths.push(path);
        waiting.heights.push(heights[i]);
        waiting.widths.push(widths[i]);
        waiting.bytes.push(bytes.subarray(start, end));
        start = end;
        if (waiting.paths.length >= batch) flush();
      }
    },
    {
      workers: options.workers ?? null,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    },
  );
  flush();
}

function predictBatch(classifier: Classifier, waiting: Waiting, top: number): Prediction[] {
  return noGrad(() =>
    scope(() => {
      const numBytes = waiting.bytes.reduce((sum, part) => sum + part.length, 0);
      const joined = new Uint8Array(numBytes);
      const offsets = new Float64Array(waiting.bytes.length);
      let position = 0;
      waiting.bytes.forEach((part, i) => {
        joined.set(part, position);
        offsets[i] = position;
        position += part.length;
      });
      const set = {
        pixels: fromTypedArray(joined, [numBytes], { dtype: 'uint8' }),
        offsets,
        heights: Int32Array.from(waiting.heights),
        widths: Int32Array.from(waiting.widths),
      };
      const images = prepare(set, allIndices(offsets.length), {
        input: classifier.metadata.input,
        device: classifier.device,
      });
      const probabilities = softmax(classifier.score(images).to('float64').div(classifier.temperature), 1);
      const count = Math.min(top, classifier.classes.length);
      const [values, indices] = probabilities.topk(count, { dim: 1 });
      const rows = values.data() as Float64Array;
      const classes = indices.data() as BigInt64Array;
      return waiting.paths.map((path, row) => ({
        path,
        top: Array.from({ length: count }, (_, k) => ({
          class: classifier.classes[Number(classes[row * count + k])],
          probability: rows[row * count + k],
        })),
      }));
    }),
  );
}
