/**
 * @file Batch t of a stage: which images, how they are cut and colored, how they are mixed. A pure function of t; every random
 * number is drawn by the counter-based generator from (seed, stage, stream, that stream's epoch, image, repeat, view, purpose).
 */
import { cat, chunk, fromTypedArray, noGrad, scope, type Tensor } from '@suave/torch';
import {
  applyViews,
  Draws,
  drawMix,
  drawViews,
  type Mix,
  mixLabeled,
  mixTargets,
  mixViews,
  type Normalization,
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
import { endsOf, numbered, type SeenView, type ViewBlock } from './seen-views.js';

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
  /**
   * Looks at the views of the first step, of a few images of each stream: the first and the last of the batch, because those are mixed
   * with each other. The same pixels as in `batch(0)`, whatever was prepared; calls `use` inside a scope.
   */
  lookAtFirst<T>(count: number, use: (blocks: ViewBlock[]) => T): Promise<T>;
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
    async lookAtFirst(count, use) {
      const sampled = streams.map(({ sampler }) => endsOf(sampler.batch(0), count));
      const indices = Int32Array.from(sampled.flatMap((each) => [...each.indices]));
      const looking = data.train.read((step) => (step === 0 ? indices : null));
      try {
        await looking.prepare(0);
        return noGrad(() => scope(() => use(streams.map((stream, i) => stream.look(sampled[i], looking)))));
      } finally {
        looking.close();
      }
    },
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
  abstract readonly sampler: Sampler | SupportSampler;
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
    const { count: _count, normalization: _normalization, ...rest } = kind;
    const spec: ViewSpec = { ...rest, ...this.normalizationOf(kind) };
    const { seed, device } = this.config;
    const { epochs, repeats, indices } = sampled;
    const key = { seed, stage: this.#stage, stream: this.#stream, epochs, repeats, view };
    return applyViews(window, indices, drawViews(spec, window, indices, key), spec, { device });
  }

  /** The views of chosen rows of a batch, by name. */
  look(sampled: SampledBatch, reader: PixelReader): ViewBlock {
    const views = this.seen(sampled, reader);
    return { stream: this.#stream, indices: sampled.indices, window: reader.window, views };
  }

  protected abstract seen(sampled: SampledBatch, reader: PixelReader): SeenView[];

  protected normalizationOf(kind: ViewConfig): Normalization {
    return kind.normalization ?? this.config.normalization;
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

  batch(step: number, reader: PixelReader): NonNullable<Batch['labeled']> {
    return this.#batchOf(this.sampler.batch(step), reader);
  }

  protected override seen(sampled: SampledBatch, reader: PixelReader): SeenView[] {
    const { views, mixing } = this.#stage;
    const { name } = views.labeled;
    const names = { none: [name], extend: [name, `${name} mixed`], replace: [`${name} mixed`] }[mixing.labeled];
    const parts = chunk(this.#batchOf(sampled, reader).images, names.length);
    return parts.map((images, i) => ({ name: names[i], images, normalization: this.normalizationOf(views.labeled) }));
  }

  #batchOf(sampled: SampledBatch, reader: PixelReader): NonNullable<Batch['labeled']> {
    const { views, mixing } = this.#stage;
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
    const { labelSmoothing } = this.#stage;
    const { numClasses, imagesPerClass } = this.sampler;
    const cut = this.#viewsOf(this.sampler.batch(step), reader);
    const layout = { numClasses, imagesPerClass, smoothing: labelSmoothing };
    const targets = supportLabels(layout, { device: this.config.device }).repeat([cut.length, 1]);
    return { images: cat(cut), targets, numOriginal: targets.shape[0] };
  }

  protected override seen(sampled: SampledBatch, reader: PixelReader): SeenView[] {
    const { support } = this.#stage.views;
    const normalization = this.normalizationOf(support);
    return numbered(this.#viewsOf(sampled, reader).map((images) => ({ name: support.name, images, normalization })));
  }

  #viewsOf(sampled: SampledBatch, reader: PixelReader): Tensor[] {
    const { batch, views } = this.#stage;
    return Array.from({ length: batch.supportViews }, (_, view) => this.cut(views.support, reader, sampled, view));
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

  batch(step: number, reader: PixelReader, monitored: boolean): NonNullable<Batch['unlabeled']> {
    return this.#batchOf(this.sampler.batch(step), reader, monitored);
  }

  protected override seen(sampled: SampledBatch, reader: PixelReader): SeenView[] {
    const { views, mixedLambdas } = this.#batchOf(sampled, reader, false);
    const pairs = mixedLambdas.length;
    const plain = [...this.#kinds];
    const seen = views.map((images, position) => {
      const isMixed = position < 3 * pairs && position % 3 === 2; // each follows its pair, wherever a quirk says it is
      const kind = isMixed ? this.#kinds[2 * Math.floor(position / 3)] : plain.shift()!;
      return { name: isMixed ? 'mixed' : kind.name, images, normalization: this.normalizationOf(kind) };
    });
    return numbered(seen);
  }

  #batchOf(sampled: SampledBatch, reader: PixelReader, monitored: boolean): NonNullable<Batch['unlabeled']> {
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
