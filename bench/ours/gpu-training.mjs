/** @file A stage of a recipe in training as `suave train` runs it, on random photos: batches, method, optimizer and step of the trainer. */
import { cuda, keep, noGrad, optim, scope } from '@suave/torch';
import { torchSeed } from '../../packages/suave/dist/augment/index.js';
import { imagesOnDevice } from '../../packages/suave/dist/data/index.js';
import { resolveRecipe } from '../../packages/suave/dist/recipes/index.js';
import { createBatches } from '../../packages/suave/dist/training/batches.js';
import { createMethod } from '../../packages/suave/dist/training/build-stage.js';
import { prepareDevice } from '../../packages/suave/dist/training/device.js';
import { DeviceSteps } from '../../packages/suave/dist/training/device-steps.js';
import { Meter } from '../../packages/suave/dist/training/meter.js';
import { createOptimizer, groupSettings } from '../../packages/suave/dist/training/optimizer.js';
import { HostSteps } from '../../packages/suave/dist/training/step-runner.js';

/** The parts of a step between which time is measured. */
export const phases = ['augment', 'forward', 'backward', 'optimizer', 'rest'];

/** Steps of the schedules: the bench stays at their beginning. */
const totalSteps = 100_000;

/** Waits until the device has done all its work. */
export function wait(device) {
  if (device !== 'cpu') cuda.synchronize();
}

/**
 * The configuration of a workload: its recipe with the batch, the queue and the settings that are measured.
 * @param variant  precision (`tf32` is fp32 with TensorFloat-32), graph as the setting `gpu.graph`, channelsLast
 */
export function configOf(workload, { precision, graph, channelsLast }) {
  const { recipe, stage, settings, unlabeled, labeled, queue, classes, device, threads, image, isParity } = workload;
  const at = `stages.${stage}`;
  const changes = {
    device,
    precision: precision === 'tf32' ? 'fp32' : precision,
    'gpu.graph': graph,
    'gpu.deterministic': false,
    'gpu.tf32': precision === 'tf32',
    'gpu.channelsLast': channelsLast ? 'on' : 'off',
    [`${at}.batch.unlabeled`]: unlabeled,
    [`${at}.batch.labeled`]: labeled,
    ...(stage === 'suave' ? { [`${at}.queue.size`]: queue, [`${at}.queue.startEpoch`]: 0 } : {}),
    ...(isParity ? { 'model.dropPath': 0 } : {}),
    ...settings,
  };
  const overrides = Object.entries(changes).map(([path, value]) => ({ path, value, isText: false }));
  const facts = { numTrain: workload.resident, numLabeled: workload.resident, numClasses: classes, device, threads };
  const { config } = resolveRecipe(
    { recipe, overrides },
    { ...facts, shorterSide: Math.min(image.height, image.width) },
  );
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
  #learner;
  #meter;
  #runner;
  #images = null;
  /** What the trainer would have said, as that a step cannot be captured. */
  warnings = [];
  #step = 0;
  #clock = null;

  /**
   * @param variant  as `configOf`
   * @param isFixed  parity: one batch for all steps, at a constant rate
   */
  constructor(workload, data, variant, isFixed = false) {
    const { config, index } = configOf(workload, variant);
    const { device, precision } = config;
    const stage = config.stages[index];
    prepareDevice(config);
    this.#workload = workload;
    this.#batches = createBatches(config, index, data);
    const { stepsPerEpoch } = this.#batches;
    const { length: numClasses } = data.classes;
    const labelCounts = new Array(numClasses).fill(1);
    const method = createMethod({ config, index, numClasses, labelCounts, stepsPerEpoch, load: () => {} });
    const groups = method.parameterGroups();
    const optimizer = createOptimizer(stage.optimizer, groups);
    const scaler = precision === 'fp16' ? new optim.GradScaler() : null;
    this.#learner = { method, optimizer, scaler, precision, device };
    this.#meter = new Meter(device);
    const { lr, weightDecay } = stage.optimizer;
    const constant = groups.map(({ decays }) => ({ lr: lr / 10, weightDecay: decays ? weightDecay : 0 }));
    const scheduled = (step) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps });
    const parts = {
      ...this.#learner,
      groupSettings: isFixed ? () => constant : scheduled,
      torchSeed: (step) => torchSeed(config.seed, index, step),
    };
    this.#watch();
    const onDevice = device !== 'cpu' || config.gpu.graph === 'emulate';
    if (isFixed) this.#runner = new HostSteps(parts, fixedBatches(this.#batches));
    else if (!onDevice) this.#runner = new HostSteps(parts, this.#batches);
    else {
      const residentMiB = device === 'cpu' ? 0 : config.gpu.residentMiB;
      this.#images = imagesOnDevice(data.train, { device, residentMiB });
      const { streams } = this.#batches;
      const decayMoves = stage.optimizer.finalWeightDecay !== null;
      const { groupSettings: settings, torchSeed: seed } = parts;
      this.#runner = new DeviceSteps({
        config,
        images: this.#images,
        streams,
        learner: this.#learner,
        groupSettings: settings,
        decayMoves,
        torchSeed: seed,
        warn: (sentence) => {
          this.warnings.push(sentence);
          process.stderr.write(`gpu-step: ${sentence}\n`);
        },
      });
    }
    method.train();
  }

  get method() {
    return this.#learner.method;
  }

  /** Mean loss since the last time; waits for the device. */
  loss() {
    return scope(() => this.#meter.read().values.loss);
  }

  /** The batch of the first step, its tensors kept. */
  async firstBatch() {
    await this.#batches.prepare(0);
    return noGrad(() => scope(() => kept(this.#batches.batch(0, false))));
  }

  /** Does steps one after the other, as the trainer does; does not wait for the last ones. */
  async run(count) {
    for (let i = 0; i < count; i++) (await this.prepared())();
  }

  /** The next step with its images there, for those who count what it does. */
  async prepared() {
    await this.#runner.prepare(this.#step);
    return () => {
      const progress = {
        step: this.#step,
        epoch: 0,
        stepsPerEpoch: totalSteps,
        epochs: 1,
        totalSteps,
        monitored: false,
      };
      this.#runner.run(progress, this.#meter);
      this.#step++;
    };
  }

  /** Milliseconds of the parts of one step. */
  async profile() {
    const step = await this.prepared();
    this.#clock = new Clock(this.#workload.device);
    try {
      this.#mark();
      step();
      this.#mark();
      return this.#clock.read();
    } finally {
      this.#clock = null;
    }
  }

  #mark() {
    this.#clock?.mark();
  }

  /** Marks the seams of the trainer's own step: method.step, method.afterBackward, optimizer.zeroGrad follow each other in it. */
  #watch() {
    const { method, optimizer } = this.#learner;
    const around = (object, name, { before = false, after = false }) => {
      const own = object[name].bind(object);
      object[name] = (...args) => {
        if (before) this.#mark();
        const result = own(...args);
        if (after) this.#mark();
        return result;
      };
    };
    around(method, 'step', { before: true, after: true });
    around(method, 'afterBackward', { before: true });
    around(optimizer, 'zeroGrad', { after: true });
  }

  dispose() {
    const { method, optimizer } = this.#learner;
    this.#runner.dispose();
    this.#images?.dispose();
    this.#batches.close();
    this.#meter.dispose();
    optimizer.dispose();
    method.dispose();
    if (this.#workload.device !== 'cpu') cuda.emptyCache();
  }
}

/** Batches that are the first one each time. */
function fixedBatches(batches) {
  let first = null;
  return {
    prepare: () => batches.prepare(0),
    batch() {
      first ??= kept(batches.batch(0, false));
      return first;
    },
  };
}

/** A batch whose tensors outlive the step. */
function kept({ labeled, unlabeled }) {
  return {
    labeled: { ...labeled, images: keep(labeled.images.clone()), targets: keep(labeled.targets.clone()) },
    unlabeled: { ...unlabeled, views: unlabeled.views.map((view) => keep(view.clone())) },
  };
}
