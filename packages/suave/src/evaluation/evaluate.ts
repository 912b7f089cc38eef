/** @file Measures a trained classifier on images of known class. */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { loadEvaluationData, readSplits, type Splits } from '../data/index.js';
import { DataError } from '../errors.js';
import { type CheckpointChoice, Classifier, runOfCheckpoint, splitsFolderOf } from './classifier.js';
import { scoreOf } from './metrics.js';
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
    const folder = dataFolder(options, classifier);
    const images = await loadEvaluationData({
      data: folder,
      classes: classifier.classes,
      splits: ownSplits(options.model, folder, classifier),
      cacheSide: input.cacheSide ?? 'none',
      exifOrientation: input.exifOrientation,
      workers: options.workers ?? null,
      cache: options.cache ?? null,
      onProgress: (done, total) => options.onProgress?.('decoding images', done, total),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    try {
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
      const classes: Evaluation['classes'] = {};
      classifier.classes.forEach((name, index) => {
        const { top1, images: count } = score.classes[index];
        classes[name] = { top1: count === 0 ? null : top1, images: count };
      });
      const { top1, top5, loss } = score;
      return {
        evaluation: { top1, top5, loss, images: score.images, classes },
        source: images.source,
        data: folder,
        notes: images.notes,
      };
    } finally {
      images.images.dispose();
    }
  } finally {
    classifier.dispose();
  }
}

/** Data folder of the configuration inside a checkpoint. */
function trainedOn(classifier: Classifier): string | null {
  const config = classifier.metadata.config as { data?: { path?: unknown } } | null;
  return typeof config?.data?.path === 'string' ? config.data.path : null;
}

function dataFolder(options: EvaluateOptions, classifier: Classifier): string {
  if (options.data !== null) return options.data;
  const own = trainedOn(classifier);
  if (own !== null && existsSync(own)) return own;
  const where = own === null ? '' : ` (it was trained on ${own}, which is not there)`;
  throw new DataError(
    `${options.model}: expected the folder of images to measure on${where}. Give it as second argument.`,
    {
      code: 'NO_SUCH_FOLDER',
    },
  );
}

/** The run's splits, when DATA is the data of the run: the same folder, or one that holds the same images. */
function ownSplits(model: string, folder: string, classifier: Classifier): Splits | null {
  const run = runOfCheckpoint(model);
  const splitsFolder = run === null ? null : splitsFolderOf(run);
  if (splitsFolder === null) return null;
  const splits = readSplits(splitsFolder);
  const own = trainedOn(classifier);
  const isSame = own !== null && existsSync(own) && existsSync(folder) && realpathSync(own) === realpathSync(folder);
  const rows = [...splits.val, ...splits.labeled];
  return isSame || rows.every((row) => existsSync(join(folder, row.path))) ? splits : null;
}
