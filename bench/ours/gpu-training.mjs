/** @file A stage of a recipe in training as `suave train` runs it, on random photos: batches, method, optimizer and step of the trainer. */
import { backends, cuda, keep, noGrad, scope } from '@suave/torch';
import { torchSeed } from '../../packages/suave/dist/augment/index.js';
import { resolveRecipe } from '../../packages/suave/dist/recipes/index.js';
import { createBatches } from '../../packages/suave/dist/training/batches.js';
import { createMethod } from '../../packages/suave/dist/training/build-stage.js';
import { Meter } from '../../packages/suave/dist/training/meter.js';
import { createOptimizer, groupSettings } from '../../packages/suave/dist/training/optimizer.js';
import { trainStep } from '../../packages/suave/dist/training/train-step.js';

/** The parts of a step between which time is measured. */
export const phases = ['augment', 'forward', 'backward', 'optimizer', 'rest'];

/** Steps of the schedules: the bench stays at their beginning. */
const totalSteps = 100_000;

/** Waits until the device has done all its work. */
export function wait(device) {
  if (device !== 'cpu') cuda.synchronize();
}

/** The configuration of a workload: its recipe with the batch, the queue and the precision that are measured. */
export function configOf(workload, precision) {
  const { recipe, stage, settings, unlabeled, labeled, queue, classes, device, threads, image, isParity } = workload;
  const at = `stages.${stage}`;
  const changes = {
    device,
    precision,
    [`${at}.batch.unlabeled`]: unlabeled,
    [`${at}.batch.labeled`]: labeled,
    ...(stage === 'suave' ? { [`${at}.queue.size`]: queue, [`${at}.queue.startEpoch`]: 0 } : {}),
    ...(isParity ? { 'model.dropPath': 0 } : {}),
    ...settings,
  };
  const overrides = Object.entries(changes).map(([path, value]) => ({ path, value, isText: false }));
  const facts = { numTrain: workload.resident, numLabeled: workload.resident, numClasses: classes, device, threads };
  const { config } = resolveRecipe({ recipe, overrides }, { ...facts, shorterSide: Math.min(image.height, image.width) });
  return { config, index: config.stages.findIndex(({ name }) => name === stage) };
}

/** Time between marks in milliseconds: events on CUDA, the processor's clock elsewhere. */
class Clock {
  #marks = [];
  #onCuda;

  constructor(device) {
    this.#onCuda = device !== 'cpu';
  }

  mark() {
    if (!this.#onCuda) return this.#marks.push(performance.now());
    const event = new cuda.Event({ enableTiming: true });
    event.record();
    return this.#marks.push(event);
  }

  /** Waits, and gives the times between the marks. */
  read() {
    if (!this.#onCuda) return this.#marks.slice(1).map((mark, i) => mark - this.#marks[i]);
    cuda.synchronize();
    const times = this.#marks.slice(1).map((mark, i) => this.#marks[i].elapsedTime(mark));
    for (const mark of this.#marks) mark.dispose();
    return times;
  }
}

/** One network in training. */
export class Training {
  #workload;
  #batches;
  #method;
  #optimizer;
  #meter;
  #parts;
  #step = 0;
  #clock = null;

  /**
   * @param variant  precision, channelsLast, and whether whole steps are captured as a CUDA graph
   * @param fixed    parity: one batch for all steps, at a constant rate; null takes the batches of the recipe
   */
  constructor(workload, data, variant, isFixed = false) {
    const { config, index } = configOf(workload, variant.precision);
    const stage = config.stages[index];
    backends.cudnn.benchmark = true;
    this.#workload = workload;
    this.#batches = createBatches(config, index, data);
    const { stepsPerEpoch } = this.#batches;
    const { length: numClasses } = data.classes;
    const labelCounts = new Array(numClasses).fill(1);
    // Before the optimizer and the teacher take its tensors.
    const load = (network) => void (variant.channelsLast && network.to({ memoryFormat: 'channelsLast' }));
    this.#method = createMethod({ config, index, numClasses, labelCounts, stepsPerEpoch, load });
    const groups = this.#method.parameterGroups();
    this.#optimizer = createOptimizer(stage.optimizer, groups);
    this.#meter = new Meter(config.device);
    const { lr, weightDecay } = stage.optimizer;
    const constant = groups.map(({ decays }) => ({ lr: lr / 10, weightDecay: decays ? weightDecay : 0 }));
    const scheduled = (step) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps });
    const layout = variant.channelsLast ? channelsLast : (batch) => batch;
    const batchAt = (step) => layout(this.#batches.batch(step, false));
    let first = null;
    this.stage = stage;
    this.config = config;
    this.constantLr = lr / 10;
    this.#parts = {
      method: this.#method,
      optimizer: this.#optimizer,
      meter: this.#meter,
      device: config.device,
      precision: config.precision,
      batch: isFixed
        ? () => {
            first ??= kept(batchAt(0));
            return first;
          }
        : batchAt,
      groupSettings: isFixed ? () => constant : scheduled,
      torchSeed: (step) => torchSeed(config.seed, index, step),
    };
    this.#watch();
    this.#method.train();
  }

  get method() {
    return this.#method;
  }

  /** Steps done. */
  get step() {
    return this.#step;
  }

  /** Mean loss since the last time; waits for the device. */
  loss() {
    return scope(() => this.#meter.read().values.loss);
  }

  /** The batch of the fixed steps, made if need be. Call inside a scope. */
  async fixedBatch() {
    await this.#batches.prepare(0);
    return noGrad(() => scope(() => this.#parts.batch(0)));
  }

  /** Does steps one after the other, as the trainer does; does not wait for the last ones. */
  async run(count) {
    for (let i = 0; i < count; i++) {
      await this.#batches.prepare(this.#step);
      this.#trainStep();
    }
  }

  #trainStep() {
    trainStep(this.#parts, {
      step: this.#step,
      epoch: 0,
      stepsPerEpoch: totalSteps,
      epochs: 1,
      totalSteps,
      monitored: false,
    });
    this.#step++;
  }

  /** One step without preparing its images, for those who count what it does. */
  async prepared() {
    await this.#batches.prepare(this.#step);
    return () => this.#trainStep();
  }

  /** Milliseconds of the parts of one step. */
  async profile() {
    await this.#batches.prepare(this.#step);
    this.#clock = new Clock(this.#workload.device);
    try {
      this.#mark();
      this.#trainStep();
      this.#mark();
      return this.#clock.read();
    } finally {
      this.#clock = null;
    }
  }

  #mark() {
    this.#clock?.mark();
  }

  /** Marks the seams of the trainer's own step: it calls batch, method.step, method.afterBackward, optimizer.zeroGrad in this order. */
  #watch() {
    const marked = (object, name, when) => {
      const own = object[name].bind(object);
      object[name] = (...args) => {
        if (when === 'before') this.#mark();
        const result = own(...args);
        if (when === 'after') this.#mark();
        return result;
      };
    };
    marked(this.#parts, 'batch', 'after');
    marked(this.#method, 'step', 'after');
    marked(this.#method, 'afterBackward', 'before');
    marked(this.#optimizer, 'zeroGrad', 'after');
  }

  dispose() {
    this.#batches.close();
    this.#meter.dispose();
    this.#optimizer.dispose();
    this.#method.dispose();
    if (this.#workload.device !== 'cpu') cuda.emptyCache();
  }
}

/** A batch with its images channels last: a convolution takes the layout of its input or of its weights. */
function channelsLast({ labeled, unlabeled }) {
  const to = (images) => images.contiguous({ memoryFormat: 'channelsLast' });
  return {
    labeled: { ...labeled, images: to(labeled.images) },
    unlabeled: { ...unlabeled, views: unlabeled.views.map(to) },
  };
}

/** A batch whose tensors outlive the step. */
function kept({ labeled, unlabeled }) {
  return {
    labeled: { ...labeled, images: keep(labeled.images.clone()), targets: keep(labeled.targets.clone()) },
    unlabeled: { ...unlabeled, views: unlabeled.views.map((view) => keep(view.clone())) },
  };
}
