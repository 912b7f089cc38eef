/** @file The paper's Figure 1: what networks make of the same images, and where their prototypes lie, on a plane. */
import type { DescribedImage, DescribedImages } from '../data/index.js';
import { classIndexOf, nameKey } from '../data/natural-order.js';
import { SuaveError } from '../errors.js';
import {
  type CheckpointChoice,
  embedImages,
  FeatureExtractor,
  listImages,
  nothingReadable,
  type WeightsChoice,
} from '../evaluation/index.js';
import { chooseImages, type MapChoice, someRows } from './choose-images.js';
import type { MapFigure, MapPanel, MapPrototype } from './map-figure.js';
import { mapQuality } from './map-quality.js';
import { projectTo2d } from './umap.js';

/** What to map. */
export interface FeatureMapOptions extends MapChoice {
  /** Runs or checkpoints with the titles of their panels; the first one says which images. */
  readonly runs: readonly { readonly model: string; readonly title: string }[];
  /** Folder of images; null: the data of the first run. */
  readonly data: string | null;
  /** Prototypes of clusters that are shown, drawn at random; those of classes are all shown. */
  readonly prototypes: number;
  readonly neighbours?: number;
  readonly minDistance?: number;
  readonly device?: string;
  readonly checkpoint?: CheckpointChoice;
  /** Of DINO and Daino; default the teacher. */
  readonly weights?: WeightsChoice | null;
  readonly workers?: number | null;
  readonly signal?: AbortSignal | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** A figure with what the user should know. */
export interface FeatureMap {
  readonly figure: MapFigure;
  /** Part of the data that is shown. */
  readonly split: string;
  /** Files that cannot be read, `path (reason)`. */
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
}

/** Images by one network. */
interface Embedded {
  readonly images: readonly DescribedImage[];
  /** [images · dim] */
  readonly rows: Float32Array;
  readonly dim: number;
}

/**
 * Maps bottleneck features of the chosen images, together with the prototypes, by UMAP; one panel a run.
 * @throws DataError, UsageError for images and classes that are not there; CheckpointError, RunError
 */
export async function makeFeatureMap(options: FeatureMapOptions): Promise<FeatureMap> {
  const { runs, data } = options;
  const extractors: FeatureExtractor[] = [];
  try {
    for (const { model } of runs) extractors.push(loadExtractor(model, options));
    const [first] = extractors;
    const listed = await listImages(first, runs[0].model, data);
    const chosen = chooseImages(listed, first.source.classes, options);
    const skipped: string[] = [];
    let images = chosen.images;
    const panels: MapPanel[] = [];
    for (const [i, extractor] of extractors.entries()) {
      const started = performance.now();
      const embedded = await embedAll(extractor, listed, images, skipped, options);
      if (i === 0) images = embedded.images;
      else if (embedded.images.length < images.length) throw changedMeanwhile(skipped);
      if (images.length === 0) throw nothingReadable('umap', listed.root, skipped);
      const seconds = (performance.now() - started) / 1000;
      const labels = labelsOf(images, chosen.classes);
      panels.push(
        await panelOf(runs[i].title, extractor, embedded, { labels, classes: chosen.classes, seconds }, options),
      );
    }
    const figure: MapFigure = {
      classes: chosen.classes,
      paths: images.map(({ path }) => path),
      labels: labelsOf(images, chosen.classes),
      panels,
    };
    const notes = [...extractors.flatMap(({ source }) => source.notes), ...listed.notes, ...chosen.notes];
    return { figure, split: chosen.split, skipped, notes };
  } finally {
    for (const extractor of extractors) extractor.dispose();
  }
}

function loadExtractor(model: string, { device, checkpoint, weights }: FeatureMapOptions): FeatureExtractor {
  const common = { ...(device ? { device } : {}), ...(checkpoint ? { checkpoint } : {}) };
  return FeatureExtractor.load(model, { ...common, weights: weights ?? null });
}

function labelsOf(images: readonly DescribedImage[], classes: readonly string[]): Int32Array {
  const index = classIndexOf(classes);
  return Int32Array.from(images, ({ label }) => (label === null ? -1 : (index.get(nameKey(label)) ?? -1)));
}

async function embedAll(
  extractor: FeatureExtractor,
  listed: DescribedImages,
  images: readonly DescribedImage[],
  skipped: string[],
  options: FeatureMapOptions,
): Promise<Embedded> {
  const readable: DescribedImage[] = [];
  const parts: Float32Array[] = [];
  await embedImages(extractor, listed, images, {
    kind: 'bottleneck',
    workers: options.workers ?? null,
    signal: options.signal ?? null,
    onBatch(batch) {
      readable.push(...batch.images);
      parts.push(batch.features);
    },
    onSkipped: (path, reason) => skipped.push(`${path} (${reason})`),
    onProgress: (done, total) => options.onProgress?.('embedding', done, total),
  });
  const rows = joinRows(parts);
  return { images: readable, rows, dim: rows.length / Math.max(1, readable.length) };
}

function joinRows(parts: readonly Float32Array[]): Float32Array {
  const rows = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    rows.set(part, position);
    position += part.length;
  }
  return rows;
}

function changedMeanwhile(skipped: readonly string[]): SuaveError {
  return new SuaveError(
    'IMAGES_CHANGED',
    `suave umap: expected the images to stay while they are read, but ${skipped.at(-1)}. Start again.`,
    { exitCode: 1 },
  );
}

async function panelOf(
  title: string,
  extractor: FeatureExtractor,
  { rows, dim, images }: Embedded,
  known: { readonly labels: Int32Array; readonly classes: readonly string[]; readonly seconds: number },
  options: FeatureMapOptions,
): Promise<MapPanel> {
  const { seed, neighbours, minDistance, signal = null, onProgress } = options;
  const started = performance.now();
  const { shown, values, total } = shownPrototypes(extractor, known.classes, dim, options);
  const count = images.length;
  const placed = await projectTo2d(joinRows([rows, values]), count + shown.length, dim, {
    seed,
    signal,
    ...(neighbours === undefined ? {} : { neighbours }),
    ...(minDistance === undefined ? {} : { minDistance }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const points = placed.slice(0, 2 * count);
  const prototypes = shown.map((ofClass, i): MapPrototype => {
    const [x, y] = placed.subarray(2 * (count + i));
    return { x, y, class: ofClass };
  });
  return {
    title,
    features: extractor.bottleneckName,
    dim,
    points,
    prototypes,
    numPrototypes: total,
    quality: await mapQuality({ features: rows, dim, points, labels: known.labels, seed }),
    seconds: { features: known.seconds, map: (performance.now() - started) / 1000 },
  };
}

/** Prototypes of the classes that are shown, and some of those of clusters. */
function shownPrototypes(
  extractor: FeatureExtractor,
  classes: readonly string[],
  dim: number,
  { prototypes: limit, seed }: FeatureMapOptions,
): { shown: number[]; values: Float32Array; total: number } {
  const prototypes = extractor.prototypes();
  if (prototypes === null) return { shown: [], values: new Float32Array(0), total: 0 };
  try {
    const all = prototypes.data() as Float32Array;
    const [total] = prototypes.shape;
    const own = extractor.source.classes ?? [];
    const index = classIndexOf(classes);
    const ofClasses = own.flatMap((name, row) => {
      const shownAs = index.get(nameKey(name));
      return shownAs === undefined ? [] : [{ row, class: shownAs }];
    });
    const clusters = someRows(total - own.length, limit, seed).map((row) => ({ row: own.length + row, class: -1 }));
    const shown = [...clusters, ...ofClasses];
    const values = joinRows(shown.map(({ row }) => all.subarray(row * dim, (row + 1) * dim)));
    return { shown: shown.map((each) => each.class), values, total: total - own.length };
  } finally {
    prototypes.dispose();
  }
}
