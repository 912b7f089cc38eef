/**
 * @file The streams of a stage: which images a step takes of each, how they are cut, colored and mixed, all drawn on the host, and
 * how what was drawn becomes a batch. Every random number is drawn by the counter-based generator from (seed, stage, stream, that
 * stream's epoch, image, repeat, view, purpose).
 */
import { cat, chunk, type Tensor } from '@suave/torch';
import {
  Draws,
  drawMix,
  drawViews,
  type ImageSizes,
  type Mix,
  type Normalization,
  numMixedPairs,
  type ViewParameters,
  type ViewSpec,
} from '../augment/index.js';
import {
  createSampler,
  createSupportSampler,
  type LoadedData,
  type SampledBatch,
  type Sampler,
  type SupportSampler,
} from '../data/index.js';
import type { Batch } from '../methods/index.js';
import type { Config, LabeledStage, PawsStage, UnlabeledStage, ViewConfig } from '../recipes/index.js';
import type { BatchMaker } from './batch-maker.js';
import { numbered, type SeenView } from './seen-views.js';

/** Which images a stream is made of, as its random numbers are keyed. */
export type StreamName = 'labeled' | 'unlabeled';

/** One view of each image of a stream's rows, drawn. */
export interface DrawnView {
  readonly spec: ViewSpec;
  readonly parameters: ViewParameters;
}

/** What a stream takes part with in one step: numbers of the host, the same whatever computes with them. */
export interface DrawnStream {
  readonly stream: StreamName;
  readonly indices: Int32Array;
  /** In list order. */
  readonly views: readonly DrawnView[];
  /** How pairs of views are mixed. */
  readonly mixes: readonly Mix[];
  /** Class of each row, to learn from or to measure by; null where none is asked for. */
  readonly labels: Int32Array | null;
}

/** What the streams of a stage share. */
export interface StreamContext {
  readonly config: Config;
  /** Index of the stage. */
  readonly stage: number;
  readonly data: LoadedData;
}

/** One stream of a stage. */
export interface Stream<Part = unknown> {
  readonly name: StreamName;
  readonly sampler: Sampler | SupportSampler;
  /** The kinds of its views in list order. */
  readonly specs: readonly ViewSpec[];
  /** Draws the rows of a batch; `monitored` adds what only metrics need. */
  draw(sampled: SampledBatch, images: ImageSizes, monitored: boolean): DrawnStream;
  /** What decides, beside the numbers that were drawn, how a batch is made: the same text, the same work. */
  variant(drawn: DrawnStream): string;
  /** Makes its part of a batch. */
  make(drawn: DrawnStream, maker: BatchMaker): Part;
  /** Its views by name, for looking at. */
  seen(drawn: DrawnStream, maker: BatchMaker): SeenView[];
}

/** What all streams do: draw views and mixes. */
abstract class BaseStream {
  readonly name: StreamName;
  protected readonly context: StreamContext;

  protected constructor(name: StreamName, context: StreamContext) {
    this.name = name;
    this.context = context;
  }

  /** Batches of all images of the stream, in epochs. */
  protected createSampler(batchSize: number, repeats = 1): Sampler {
    const { config, stage, data } = this.context;
    const images = this.name === 'labeled' ? data.labeledIndices : data.train.length;
    return createSampler({ seed: config.seed, stage, stream: this.name, images, batchSize, repeats });
  }

  protected specOf(kind: ViewConfig): ViewSpec {
    const { count: _count, normalization: _normalization, ...rest } = kind;
    return { ...rest, ...this.normalizationOf(kind) };
  }

  protected normalizationOf(kind: ViewConfig): Normalization {
    return kind.normalization ?? this.context.config.normalization;
  }

  /** Draws one view of each row for each of `specs`. */
  protected drawViews(specs: readonly ViewSpec[], sampled: SampledBatch, images: ImageSizes): DrawnView[] {
    const { config, stage } = this.context;
    const { epochs, repeats, indices } = sampled;
    const key = { seed: config.seed, stage, stream: this.name, epochs, repeats };
    return specs.map((spec, view) => ({ spec, parameters: drawViews(spec, images, indices, { ...key, view }) }));
  }

  /** How pair `pair` of a batch is mixed; keyed by the position of the batch in its epoch. */
  protected drawMix(
    mixing: { cutmixProb: number; beta: number; prob: number },
    sampled: SampledBatch,
    pair: number,
    size: number,
  ): Mix {
    const { config, stage } = this.context;
    const draws = new Draws(config.seed, stage, this.name);
    draws.at(sampled.epoch, sampled.positionInEpoch, 0, pair, 'mix');
    return drawMix(draws, mixing, size, size);
  }
}

/** Labeled images, then their mixed copies. */
export class LabeledStream extends BaseStream implements Stream<NonNullable<Batch['labeled']>> {
  readonly sampler: Sampler;
  readonly specs: readonly ViewSpec[];
  readonly #stage: LabeledStage;

  constructor(context: StreamContext, stage: LabeledStage) {
    super('labeled', context);
    this.#stage = stage;
    this.sampler = this.createSampler(stage.batch.labeled, stage.batch.labeledRepeats);
    this.specs = [this.specOf(stage.views.labeled)];
  }

  draw(sampled: SampledBatch, images: ImageSizes): DrawnStream {
    const { views, mixing } = this.#stage;
    return {
      stream: this.name,
      indices: sampled.indices,
      views: this.drawViews(this.specs, sampled, images),
      mixes: mixing.labeled === 'none' ? [] : [this.drawMix(mixing, sampled, 0, views.labeled.size)],
      labels: Int32Array.from(sampled.indices, (image) => this.context.data.labels[image]),
    };
  }

  /** A batch that is replaced by its mix counts as unmixed where λ = 1. */
  variant({ mixes: [mix] }: DrawnStream): string {
    return this.#stage.mixing.labeled === 'replace' && mix.lambda === 1 ? 'unmixed' : '';
  }

  make(drawn: DrawnStream, maker: BatchMaker): NonNullable<Batch['labeled']> {
    const [images] = maker.views(drawn);
    const numClasses = this.context.data.classes.length;
    const mode = this.#stage.mixing.labeled;
    if (mode === 'none')
      return { images, targets: maker.targets(drawn, numClasses), numOriginal: drawn.indices.length };
    return maker.mixLabeled(images, drawn, { mode, numClasses });
  }

  seen(drawn: DrawnStream, maker: BatchMaker): SeenView[] {
    const { views, mixing } = this.#stage;
    const { name } = views.labeled;
    const names = { none: [name], extend: [name, `${name} mixed`], replace: [`${name} mixed`] }[mixing.labeled];
    const parts = chunk(this.make(drawn, maker).images, names.length);
    return parts.map((images, i) => ({ name: names[i], images, normalization: this.normalizationOf(views.labeled) }));
  }
}

/** The class-stratified support of a step: all its views stacked, one target column per class of the step. */
export class SupportStream extends BaseStream implements Stream<NonNullable<Batch['labeled']>> {
  readonly sampler: SupportSampler;
  readonly specs: readonly ViewSpec[];
  readonly #stage: PawsStage;

  constructor(context: StreamContext, stage: PawsStage) {
    super('labeled', context);
    this.#stage = stage;
    const { batch, views } = stage;
    this.sampler = createSupportSampler({
      seed: context.config.seed,
      stage: context.stage,
      images: context.data.labeledIndices,
      labels: context.data.labels,
      classes: batch.classes,
      imagesPerClass: batch.imagesPerClass,
    });
    this.specs = new Array<ViewSpec>(batch.supportViews).fill(this.specOf(views.support));
  }

  draw(sampled: SampledBatch, images: ImageSizes): DrawnStream {
    const { indices } = sampled;
    return { stream: this.name, indices, views: this.drawViews(this.specs, sampled, images), mixes: [], labels: null };
  }

  variant(): string {
    return '';
  }

  make(drawn: DrawnStream, maker: BatchMaker): NonNullable<Batch['labeled']> {
    const { numClasses, imagesPerClass } = this.sampler;
    const layout = { numClasses, imagesPerClass, smoothing: this.#stage.labelSmoothing };
    const views = maker.views(drawn);
    const targets = maker.supportTargets(layout).repeat([views.length, 1]);
    return { images: cat(views), targets, numOriginal: targets.shape[0] };
  }

  seen(drawn: DrawnStream, maker: BatchMaker): SeenView[] {
    const { support } = this.#stage.views;
    const normalization = this.normalizationOf(support);
    return numbered(maker.views(drawn).map((images) => ({ name: support.name, images, normalization })));
  }
}

/** All views of the unlabeled images in list order, each mixed view after its pair. */
export class UnlabeledStream extends BaseStream implements Stream<NonNullable<Batch['unlabeled']>> {
  readonly sampler: Sampler;
  readonly specs: readonly ViewSpec[];
  readonly #stage: UnlabeledStage;
  /** One entry per view. */
  readonly #kinds: ViewConfig[];
  readonly #hasAllLabels: boolean;

  constructor(context: StreamContext, stage: UnlabeledStage) {
    super('unlabeled', context);
    this.#stage = stage;
    this.sampler = this.createSampler(stage.batch.unlabeled);
    this.#kinds = stage.views.unlabeled.flatMap((kind) => new Array<ViewConfig>(kind.count).fill(kind));
    this.specs = this.#kinds.map((kind) => this.specOf(kind));
    this.#hasAllLabels = context.data.hiddenLabels.every((label) => label >= 0);
  }

  /** Which pairs of views are mixed; null for none. */
  get #pairs(): 'all' | 'globals' | null {
    if (this.#stage.method !== 'suave' || this.#stage.mixing.unlabeled === 'none') return null;
    return this.#stage.mixing.unlabeled === 'all' ? 'all' : 'globals';
  }

  draw(sampled: SampledBatch, images: ImageSizes, monitored: boolean): DrawnStream {
    const { hiddenLabels } = this.context.data;
    return {
      stream: this.name,
      indices: sampled.indices,
      views: this.drawViews(this.specs, sampled, images),
      mixes: this.#drawMixes(sampled),
      labels: monitored && this.#hasAllLabels ? Int32Array.from(sampled.indices, (image) => hiddenLabels[image]) : null,
    };
  }

  #drawMixes(sampled: SampledBatch): Mix[] {
    const pairs = this.#pairs;
    if (pairs === null || this.#stage.method !== 'suave') return [];
    const mixing = { ...this.#stage.mixing, prob: 1 };
    return Array.from({ length: numMixedPairs(this.#kinds.length, pairs) }, (_, pair) =>
      this.drawMix(mixing, sampled, pair, this.#kinds[2 * pair].size),
    );
  }

  variant(): string {
    return '';
  }

  make(drawn: DrawnStream, maker: BatchMaker): NonNullable<Batch['unlabeled']> {
    const cut = maker.views(drawn);
    const hiddenLabels = drawn.labels === null ? null : maker.classes(drawn);
    const pairs = this.#pairs;
    if (pairs === null || this.#stage.method !== 'suave')
      return { views: cut, mixedPositions: [], mixedLambdas: [], hiddenLabels };
    const positions = this.#stage.mixing.positions;
    const mixed = maker.mixViews(cut, drawn, { pairs, positions });
    return { views: mixed.views, mixedPositions: mixed.positions, mixedLambdas: mixed.lambdas, hiddenLabels };
  }

  seen(drawn: DrawnStream, maker: BatchMaker): SeenView[] {
    const { views, mixedLambdas } = this.make({ ...drawn, labels: null }, maker);
    const pairs = mixedLambdas.length;
    const plain = [...this.#kinds];
    const seen = views.map((images: Tensor, position: number) => {
      const isMixed = position < 3 * pairs && position % 3 === 2; // each follows its pair, wherever a quirk says it is
      const kind = isMixed ? this.#kinds[2 * Math.floor(position / 3)] : plain.shift()!;
      return { name: isMixed ? 'mixed' : kind.name, images, normalization: this.normalizationOf(kind) };
    });
    return numbered(seen);
  }
}
