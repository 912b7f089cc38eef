/** @file What weights of 8 bits cost: accuracy on held-out images, both models run by onnxruntime-web. */
import { SuaveError } from '../errors.js';
import { type HeldOutOptions, openHeldOut } from '../evaluation/held-out.js';
import { accuraciesOf } from './accuracy.js';
import { type OwnOutputs, outputsOf } from './compare.js';
import type { HubOutput } from './hub/configs.js';
import { type ExportTarget, OnnxSession } from './onnx/index.js';
import { whyNoImages } from './pictures.js';

/** How a model with 8-bit weights compares with the full one. Accuracies are fractions. */
export interface Quantization {
  /** Sizes of the files. */
  readonly bytes: number;
  readonly fullBytes: number;
  /** Accuracy with 8-bit weights and with full ones, on the same images; null where it is not measured. */
  readonly accuracy: number | null;
  readonly fullAccuracy: number | null;
  /** Held-out images that were measured. */
  readonly images: number;
  /** Mean cosine of outputs with 8-bit weights and full ones, of the images of the comparison. */
  readonly cosine: number;
  /** Why there is no accuracy, a sentence; null where there is one. */
  readonly why: string | null;
}

/** Accuracy is measured on so many images at most, spread over all: 2,000 up to 64 pixels, fewer large ones, 200 at least. */
function mostImages(side: number): number {
  return Math.max(200, Math.min(2000, Math.round(2000 * (64 / side) ** 2)));
}

/** The two models, and what our own network gives. */
export interface QuantizedPair {
  readonly full: Uint8Array;
  readonly small: Uint8Array;
  readonly target: ExportTarget;
  readonly output: HubOutput;
  readonly own: OwnOutputs;
}

/**
 * Measures both models.
 * @throws DataError where DATA was named and cannot be used
 */
export async function measureQuantized(pair: QuantizedPair, options: HeldOutOptions): Promise<Quantization> {
  const { full, small, target, own } = pair;
  const sessions = [await OnnxSession.open(small), await OnnxSession.open(full)];
  try {
    const { values, images } = await outputsOf(sessions[0], own, target.imageSize);
    const sizes = { bytes: small.length, fullBytes: full.length };
    const cosine = meanCosine(values, own.values, images);
    return { ...sizes, cosine, ...(await accuracies(sessions, pair, options)) };
  } finally {
    for (const session of sessions) await session.release();
  }
}

async function accuracies(
  sessions: readonly OnnxSession[],
  { target, output }: QuantizedPair,
  options: HeldOutOptions,
): Promise<Pick<Quantization, 'accuracy' | 'fullAccuracy' | 'images' | 'why'>> {
  const nothing = { accuracy: null, fullAccuracy: null, images: 0 };
  if (output === 'features') return { ...nothing, why: 'Features have no accuracy of their own.' };
  if (target.classes === null) return { ...nothing, why: 'Clusters have no accuracy.' };
  try {
    const heldOut = await openHeldOut(target.metadata, null, {
      ...options,
      limit: mostImages(target.imageSize),
    });
    try {
      const [accuracy, fullAccuracy] = await accuraciesOf(sessions, heldOut, target.metadata.input, (done, total) =>
        options.onProgress?.('measuring', done, total),
      );
      return { accuracy, fullAccuracy, images: heldOut.images.length, why: null };
    } finally {
      heldOut.images.dispose();
    }
  } catch (error) {
    if (options.data !== null || !(error instanceof SuaveError) || error.exitCode !== 2) throw error;
    return { ...nothing, why: whyNoImages(error) };
  }
}

/** Mean over the rows of the cosine of the angle between two rows. */
function meanCosine(a: Float32Array, b: Float32Array, rows: number): number {
  const columns = a.length / rows;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    let [dot, ofA, ofB] = [0, 0, 0];
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      dot += a[i] * b[i];
      ofA += a[i] ** 2;
      ofB += b[i] ** 2;
    }
    sum += ofA === 0 || ofB === 0 ? 1 : dot / Math.sqrt(ofA * ofB);
  }
  return sum / rows;
}
