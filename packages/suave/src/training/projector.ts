/** @file The held-out images as the network tells them apart at the end of a run, for TensorBoard's projector. */
import { join } from 'node:path';
import { noGrad, scope, type Tensor } from '@suave/torch';
import type { ImageSet, LoadedData } from '../data/index.js';
import { FeatureExtractor } from '../evaluation/index.js';
import { scoreImages } from '../evaluation/scoring.js';
import type { Config } from '../recipes/index.js';
import type { RunPaths } from '../runs/index.js';
import { type ProjectorPoints, writeProjector } from '../runs/tensorboard/index.js';
import { encodeGrid, fitToSquare, pictureOf } from './pictures.js';

/** Most images and prototypes that are written, and the side of a thumbnail, pixels. */
const limits = { images: 2000, prototypes: 100 } as const;
const side = 32;

/** What is written, and where. */
export interface ProjectorRequest {
  readonly config: Config;
  readonly data: LoadedData;
  readonly paths: RunPaths;
  /** Scores [N, K] of all held-out images; null where the network names no classes. */
  readonly scores: Tensor | null;
}

/** Writes the points of the last stage, from the run's last checkpoint; nothing where no image was held out. */
export async function writeStageProjector({ config, data, paths, scores }: ProjectorRequest): Promise<void> {
  const { val, valLabels, classes } = data;
  if (val === null || val.length === 0) return;
  const chosen = evenlySpaced(val.length, limits.images);
  const extractor = FeatureExtractor.load(paths.last, { device: config.device });
  let features: Tensor | null = null;
  let prototypes: Tensor | null = null;
  try {
    const options = { input: extractor.source.input, batch: config.evaluation.batch, device: config.device };
    features = await scoreImages((images) => extractor.bottleneck(images), val, chosen, options);
    prototypes = extractor.prototypes();
    const shown = Math.min(prototypes?.shape[0] ?? 0, limits.prototypes);
    const predicted = scores === null ? null : predictedOf(scores);
    const metadata = Array.from(chosen, (image) => {
      const answer =
        predicted === null ? [] : [classes[predicted[image]], String(predicted[image] === valLabels[image])];
      return [classes[valLabels[image]], 'image', ...answer, val.paths[image]];
    });
    for (let k = 0; k < shown; k++) {
      const name = extractor.source.classes?.[k] ?? `prototype ${k}`;
      metadata.push([name, 'prototype', ...(predicted === null ? [] : ['', '']), '']);
    }
    const points: ProjectorPoints = {
      rows: rowsOf(features, prototypes, shown),
      dim: features.shape[1],
      columns: ['class', 'kind', ...(predicted === null ? [] : ['predicted', 'right']), 'path'],
      metadata,
      sprite: { png: await spriteOf(val, chosen, shown), side },
    };
    const name = extractor.bottleneckName.replaceAll(' ', '-');
    writeProjector(join(paths.tensorboard, config.stages.at(-1)!.name), name, points);
  } finally {
    features?.dispose();
    prototypes?.dispose();
    extractor.dispose();
  }
}

/** At most `limit` of n, evenly spaced. */
function evenlySpaced(n: number, limit: number): Int32Array {
  const count = Math.min(n, limit);
  return Int32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * n) / count));
}

/** The best class of each image. */
function predictedOf(scores: Tensor): Int32Array {
  return scope(() => scores.argmax({ dim: 1 }).to('int32').data() as Int32Array);
}

/** Features, then the first prototypes. */
function rowsOf(features: Tensor, prototypes: Tensor | null, shown: number): Float32Array {
  return noGrad(() =>
    scope(() => {
      const ofImages = features.data() as Float32Array;
      if (prototypes === null || shown === 0) return ofImages;
      const rows = new Float32Array(ofImages.length + shown * prototypes.shape[1]);
      rows.set(ofImages);
      rows.set(prototypes.narrow(0, 0, shown).contiguous().data() as Float32Array, ofImages.length);
      return rows;
    }),
  );
}

/** A red diamond: what a prototype looks like. */
function diamond(): Uint8Array {
  const pixels = new Uint8Array(4 * side * side);
  const center = (side - 1) / 2;
  for (let i = 0; i < side * side; i++) {
    const distance = Math.abs((i % side) - center) + Math.abs(Math.floor(i / side) - center);
    if (distance < side / 2) pixels.set([204, 0, 51, 255], 4 * i);
  }
  return pixels;
}

/** Thumbnails of images, then of prototypes, in a square. */
async function spriteOf(val: ImageSet, chosen: Int32Array, prototypes: number): Promise<Buffer> {
  const squares: Uint8Array[] = [];
  const reader = val.read((batch) => (batch < chosen.length ? chosen.subarray(batch, batch + 1) : null));
  try {
    for (const [batch, image] of chosen.entries()) {
      await reader.prepare(batch);
      const picture = scope(() => pictureOf(reader.window, image));
      squares.push(await fitToSquare(picture, side, 'cover'));
    }
  } finally {
    reader.close();
  }
  squares.push(...new Array<Uint8Array>(prototypes).fill(diamond()));
  const columns = Math.ceil(Math.sqrt(squares.length));
  const cells = Array.from({ length: columns * columns }, (_, i) => squares[i]);
  return encodeGrid(cells, { columns, cell: side, gap: 0, palette: false });
}
