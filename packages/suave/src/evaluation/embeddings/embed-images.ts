/** @file Features of the images of DATA in batches, with what is known of each image. Legend: N images of a batch, D features. */
import { noGrad, scope } from '@suave/torch';
import { type DescribedImage, type DescribedImages, describeImages, type RgbImage } from '../../data/index.js';
import { decodeBatches } from '../decoded-batches.js';
import type { FeatureExtractor, FeatureKind } from '../features.js';
import { dataFolder, ownSplits } from '../own-data.js';
import { defaultBatch, joined } from '../predict-batch.js';
import { allIndices, prepare } from '../scoring.js';

/** Some images with their features. */
export interface EmbeddedBatch {
  readonly images: readonly DescribedImage[];
  /** [N · D] */
  readonly features: Float32Array;
  /** Most probable class of each image, [N], and its probability; null where the network names no classes. */
  readonly predicted: Int32Array | null;
  readonly probabilities: Float32Array | null;
}

/** How embedding is run and watched. */
export interface EmbedRun {
  /** Decode workers; null picks a number. */
  readonly workers?: number | null;
  /** Images of a forward pass. Default 128. */
  readonly batch?: number;
  readonly signal?: AbortSignal | null;
  readonly onProgress?: (done: number, total: number) => void;
}

/** How images are embedded. */
export interface EmbedImagesOptions extends EmbedRun {
  readonly kind: FeatureKind;
  onBatch(batch: EmbeddedBatch): void;
  /** Receives every file that cannot be read; `path` is relative to the data folder. */
  onSkipped(path: string, reason: string): void;
}

/**
 * Lists the images that a network is asked about: DATA, or the data of its run.
 * @param model  run or checkpoint as it was named
 * @throws DataError where there is no folder or no image
 */
export async function listImages(
  extractor: FeatureExtractor,
  model: string,
  data: string | null,
): Promise<DescribedImages> {
  const folder = dataFolder(model, data, extractor.source);
  const splits = ownSplits(model, folder, extractor.source);
  return describeImages(folder, { splits, classes: extractor.source.classes });
}

/** Embeds images in order; memory does not grow with their number. */
export async function embedImages(
  extractor: FeatureExtractor,
  { store }: Pick<DescribedImages, 'store'>,
  images: readonly DescribedImage[],
  options: EmbedImagesOptions,
): Promise<void> {
  const { cacheSide, exifOrientation } = extractor.source.input;
  const paths = images.map(({ path }) => path);
  await decodeBatches(
    { paths, decode: (take, run) => store.decode(paths, { cacheSide, exifOrientation }, take, run) },
    {
      batch: options.batch ?? defaultBatch,
      workers: options.workers ?? null,
      signal: options.signal ?? null,
      onSkipped: options.onSkipped,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      onBatch(decoded, positions) {
        const chosen = positions.map((position) => images[position]);
        options.onBatch({ images: chosen, ...describeDecoded(extractor, decoded, options.kind) });
      },
    },
  );
}

/** What the network tells of decoded images, read back. */
function describeDecoded(
  extractor: FeatureExtractor,
  decoded: readonly RgbImage[],
  kind: FeatureKind,
): Omit<EmbeddedBatch, 'images'> {
  const { source, device } = extractor;
  return noGrad(() =>
    scope(() => {
      const prepared = prepare(joined(decoded), allIndices(decoded.length), { input: source.input, device });
      const { features, probabilities } = extractor.describe(prepared, kind);
      const rows = features.to('float32').data() as Float32Array;
      if (probabilities === null) return { features: rows, predicted: null, probabilities: null };
      const [best, classes] = probabilities.max(1);
      return {
        features: rows,
        predicted: Int32Array.from(classes.data() as BigInt64Array, Number),
        probabilities: Float32Array.from(best.data() as Float64Array),
      };
    }),
  );
}
