/**
 * @file Batch t of a stage: which images, how they are cut and colored, how they are mixed. A pure function of t; every random
 * number is drawn by the counter-based generator from (seed, stage, stream, that stream's epoch, image, repeat, view, purpose).
 */
import { cat, fromTypedArray, type Tensor } from '@suave/torch';
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
import {
  createSampler,
  createSupportSampler,
  type LoadedData,
  type PixelReader,
  type SampledBatch,
  type Sampler,
  type SupportSampler,
} from '../data/index.js';
import { type Batch, supportLabels } from '../methods/index.js';
import type { Config, LabeledStage, PawsStage, Stage, UnlabeledStage, ViewConfig } from '../recipes/index.js';

/** Batches of one stage. */
export interface StageBatches {
  readonly stepsPerEpoch: number;
  /** Images of a step that count as seen: unlabeled ones, labeled ones in supervised training. */
  readonly imagesPerStep: number;
  /** What the user should know: a batch that was reduced, images that come twice. */
  readonly notes: readonly string[];
  /** Waits until the images of a step are there. @throws DataError IMAGES_CHANGED where one cannot be read any more */
  prepare(step: number): Promise<void>;
  /** Batch `step`, the one that was prepared; call inside a scope. `monitored` adds what only metrics need. */
  batch(step: number, monitored: boolean): Batch;
  /** Lets go of images; the batches are of no use afterwards. */
  close(): void;
}

type Stream = 'labeled' | 'unlabeled';

/**
 * Makes the batches of stage `index`. Call `close` when done.
 * @param data  kept; its images and labels
 */
export function createBatches(config: Config, index: number, data: LoadedData): StageBatches {
  const stage = config.stages[index];
  const labeled = learnsFromLabels(stage) ? new LabeledBatches(config, index, stage, data) : null;
  const unlabeled = stage.method === 'supervised' ? null : new UnlabeledBatches(config, index, stage, data);
  const support = stage.method === 'paws' ? new SupportBatches(config, index, stage, data) : null;
  const streams = [unlabeled, labeled, support].filter((stream) => stream !== null);
  const leading: Sampler = (unlabeled ?? labeled)!.sampler;
  const own = stage.method === 'supervised' ? stage.stepsPerEpoch : null;
  const stepsPerEpoch = own ?? leading.batchesPerEpoch;
  const indicesOf = (step: number): Int32Array | null =>
    step < stage.epochs * stepsPerEpoch
      ? Int32Array.from(streams.flatMap(({ sampler }) => [...sampler.batch(step).indices]))
      : null;
  const reader = data.train.read(indicesOf);
  return {
    stepsPerEpoch,
    imagesPerStep: leading.batchSize,
    notes: streams.flatMap(({ sampler }) => sampler.note ?? []),
    prepare: (step) => reader.prepare(step),
    batch: (step, monitored) => ({
      labeled: (labeled ?? support)?.batch(step, reader) ?? null,
      unlabeled: unlabeled?.batch(step, reader, monitored) ?? null,
    }),
    close: () => reader.close(),
  };
}

function learnsFromLabels(stage: Stage): stage is LabeledStage {
  return stage.method === 'suave' || stage.method === 'daino' || stage.method === 'supervised';
}

/** What both streams do: choose images, cut views, draw mixes. */
abstract class StreamBatches {
  protected readonly config: Config;
  protected readonly data: LoadedData;
  readonly #stage: number;
  readonly #stream: Stream;

  protected constructor(config: Config, stage: number, stream: Stream, data: LoadedData) {
    this.config = config;
    this.data = data;
    this.#stage = stage;
    this.#stream = stream;
  }

  /** Batches of all images of the stream, in epochs. */
  protected createSampler(batchSize: number, repeats = 1): Sampler {
    const images = this.#stream === 'labeled' ? this.data.labeledIndices : this.data.train.length;
    const { seed } = this.config;
    return createSampler({ seed, stage: this.#stage, stream: this.#stream, images, batchSize, repeats });
  }

  /** View number `view` of the images of a batch, float32 [B, 3, size, size] on the device. */
  protected cut(kind: ViewConfig, { window }: PixelReader, sampled: SampledBatch, view: number): Tensor {
    const { count: _count, normalization, ...rest } = kind;
    const spec: ViewSpec = { ...rest, ...(normalization ?? this.config.normalization) };
    const { seed, device } = this.config;
    const { epochs, repeats, indices } = sampled;
    const key = { seed, stage: this.#stage, stream: this.#stream, epochs, repeats, view };
    return applyViews(window, indices, drawViews(spec, window, indices, key), spec, { device });
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
  readonly sampler: Sampler;
  readonly #stage: LabeledStage;

  constructor(config: Config, index: number, stage: LabeledStage, data: LoadedData) {
    super(config, index, 'labeled', data);
    this.sampler = this.createSampler(stage.batch.labeled, stage.batch.labeledRepeats);
    this.#stage = stage;
  }

  batch(step: number, reader: PixelReader): Batch['labeled'] {
    const { views, mixing } = this.#stage;
    const sampled = this.sampler.batch(step);
    const images = this.cut(views.labeled, reader, sampled, 0);
    const labels = Int32Array.from(sampled.indices, (image) => this.data.labels[image]);
    const options = { numClasses: this.data.classes.length };
    if (mixing.labeled === 'none') {
      const { device } = this.config;
      return { images, targets: mixTargets(labels, 1, { ...options, device }), numOriginal: labels.length };
    }
    return mixLabeled(images, labels, this.mix(mixing, sampled, 0, views.labeled.size), mixing.labeled, options);
  }
}

/** The class-stratified support of a step: all its views stacked, one target column per class of the step. */
class SupportBatches extends StreamBatches {
  readonly sampler: SupportSampler;
  readonly #stage: PawsStage;

  constructor(config: Config, index: number, stage: PawsStage, data: LoadedData) {
    super(config, index, 'labeled', data);
    this.#stage = stage;
    this.sampler = createSupportSampler({
      seed: config.seed,
      stage: index,
      images: data.labeledIndices,
      labels: data.labels,
      classes: stage.batch.classes,
      imagesPerClass: stage.batch.imagesPerClass,
    });
  }

  batch(step: number, reader: PixelReader): Batch['labeled'] {
    const { batch, views, labelSmoothing } = this.#stage;
    const { numClasses, imagesPerClass } = this.sampler;
    const sampled = this.sampler.batch(step);
    const cut = Array.from({ length: batch.supportViews }, (_, view) => this.cut(views.support, reader, sampled, view));
    const layout = { numClasses, imagesPerClass, smoothing: labelSmoothing };
    const targets = supportLabels(layout, { device: this.config.device }).repeat([cut.length, 1]);
    return { images: cat(cut), targets, numOriginal: targets.shape[0] };
  }
}

/** All views of the unlabeled images in list order, each mixed view after its pair. */
class UnlabeledBatches extends StreamBatches {
  readonly sampler: Sampler;
  readonly #stage: UnlabeledStage;
  /** One entry per view. */
  readonly #kinds: ViewConfig[];
  readonly #hasAllLabels: boolean;

  constructor(config: Config, index: number, stage: UnlabeledStage, data: LoadedData) {
    super(config, index, 'unlabeled', data);
    this.sampler = this.createSampler(stage.batch.unlabeled);
    this.#stage = stage;
    this.#kinds = stage.views.unlabeled.flatMap((kind) => new Array<ViewConfig>(kind.count).fill(kind));
    this.#hasAllLabels = data.hiddenLabels.every((label) => label >= 0);
  }

  batch(step: number, reader: PixelReader, monitored: boolean): Batch['unlabeled'] {
    const sampled = this.sampler.batch(step);
    const cut = this.#kinds.map((kind, view) => this.cut(kind, reader, sampled, view));
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
