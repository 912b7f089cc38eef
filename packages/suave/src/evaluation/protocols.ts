/**
 * @file Protocols that measure features instead of a classifier, so that a checkpoint without classes can be measured too: weighted k-NN,
 * a linear probe, the nearest-neighbour classifier of PAWS.
 */
import { fromTypedArray, keep, noGrad, scope, type Tensor } from '@suave/torch';
import { UsageError } from '../errors.js';
import { pawsNearestNeighbourScores } from '../methods/index.js';
import { classScores, type EvaluateOptions, type Evaluation } from './evaluate.js';
import { FeatureExtractor, type FeatureName, type WeightsChoice } from './features.js';
import { type FeatureBank, neighbourScores } from './knn.js';
import { LinearProbe } from './linear-probe.js';
import { scoreOf } from './metrics.js';
import { type BankChoice, loadProtocolData } from './protocol-data.js';
import { allIndices, scoreImages } from './scoring.js';

/** Names of the protocols that compare features. */
export const featureProtocols = ['knn', 'linear', 'paws-nn'] as const;
export type FeatureProtocol = (typeof featureProtocols)[number];

/** Neighbours that vote unless said. */
export const defaultNeighbours = 20;

/** What to measure, and how. */
export interface ProtocolOptions extends Omit<EvaluateOptions, 'split'> {
  protocol: FeatureProtocol;
  /** Neighbours of `knn`. Default 20, as DINO reports, or all images of a smaller bank. */
  k?: number | null;
  /** Images that are compared with. Default `labeled`. */
  bank?: BankChoice;
  /** Of DINO and Daino; default the teacher. */
  weights?: WeightsChoice | null;
}

/** What `suave evaluate --protocol … --json` prints. Accuracies are fractions. */
export interface ProtocolEvaluation extends Omit<Evaluation, 'loss'> {
  /** Cross entropy in nats; null where the scores are no probabilities (k-NN). */
  loss: number | null;
  protocol: FeatureProtocol;
}

/** An evaluation with what it rests on. */
export interface ProtocolReport {
  evaluation: ProtocolEvaluation;
  source: 'val' | 'hold-out';
  /** Folder of the images. */
  data: string;
  /** Images of known class that are compared with. */
  bankImages: number;
  features: FeatureName;
  /** Neighbours that voted, null in other protocols. */
  k: number | null;
  /** Sentences for the user. */
  notes: readonly string[];
}

/** τ of PAWS-NN (method specification 4.5). */
const pawsTemperature = 0.1;

/**
 * Measures the features of a run or checkpoint on images that were set aside, by images of known class.
 * @throws UsageError when k is larger than the images to compare with; DataError, CheckpointError, RunError
 */
export async function evaluateProtocol(options: ProtocolOptions): Promise<ProtocolReport> {
  const { protocol, device, checkpoint, weights = null } = options;
  const extractor = FeatureExtractor.load(options.model, {
    ...(device ? { device } : {}),
    ...(checkpoint ? { checkpoint } : {}),
    weights,
  });
  try {
    const { source: described } = extractor;
    const { folder, data, bank, bankLabels, source } = await loadProtocolData(
      described,
      options.bank ?? 'labeled',
      options,
    );
    const owned: { dispose(): void }[] = [data];
    try {
      const k = neighboursOf(options.k ?? null, bank.length);
      const describe = (images: Tensor) =>
        protocol === 'paws-nn' ? extractor.embeddings(images) : extractor.features(images);
      const featuresOf = async (set: NonNullable<typeof data.val>, indices: Int32Array, what: string) => {
        const features = await scoreImages(describe, set, indices, {
          input: described.input,
          batch: options.batch ?? 128,
          device: extractor.device,
          signal: options.signal ?? null,
          onProgress: (done, total) => options.onProgress?.(what, done, total),
        });
        owned.push(features);
        return onDevice(features, extractor.device, owned);
      };
      const known = await featuresOf(data.train, bank, 'features of labeled images');
      const val = data.val!; // its absence is an error of loadProtocolData
      const queries = await featuresOf(val, allIndices(val.length), 'features to measure');
      const labels = scope(() =>
        keep(fromTypedArray(bankLabels, [bankLabels.length]).to({ dtype: 'int64', device: extractor.device })),
      );
      owned.push(labels);
      const seed = Number((described.config as { seed?: unknown } | null)?.seed ?? 0);
      const settings = { numClasses: data.classes.length, seed, k };
      const scores = await scoresOf({ features: known, labels }, queries, settings, options);
      owned.push(scores);
      const score = scoreOf(scores, data.valLabels, 1);
      return {
        evaluation: {
          top1: score.top1,
          top5: score.top5,
          loss: protocol === 'knn' ? null : score.loss,
          images: score.images,
          classes: classScores(score, data.classes),
          protocol,
        },
        source,
        data: folder,
        bankImages: bank.length,
        k: protocol === 'knn' ? k : null,
        features: protocol === 'paws-nn' ? extractor.embeddingName : 'backbone features',
        notes: [...described.notes, ...data.report.notes, ...protocolNotes(protocol, described.arch)],
      };
    } finally {
      for (const thing of owned) thing.dispose();
    }
  } finally {
    extractor.dispose();
  }
}

/** The tensor itself, or a copy on the device that is disposed of with `owned`. */
function onDevice(tensor: Tensor, device: string, owned: { dispose(): void }[]): Tensor {
  if (device === 'cpu') return tensor;
  const moved = tensor.to({ device });
  owned.push(moved);
  return moved;
}

/** The neighbours that vote. @throws UsageError where more are asked for than there are */
function neighboursOf(asked: number | null, available: number): number {
  if (asked === null) return Math.min(defaultNeighbours, available);
  if (asked <= available) return asked;
  throw new UsageError(
    `suave evaluate --k: expected at most the ${available} labeled images that are compared with, got ${asked}. Choose a smaller k, or --bank all.`,
    { code: 'USAGE_NEIGHBOURS' },
  );
}

/** Scores [N, K] of the queries, float32 on the CPU; the caller disposes of them. */
async function scoresOf(
  bank: FeatureBank,
  queries: Tensor,
  { numClasses, seed, k }: { readonly numClasses: number; readonly seed: number; readonly k: number },
  options: ProtocolOptions,
): Promise<Tensor> {
  const cpu = (scores: Tensor): Tensor => scores.to('float32').cpu();
  switch (options.protocol) {
    case 'knn':
      return scope(() => cpu(neighbourScores(bank, queries, { k, numClasses })));
    case 'paws-nn':
      return noGrad(() =>
        scope(() => cpu(pawsNearestNeighbourScores(bank.features, bank.labels, queries, pawsTemperature, numClasses))),
      );
    case 'linear': {
      const probe = await LinearProbe.train(bank, {
        numClasses,
        seed,
        signal: options.signal ?? null,
        onProgress: (done, total) => options.onProgress?.('training the probe', done, total),
      });
      try {
        return noGrad(() => scope(() => cpu(probe.score(queries))));
      } finally {
        probe.dispose();
      }
    }
  }
}

function protocolNotes(protocol: FeatureProtocol, arch: string): string[] {
  if (protocol !== 'linear') return [];
  const recipe = arch.startsWith('vit') ? 'dino-linear' : 'swav-linear';
  return [
    `linear: a probe on features of every image once, without augmentation; the published protocol is suave finetune DATA --from RUN --recipe ${recipe}`,
  ];
}
