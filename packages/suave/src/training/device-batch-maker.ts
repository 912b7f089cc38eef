/**
 * @file Batches where pixels and all drawn numbers lie on the device: a fixed sequence of operators on memory that stays where it is,
 * which a CUDA graph can capture.
 */
import { chunk, keep, noGrad, scope, type Tensor } from '@suave/torch';
import {
  encodeMix,
  type MixedLabeled,
  mixLabeledOnDevice,
  mixTargetsOnDevice,
  mixViewsOnDevice,
  numMixNumbers,
  programKey,
  ViewProgram,
  type ViewProgramOptions,
  type ViewSpec,
} from '../augment/index.js';
import type { PixelWindow } from '../data/index.js';
import { supportLabels } from '../methods/index.js';
import type { BatchMaker, LabeledMixing, MadeViews, SupportLayout, ViewMixing } from './batch-maker.js';
import type { DrawnBatch, StageStreams } from './batches.js';
import type { StepInputs } from './step-inputs.js';
import type { DrawnStream, Stream } from './streams.js';

/** Views that are cut together. */
interface ViewGroup {
  readonly program: ViewProgram;
  /** Name of the block with their numbers. */
  readonly block: string;
  /** Positions of the views in the list. */
  readonly positions: readonly number[];
}

/** Makes batches from `StepInputs`; `write` is the host's part, the rest the device's. Call `dispose` when done. */
export class DeviceBatchMaker implements BatchMaker {
  readonly #inputs: StepInputs;
  readonly #layout: Pick<ViewProgramOptions, 'device' | 'memoryFormat'>;
  /** Those of the last `write`. */
  #pixels: Tensor;
  readonly #groups = new Map<string, readonly ViewGroup[]>();
  readonly #constants = new Map<string, Tensor>();

  /**
   * @param inputs  gets a block for everything that is drawn
   * @param first   a drawn batch, for the sizes that all have
   * @param window  pixels of the first batch on the device, and the sizes of all images
   */
  constructor(
    streams: StageStreams,
    inputs: StepInputs,
    first: DrawnBatch,
    window: PixelWindow,
    layout: Pick<ViewProgramOptions, 'device' | 'memoryFormat'>,
  ) {
    this.#inputs = inputs;
    this.#pixels = window.pixels;
    this.#layout = layout;
    for (const [stream, drawn] of [
      [streams.labeled, first.labeled],
      [streams.unlabeled, first.unlabeled],
    ] as const) {
      if (stream === null || drawn === null) continue;
      const rows = drawn.indices.length;
      inputs.declare(`${stream.name}.labels`, [rows]);
      if (drawn.mixes.length > 0) inputs.declare(`${stream.name}.mixes`, [drawn.mixes.length, numMixNumbers]);
      const groups = this.#groupsOf(stream, window);
      for (const { program, block, positions } of groups)
        inputs.declare(block, [positions.length * rows, program.columns]);
      this.#groups.set(stream.name, groups);
    }
  }

  /** Views that one program can cut are cut together. */
  #groupsOf(stream: Stream, images: PixelWindow): ViewGroup[] {
    const together = new Map<string, { specs: ViewSpec[]; positions: number[] }>();
    for (const [position, spec] of stream.specs.entries()) {
      const key = programKey(spec);
      const group = together.get(key) ?? { specs: [], positions: [] };
      group.specs.push(spec);
      group.positions.push(position);
      together.set(key, group);
    }
    return [...together.values()].map(({ specs, positions }, i) => ({
      program: ViewProgram.ofSpecs(specs, images, this.#layout),
      block: `${stream.name}.views.${i}`,
      positions,
    }));
  }

  /** Writes what was drawn for a step into the inputs. @param window  with the images of the step */
  write(drawn: DrawnBatch, window: PixelWindow): void {
    this.#pixels = window.pixels;
    for (const stream of [drawn.labeled, drawn.unlabeled]) {
      if (stream === null) continue;
      const { indices, labels, mixes, views } = stream;
      if (labels !== null) this.#inputs.room(`${stream.stream}.labels`).set(labels);
      for (const [i, mix] of mixes.entries())
        this.#inputs.room(`${stream.stream}.mixes`).set(encodeMix(mix), i * numMixNumbers);
      for (const { program, block, positions } of this.#groupsFor(stream)) {
        const numbers = indices.length * program.columns;
        const room = this.#inputs.room(block);
        for (const [k, position] of positions.entries())
          program.encode(window, indices, views[position].parameters, room.subarray(k * numbers, (k + 1) * numbers));
      }
    }
  }

  views(drawn: DrawnStream): Tensor[] {
    const views: Tensor[] = [];
    for (const { program, block, positions } of this.#groupsFor(drawn)) {
      const cut = program.apply(this.#pixels, this.#inputs.tensor(block));
      for (const [k, view] of chunk(cut, positions.length).entries()) views[positions[k]] = view;
    }
    return views;
  }

  targets(drawn: DrawnStream, numClasses: number): Tensor {
    return mixTargetsOnDevice(this.classes(drawn), 1, { numClasses });
  }

  mixLabeled(images: Tensor, drawn: DrawnStream, { mode, numClasses }: LabeledMixing): MixedLabeled {
    const mixed = mixLabeledOnDevice(images, this.classes(drawn), this.#mixes(drawn).select(0, 0), mode, {
      numClasses,
    });
    // A batch that λ = 1 leaves as it is counts as unmixed; the stream's `variant` tells the two apart.
    const isUnmixed = mode === 'replace' && drawn.mixes[0].lambda === 1;
    return isUnmixed ? { ...mixed, numOriginal: drawn.indices.length } : mixed;
  }

  mixViews(views: readonly Tensor[], drawn: DrawnStream, { pairs, positions }: ViewMixing): MadeViews {
    return mixViewsOnDevice(views, this.#mixes(drawn), pairs, positions);
  }

  #mixes({ stream }: DrawnStream): Tensor {
    return this.#inputs.tensor(`${stream}.mixes`);
  }

  classes({ stream }: DrawnStream): Tensor {
    return this.#inputs.tensor(`${stream}.labels`).to('int64');
  }

  supportTargets(layout: SupportLayout): Tensor {
    return this.#constant(JSON.stringify(layout), () => supportLabels(layout, { device: this.#layout.device }));
  }

  /** A tensor that is made in the first step and stays. */
  #constant(key: string, make: () => Tensor): Tensor {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const made = scope(() => noGrad(() => keep(make())));
    this.#constants.set(key, made);
    return made;
  }

  #groupsFor({ stream }: DrawnStream): readonly ViewGroup[] {
    const groups = this.#groups.get(stream);
    if (groups === undefined) throw new Error(`batches: no stream ${stream}`);
    return groups;
  }

  dispose(): void {
    for (const groups of this.#groups.values()) for (const { program } of groups) program.dispose();
    for (const tensor of this.#constants.values()) tensor.dispose();
    this.#constants.clear();
  }
}
