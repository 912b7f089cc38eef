/**
 * @file Batch t of a stage: which images, how they are cut and colored, how they are mixed. A pure function of t; every random
 * number is drawn by the counter-based generator from (seed, stage, stream, that stream's epoch, image, repeat, view, purpose).
 */
import { fromTypedArray, type Tensor } from '@suave/torch';
import {
  applyViews,
  Draws,
  drawMix,
  drawViews,
  type Mix,
  mixLabeled,
  mixTargets,
  mixViews,
  numMixedPairs,
  type ViewSpec,
} from '../augment/index.js';
import { createSampler, type LoadedData, type SampledBatch, type Sampler } from '../data/index.js';
import type { Batch } from '../methods/index.js';
import type { Config, LabeledStage, Stage, UnlabeledStage, ViewConfig } from '../recipes/index.js';

/** Batches of one stage. */
export interface StageBatches {
  readonly stepsPerEpoch: number;
  /** Images of a step that count as seen: unlabeled ones, labeled ones in supervised training. */
  readonly imagesPerStep: number;
  /** Batch `step`; call inside a scope. `monitored` adds what only metrics need. */
  batch(step: number, monitored: boolean): Batch;
}

type Stream = 'labeled' | 'unlabeled';

/**
 * Makes the batches of stage `index`.
 * @param data  kept; its images and labels
 */
export function createBatches(config: Config, index: number, data: LoadedData): StageBatches {
  const stage = config.stages[index];
  const labeled = learnsFromLabels(stage) ? new LabeledBatches(config, index, stage, data) : null;
  const unlabeled = stage.method === 'supervised' ? null : new UnlabeledBatches(config, index, stage, data);
  const leading: Sampler = (unlabeled ?? labeled)!.sampler;
  const own = stage.method === 'supervised' ? stage.stepsPerEpoch : null;
  return {
    stepsPerEpoch: own ?? leading.batchesPerEpoch,
    imagesPerStep: leading.batchSize,
    batch: (step, monitored) => ({
      labeled: labeled?.batch(step) ?? null,
      unlabeled: unlabeled?.batch(step, monitored) ?? null,
    }),
  };
}

function learnsFromLabels(stage: Stage): stage is LabeledStage {
  return stage.method === 'suave' || stage.method === 'daino' || stage.method === 'supervised';
}

/** What both streams do: choose images, cut views, draw mixes. */
abstract class StreamBatches {
  readonly sampler: Sampler;
  protected readonly config: Config;
  protected readonly data: LoadedData;
  readonly #stage: number;
  readonly #stream: Stream;

  protected constructor(
    config: Config,
    stage: number,
    stream: Stream,
    data: LoadedData,
    batchSize: number,
    repeats = 1,
  ) {
    this.config = config;
    this.data = data;
    this.#stage = stage;
    this.#stream = stream;
    const images = stream === 'labeled' ? data.labeledIndices : data.train.length;
    this.sampler = createSampler({ seed: config.seed, stage, stream, images, batchSize, repeats });
  }

  /** View number `view` of the images of a batch, float32 [B, 3, size, size] on the device. */
  protected cut(kind: ViewConfig, sampled: SampledBatch, view: number): Tensor {
    const { count: _count, normalization, ...rest } = kind;
    const spec: ViewSpec = { ...rest, ...(normalization ?? this.config.normalization) };
    const { train } = this.data;
    const { seed, device } = this.config;
    const { epochs, repeats, indices } = sampled;
    const key = { seed, stage: this.#stage, stream: this.#stream, epochs, repeats, view };
    return applyViews(train, indices, drawViews(spec, train, indices, key), spec, { device });
  }

  /** How pair `pair` of a batch is mixed; keyed by the position of the batch in its epoch. */
  protected mix(
    mixing: { cutmixProb: number; beta: number; prob: number },
    sampled: SampledBatch,
    pair: number,
    size: number,
  ): Mix {
    const draws = new Draws(this.config.seed, this.#stage, this.#stream);
    draws.at(sampled.epoch, sampled.positionInEpoch, 0, pair, 'mix');
    return drawMix(draws, mixing, size, size);
  }
}

/** Labeled images, then their mixed copies. */
class LabeledBatches extends StreamBatches {
  readonly #stage: LabeledStage;

  constructor(config: Config, index: number, stage: LabeledStage, data: LoadedData) {
    super(config, index, 'labeled', data, stage.batch.labeled, stage.batch.labeledRepeats);
    this.#stage = stage;
  }

  batch(step: number): Batch['labeled'] {
    const { views, mixing } = this.#stage;
    const sampled = this.sampler.batch(step);
    const images = this.cut(views.labeled, sampled, 0);
    const labels = Int32Array.from(sampled.indices, (image) => this.data.labels[image]);
    const options = { numClasses: this.data.classes.length };
    if (mixing.labeled === 'none') {
      const { device } = this.config;
      return { images, targets: mixTargets(labels, 1, { ...options, device }), numOriginal: labels.length };
    }
    return mixLabeled(images, labels, this.mix(mixing, sampled, 0, views.labeled.size), mixing.labeled, options);
  }
}

/** All views of the unlabeled images in list order, each mixed view after its pair. */
class UnlabeledBatches extends StreamBatches {
  readonly #stage: UnlabeledStage;
  /** One entry per view. */
  readonly #kinds: ViewConfig[];
  readonly #hasAllLabels: boolean;

  constructor(config: Config, index: number, stage: UnlabeledStage, data: LoadedData) {
    super(config, index, 'unlabeled', data, stage.batch.unlabeled);
    this.#stage = stage;
    this.#kinds = stage.views.unlabeled.flatMap((kind) => new Array<ViewConfig>(kind.count).fill(kind));
    this.#hasAllLabels = data.hiddenLabels.every((label) => label >= 0);
  }

  batch(step: number, monitored: boolean): Batch['unlabeled'] {
    const sampled = this.sampler.batch(step);
    const cut = this.#kinds.map((kind, view) => this.cut(kind, sampled, view));
    const hiddenLabels = monitored && this.#hasAllLabels ? this.#hiddenLabels(sampled) : null;
    if (this.#stage.method !== 'suave' || this.#stage.mixing.unlabeled === 'none') {
      return { views: cut, mixedPositions: [], mixedLambdas: [], hiddenLabels };
    }
    const { mixing } = this.#stage;
    const pairs = mixing.unlabeled === 'all' ? 'all' : 'globals';
    const mixes = Array.from({ length: numMixedPairs(cut.length, pairs) }, (_, pair) =>
      this.mix({ ...mixing, prob: 1 }, sampled, pair, this.#kinds[2 * pair].size),
    );
    const { views, positions, lambdas } = mixViews(cut, mixes, pairs, mixing.positions);
    return { views, mixedPositions: positions, mixedLambdas: lambdas, hiddenLabels };
  }

  /** int64 [B]: true classes, for metrics only. */
  #hiddenLabels(sampled: SampledBatch): Tensor {
    const classes = Int32Array.from(sampled.indices, (image) => this.data.hiddenLabels[image]);
    return fromTypedArray(classes, [classes.length]).to({ dtype: 'int64', device: this.config.device });
  }
}
