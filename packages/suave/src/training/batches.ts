/** @file Batch t of a stage, a pure function of t: what the streams draw for it, and the images that it needs. */
import { noGrad, scope } from '@suave/torch';
import type { ImageSizes } from '../augment/index.js';
import type { LoadedData, PixelReader, Sampler } from '../data/index.js';
import type { Batch } from '../methods/index.js';
import type { Config, LabeledStage, Stage } from '../recipes/index.js';
import { type BatchMaker, HostBatchMaker } from './batch-maker.js';
import { endsOf, type ViewBlock } from './seen-views.js';
import { type DrawnStream, LabeledStream, type Stream, SupportStream, UnlabeledStream } from './streams.js';

/** What all streams of a step have drawn. */
export interface DrawnBatch {
  readonly labeled: DrawnStream | null;
  readonly unlabeled: DrawnStream | null;
}

/** The streams of a stage as one. */
export class StageStreams {
  readonly stepsPerEpoch: number;
  /** Images of a step that count as seen: unlabeled ones, labeled ones in supervised training. */
  readonly imagesPerStep: number;
  /** What the user should know: a batch that was reduced, images that come twice. */
  readonly notes: readonly string[];
  readonly labeled: Stream<NonNullable<Batch['labeled']>> | null;
  readonly unlabeled: Stream<NonNullable<Batch['unlabeled']>> | null;
  readonly #sizes: ImageSizes;
  readonly #numSteps: number;

  /** @param data  kept; its images and labels */
  constructor(config: Config, index: number, data: LoadedData) {
    const stage = config.stages[index];
    const context = { config, stage: index, data };
    this.unlabeled = stage.method === 'supervised' ? null : new UnlabeledStream(context, stage);
    if (learnsFromLabels(stage)) this.labeled = new LabeledStream(context, stage);
    else this.labeled = stage.method === 'paws' ? new SupportStream(context, stage) : null;
    const leading = (this.unlabeled ?? this.labeled)!.sampler as Sampler;
    const own = stage.method === 'supervised' ? stage.stepsPerEpoch : null;
    this.stepsPerEpoch = own ?? leading.batchesPerEpoch;
    this.imagesPerStep = leading.batchSize;
    this.notes = this.all.flatMap(({ sampler }) => sampler.note ?? []);
    this.#sizes = data.train;
    this.#numSteps = stage.epochs * this.stepsPerEpoch;
  }

  /** Unlabeled first. */
  get all(): Stream[] {
    return [this.unlabeled, this.labeled].filter((stream) => stream !== null);
  }

  /** Images of each step, for a reader. */
  get indices(): (step: number) => Int32Array | null {
    return (step) =>
      step < this.#numSteps
        ? Int32Array.from(this.all.flatMap(({ sampler }) => [...sampler.batch(step).indices]))
        : null;
  }

  /** Draws a step; nothing of it lies on a device. `monitored` adds what only metrics need. */
  draw(step: number, monitored: boolean): DrawnBatch {
    const of = (stream: Stream | null) =>
      stream === null ? null : stream.draw(stream.sampler.batch(step), this.#sizes, monitored);
    return { labeled: of(this.labeled), unlabeled: of(this.unlabeled) };
  }

  /** What decides, beside numbers, how a drawn batch is made. */
  variant({ labeled, unlabeled }: DrawnBatch): string {
    const of = (stream: Stream | null, drawn: DrawnStream | null) =>
      stream === null || drawn === null ? '' : stream.variant(drawn);
    return `${of(this.labeled, labeled)};${of(this.unlabeled, unlabeled)}`;
  }

  /** Makes a batch of what was drawn; call inside a scope. */
  make(drawn: DrawnBatch, maker: BatchMaker): Batch {
    return {
      labeled: drawn.labeled === null ? null : (this.labeled?.make(drawn.labeled, maker) ?? null),
      unlabeled: drawn.unlabeled === null ? null : (this.unlabeled?.make(drawn.unlabeled, maker) ?? null),
    };
  }
}

function learnsFromLabels(stage: Stage): stage is LabeledStage {
  return stage.method === 'suave' || stage.method === 'daino' || stage.method === 'supervised';
}

/** Batches of one stage from pixels of the host. */
export interface StageBatches {
  readonly streams: StageStreams;
  readonly stepsPerEpoch: number;
  readonly imagesPerStep: number;
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

/**
 * Makes the batches of stage `index`. Call `close` when done.
 * @param data  kept; its images and labels
 */
export function createBatches(config: Config, index: number, data: LoadedData): StageBatches {
  const streams = new StageStreams(config, index, data);
  const { stepsPerEpoch, imagesPerStep, notes } = streams;
  let reader: PixelReader | null = null;
  const opened = (): PixelReader => {
    reader ??= data.train.read(streams.indices);
    return reader;
  };
  return {
    streams,
    stepsPerEpoch,
    imagesPerStep,
    notes,
    prepare: (step) => opened().prepare(step),
    batch: (step, monitored) =>
      streams.make(streams.draw(step, monitored), new HostBatchMaker(opened().window, config.device)),
    async lookAtFirst(count, use) {
      const sampled = streams.all.map(({ sampler }) => endsOf(sampler.batch(0), count));
      const indices = Int32Array.from(sampled.flatMap((each) => [...each.indices]));
      const looking = data.train.read((step) => (step === 0 ? indices : null));
      try {
        await looking.prepare(0);
        const { window } = looking;
        const maker = new HostBatchMaker(window, config.device);
        const look = (stream: Stream, i: number): ViewBlock => {
          const drawn = stream.draw(sampled[i], window, false);
          return { stream: stream.name, indices: drawn.indices, window, views: stream.seen(drawn, maker) };
        };
        return noGrad(() => scope(() => use(streams.all.map(look))));
      } finally {
        looking.close();
      }
    },
    close: () => reader?.close(),
  };
}
