/**
 * @file Steps on an accelerator: the host draws the numbers of a step and sends them over; what the device does with them is the same
 * work in every step of a kind, and is captured as a CUDA graph after a few.
 */
import { cuda, keep, manualSeed, noGrad, OutOfMemoryError, scope, type Tensor, TorchError } from '@suave/torch';
import type { DeviceImageSet, DevicePixelReader } from '../data/index.js';
import type { Progress } from '../methods/index.js';
import type { Config } from '../recipes/index.js';
import type { DrawnBatch, StageStreams } from './batches.js';
import { usesChannelsLast } from './device.js';
import { DeviceBatchMaker } from './device-batch-maker.js';
import type { Meter } from './meter.js';
import type { GroupSettings } from './optimizer.js';
import { StepInputs } from './step-inputs.js';
import type { StepRunner } from './step-runner.js';
import { type Learner, learn } from './train-step.js';

/** Steps of a kind that are done one operator at a time before the work is captured: libraries choose kernels, state is made. */
const warmUpSteps = 3;

/** What a device works on. */
export interface DeviceStepsOptions {
  readonly config: Config;
  /** The training images, on the device. */
  readonly images: DeviceImageSet;
  readonly streams: StageStreams;
  readonly learner: Learner;
  groupSettings(step: number): readonly GroupSettings[];
  /** Whether weight decay follows a schedule. */
  readonly decayMoves: boolean;
  torchSeed(step: number): number;
  /** Told once where a step cannot be captured. */
  warn(sentence: string): void;
}

/** The captured work of one kind of step. */
interface StepProgram {
  /** Steps done without a graph. */
  runs: number;
  graph: cuda.Graph | null;
  /** Terms for the meter. */
  counted: readonly string[];
}

/** Runs steps from numbers on the device. */
export class DeviceSteps implements StepRunner {
  readonly #options: DeviceStepsOptions;
  readonly #reader: DevicePixelReader;
  readonly #inputs: StepInputs;
  /** From the first step on. */
  #maker: DeviceBatchMaker | null = null;
  /** The schedules on the device. */
  #scheduled: ReadonlyMap<string, Tensor> = new Map();
  readonly #scalars: Tensor[] = [];
  readonly #programs = new Map<string, StepProgram>();
  #captures: boolean;

  constructor(options: DeviceStepsOptions) {
    this.#options = options;
    const { config, images, streams } = options;
    this.#captures = config.gpu.graph === 'auto' && config.device === 'cuda';
    this.#reader = images.read(streams.indices);
    this.#inputs = new StepInputs(config.device);
  }

  /** Makes what all steps share. @param first  where training begins, for the sizes that all steps have */
  #begin(first: Progress): DeviceBatchMaker {
    const { config, streams, learner, groupSettings, decayMoves, warn } = this.#options;
    const { window, isFixed } = this.#reader;
    if (this.#captures && !isFixed) {
      this.#captures = false;
      warn('the images of a batch are too large to stay at one place of the GPU, so that no CUDA graph is captured');
    }
    const inputs = this.#inputs;
    const maker = new DeviceBatchMaker(streams, inputs, streams.draw(first.step, true), window, {
      device: config.device,
      memoryFormat: usesChannelsLast(config) ? 'channelsLast' : 'contiguous',
    });
    const { paramGroups } = learner.optimizer;
    const names = Object.keys(learner.method.schedules(first));
    inputs.declare('lr', [paramGroups.length]);
    inputs.declare('weightDecay', [paramGroups.length]);
    inputs.declare('schedules', [Math.max(1, names.length)]);
    const element = (block: string, i: number): Tensor => {
      const scalar = scope(() => noGrad(() => keep(inputs.tensor(block).select(0, i))));
      this.#scalars.push(scalar);
      return scalar;
    };
    this.#scheduled = new Map(names.map((name, i) => [name, element('schedules', i)]));
    for (const [i, group] of paramGroups.entries()) {
      const { weightDecay } = groupSettings(first.step)[i];
      const moves = decayMoves && weightDecay !== 0;
      Object.assign(group, { lr: element('lr', i), weightDecay: moves ? element('weightDecay', i) : weightDecay });
    }
    return maker;
  }

  prepare(step: number): Promise<void> {
    return this.#reader.prepare(step);
  }

  run(progress: Progress, meter: Meter): void {
    const { streams, learner } = this.#options;
    const drawn = this.#draw(progress);
    this.#maker ??= this.#begin(progress);
    const maker = this.#maker;
    this.#send(drawn, maker, progress);
    manualSeed(this.#options.torchSeed(progress.step));
    const work = () => {
      const batch = noGrad(() => streams.make(drawn, maker));
      return learn(learner, meter, batch, { ...progress, scheduled: Object.fromEntries(this.#scheduled) });
    };
    const kind = this.#kindOf(progress, drawn);
    const program = kind === null || !this.#captures ? null : this.#programOf(kind);
    if (program !== null && program.graph === null && program.runs >= warmUpSteps) this.#capture(program, work);
    if (program === null || program.graph === null) {
      meter.count(scope(work));
      if (program !== null) program.runs++;
    } else {
      program.graph.replay();
      meter.count(program.counted);
    }
  }

  /** Steps of the same kind are the same work for the device; null for a step that also changes something on the host. */
  kindOf(progress: Progress): string | null {
    return this.#kindOf(progress, this.#draw(progress));
  }

  #kindOf(progress: Progress, drawn: DrawnBatch): string | null {
    const variant = this.#options.learner.method.variant(progress);
    return variant === null ? null : `${variant};${this.#options.streams.variant(drawn)};${isMonitored(progress)}`;
  }

  #draw(progress: Progress): DrawnBatch {
    return this.#options.streams.draw(progress.step, isMonitored(progress));
  }

  /** Sends what was drawn, and the numbers of the schedules. */
  #send(drawn: DrawnBatch, maker: DeviceBatchMaker, progress: Progress): void {
    const settings = this.#options.groupSettings(progress.step);
    const schedules = this.#options.learner.method.schedules(progress);
    this.#inputs.begin();
    maker.write(drawn, this.#reader.window);
    this.#inputs.room('lr').set(settings.map(({ lr }) => lr));
    this.#inputs.room('weightDecay').set(settings.map(({ weightDecay }) => weightDecay));
    this.#inputs.room('schedules').set([...this.#scheduled.keys()].map((name) => schedules[name]));
    this.#inputs.send();
  }

  #programOf(kind: string): StepProgram {
    const known = this.#programs.get(kind);
    if (known !== undefined) return known;
    const program: StepProgram = { runs: 0, graph: null, counted: [] };
    this.#programs.set(kind, program);
    return program;
  }

  /** Captures a step, which does nothing yet; where it cannot be captured, all steps are done one operator at a time from now on. */
  #capture(program: StepProgram, work: () => readonly string[]): void {
    const graph = new cuda.Graph();
    const sharing = [...this.#programs.values()].find((other) => other.graph !== null)?.graph?.pool();
    try {
      program.counted = graph.capture(work, { stream: cuda.currentStream(), ...(sharing ? { pool: sharing } : {}) });
      program.graph = graph;
    } catch (error) {
      graph.dispose();
      const { learner } = this.#options;
      if (!(error instanceof TorchError) || error instanceof OutOfMemoryError || learner.scaler !== null) throw error;
      this.#captures = false;
      learner.optimizer.zeroGrad();
      this.#options.warn(`the step cannot be captured as a CUDA graph and runs without: ${error.message}`);
    }
  }

  dispose(): void {
    for (const { graph } of this.#programs.values()) graph?.dispose();
    this.#programs.clear();
    for (const scalar of this.#scalars) scalar.dispose();
    this.#maker?.dispose();
    this.#inputs.dispose();
    this.#reader.close();
  }
}

const isMonitored = ({ monitored }: Progress): boolean => monitored !== false;
