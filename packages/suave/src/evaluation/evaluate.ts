/** @file Measures a trained classifier on images of known class. */
import { loadEvaluationData } from '../data/index.js';
import { DataError } from '../errors.js';
import { type CheckpointChoice, Classifier } from './classifier.js';
import { type Score, scoreOf } from './metrics.js';
import { dataFolder, isOwnFolder, ownSplits } from './own-data.js';
import { allIndices, scoreImages } from './scoring.js';

/** What to measure, and how. */
export interface EvaluateOptions {
  /** Run folder or checkpoint file. */
  model: string;
  /** DATA; null is the data that the run was trained on. */
  data: string | null;
  checkpoint?: CheckpointChoice;
  device?: string;
  /** Images of a forward pass. Default 128. */
  batch?: number;
  /** `val`: only images that were set aside, DATA/val or the hold-out; null takes every image where there are none. */
  split?: 'val' | null;
  workers?: number | null;
  cache?: string | null;
  signal?: AbortSignal | null;
  onProgress?: (what: string, done: number, total: number) => void;
}

/** What `suave evaluate --json` prints, and what the command says beside it. Accuracies are fractions. */
export interface Evaluation {
  top1: number;
  top5: number;
  /** Cross entropy of the probabilities that `predict` gives, nats. */
  loss: number;
  images: number;
  /** Per class by name; classes without an image have `top1` null. */
  classes: Record<string, { top1: number | null; images: number }>;
}

/** An evaluation with what was measured on. */
export interface EvaluationReport {
  evaluation: Evaluation;
  /** DATA/val, the run's hold-out, or every image. */
  source: 'val' | 'hold-out' | 'all';
  /** Folder of the images. */
  data: string;
  /** Sentences for the user: skipped files, images of unknown classes. */
  notes: readonly string[];
}

/**
 * Measures top-1, top-5, per-class accuracy and loss: on DATA/val if present; else, on the run's own data, its hold-out; else on
 * every image of DATA, classes matched by name.
 * @throws DataError, CheckpointError, RunError
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const { checkpoint, device } = options;
  const classifier = Classifier.load(options.model, {
    ...(checkpoint ? { checkpoint } : {}),
    ...(device ? { device } : {}),
  });
  try {
    const { input } = classifier.metadata;
    const folder = dataFolder(options.model, options.data, classifier.metadata);
    const images = await loadEvaluationData({
      data: folder,
      classes: classifier.classes,
      splits: ownSplits(options.model, folder, classifier.metadata),
      cacheSide: input.cacheSide ?? 'none',
      exifOrientation: input.exifOrientation,
      workers: options.workers ?? null,
      cache: options.cache ?? null,
      onProgress: (done, total, activity) => options.onProgress?.(activity, done, total),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    try {
      if (options.split === 'val' && images.source === 'all') throw nothingSetAside(folder);
      const scores = await scoreImages(
        (batch) => classifier.score(batch),
        images.images,
        allIndices(images.images.length),
        {
          input,
          batch: options.batch ?? 128,
          device: classifier.device,
          onProgress: (done, total) => options.onProgress?.('evaluating', done, total),
          signal: options.signal ?? null,
        },
      );
      const score = scoreOf(scores, images.labels, classifier.temperature);
      scores.dispose();
      const { top1, top5, loss } = score;
      const isTraining = images.source === 'all' && isOwnFolder(folder, classifier.metadata);
      return {
        evaluation: { top1, top5, loss, images: score.images, classes: classScores(score, classifier.classes) },
        source: images.source,
        data: folder,
        notes: isTraining ? [...images.notes, trainingImages] : images.notes,
      };
    } finally {
      images.images.dispose();
    }
  } finally {
    classifier.dispose();
  }
}

const trainingImages =
  'These are images that the model was trained on: their accuracy says little about new ones. Measure the run folder, where its hold-out is known, or images of another folder.';

/** Accuracy of every class by name. */
export function classScores(score: Score, names: readonly string[]): Evaluation['classes'] {
  return Object.fromEntries(
    names.map((name, index) => {
      const { top1, images } = score.classes[index];
      return [name, { top1: images === 0 ? null : top1, images }];
    }),
  );
}

/** The error where only images that were set aside may be measured. */
export function nothingSetAside(folder: string): DataError {
  return new DataError(
    `${folder}: expected images that were set aside, in val/ or the hold-out of the run, got none. Add a folder val/<class>, or measure the run on its own data.`,
    { code: 'NO_VALIDATION_IMAGES', file: folder },
  );
}
