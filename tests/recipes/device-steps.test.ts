/**
 * @file The steps of an accelerator, done on the CPU: drawn numbers are sent over, and all the rest is the same work whatever was drawn.
 * A run learns as with steps of the host and goes on after an interruption with the same bits; two steps of a kind give libtorch the
 * very same calls and read nothing back, so that what a CUDA graph replays is what such a step would do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { diffTraces, liveTensors, type OperatorTrace, type optim, traceOperators } from '@suave/torch';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { torchSeed } from '../../packages/suave/src/augment/index.js';
import {
  type DeviceImageSet,
  imagesOnDevice,
  type LoadedData,
  loadPlannedData,
} from '../../packages/suave/src/data/index.js';
import type { Progress } from '../../packages/suave/src/methods/index.js';
import type { Config } from '../../packages/suave/src/recipes/index.js';
import { type MetricsRecord, readMetrics, runPaths } from '../../packages/suave/src/runs/index.js';
import { StageStreams } from '../../packages/suave/src/training/batches.js';
import { createMethod } from '../../packages/suave/src/training/build-stage.js';
import { DeviceSteps } from '../../packages/suave/src/training/device-steps.js';
import { train } from '../../packages/suave/src/training/index.js';
import { Meter } from '../../packages/suave/src/training/meter.js';
import { createOptimizer, groupSettings } from '../../packages/suave/src/training/optimizer.js';
import { resolveRun } from '../../packages/suave/src/training/resolve-run.js';
import { temporaryFolder, writeFile, writeImages } from '../fixtures/image-folders.js';
import { reducedRecipe } from '../fixtures/reduced-recipe.js';

const classes = ['ant', 'bee', 'cow', 'dog'];
let folder: string;
let images: string;

/** Recipes that have each method, each optimizer, and each way to mix, average and schedule among them. */
const cases: readonly [recipe: string, change: (config: Config) => Config][] = [
  ['suave-small', (config) => withMixing(config, 'all', 'extend')],
  ['suave-cifar100', (config) => withMixing(config, 'globals', 'replace')],
  ['daino-imagenet-1pct', (config) => config],
  ['daino-cifar10', (config) => config],
  ['dino-imagenet-vits16', (config) => config],
  ['paws-cifar10', (config) => config],
];

/** Mixes views and labeled images in the Suave stage, which also gets a momentum encoder and online heads. */
function withMixing(config: Config, unlabeled: 'all' | 'globals', labeled: 'extend' | 'replace'): Config {
  const stages = config.stages.map((stage) =>
    stage.method === 'suave'
      ? {
          ...stage,
          onlineHeads: true,
          momentumEncoder: { momentum: 0.9, schedule: 'cosine' as const },
          mixing: { ...stage.mixing, unlabeled, labeled, prob: 0.7 },
        }
      : stage,
  );
  return { ...config, stages };
}

/** The reduced recipe with steps of the host (`auto` on the CPU) or of a device. */
function configOf([recipe, change]: (typeof cases)[number], graph: Config['gpu']['graph'], epochs: number): Config {
  const config = change(reducedRecipe(recipe));
  return {
    ...config,
    gpu: { ...config.gpu, graph },
    stages: config.stages.map((stage) => ({ ...stage, epochs })),
  };
}

function request(name: string, config: Config) {
  return {
    data: images,
    out: join(folder, 'runs', name),
    recipe: writeFile(folder, `${name}.yaml`, stringify(config)),
    overrides: [{ path: 'data.cache', value: join(folder, 'cache'), isText: false }],
    resume: false,
    baseline: false,
    threads: 1,
  };
}

const lossesOf = (run: string): number[] =>
  readMetrics(runPaths(run).metrics).map((line: MetricsRecord) => Number(line.loss));

beforeAll(async () => {
  folder = temporaryFolder();
  images = join(folder, 'images');
  const paths = classes.flatMap((name) => [
    ...Array.from({ length: 5 }, (_, index) => `train/${name}/${index}.png`),
    `val/${name}/0.png`,
  ]);
  await writeImages(images, paths, 20, 24);
});

/** All that a stage's steps need. */
class Stage {
  readonly steps: DeviceSteps;
  readonly meter = new Meter('cpu');
  readonly method: ReturnType<typeof createMethod>;
  readonly streams: StageStreams;
  readonly #optimizer: optim.Optimizer;
  readonly #epochs: number;

  constructor(config: Config, index: number, data: LoadedData, images: DeviceImageSet) {
    const stage = config.stages[index];
    this.#epochs = stage.epochs;
    this.streams = new StageStreams(config, index, data);
    const { stepsPerEpoch } = this.streams;
    const totalSteps = stage.epochs * stepsPerEpoch;
    const numClasses = data.classes.length;
    const labelCounts = new Array<number>(numClasses).fill(5);
    this.method = createMethod({ config, index, numClasses, labelCounts, stepsPerEpoch, load: () => {} });
    const groups = this.method.parameterGroups();
    this.#optimizer = createOptimizer(stage.optimizer, groups, true);
    this.method.train();
    this.steps = new DeviceSteps({
      ...{ config, images, streams: this.streams },
      learner: { method: this.method, optimizer: this.#optimizer, scaler: null, precision: 'fp32', device: 'cpu' },
      groupSettings: (step) => groupSettings(stage.optimizer, groups, step, { stepsPerEpoch, totalSteps }),
      decayMoves: stage.optimizer.finalWeightDecay !== null,
      torchSeed: (step) => torchSeed(config.seed, index, step),
      warn: (sentence) => expect.unreachable(sentence),
    });
  }

  get numSteps(): number {
    return this.#epochs * this.streams.stepsPerEpoch;
  }

  progress(step: number): Progress {
    const { stepsPerEpoch } = this.streams;
    const epoch = Math.floor(step / stepsPerEpoch);
    return { step, epoch, stepsPerEpoch, epochs: this.#epochs, totalSteps: this.numSteps, monitored: step % 2 === 0 };
  }

  dispose(): void {
    this.steps.dispose();
    this.meter.dispose();
    this.#optimizer.dispose();
    this.method.dispose();
  }
}

/** The calls of a step from where a graph would be captured: after the inputs were sent and the generator was seeded. */
function capturedCalls({ calls }: OperatorTrace<void>): OperatorTrace<void>['calls'] {
  return calls.slice(calls.findIndex(({ name }) => name === 'addon::manualSeed') + 1);
}

/** What a captured step may ask of the addon besides operators: no tensors from numbers of the host. */
const capturable = ['setGradEnabled', 'autocastBegin', 'autocastEnd', 'backward', 'gradients', 'setGradients'].map(
  (name) => `addon::${name}`,
);

describe.each(cases)('%s with the steps of a device', (...given) => {
  const [name] = given;

  // Two complete runs each: one of every loss.
  it.runIf(['suave-small', 'daino-cifar10', 'paws-cifar10'].includes(name))(
    'learns as with those of the host',
    async () => {
      const host = request(`${name}-host`, configOf(given, 'auto', 1));
      const device = request(`${name}-device`, configOf(given, 'emulate', 1));
      await train(host);
      const before = liveTensors().count;
      await train(device);
      expect(liveTensors().count).toBe(before);
      const [expected, got] = [lossesOf(host.out), lossesOf(device.out)];
      expect(got).toHaveLength(expected.length);
      // Rates on the device are rounded elsewhere than those of the host, and small networks on few images blow differences up.
      for (const i of [0, 1, 2, 3]) expect(Math.abs(got[i] / expected[i] - 1), `step ${i + 1}`).toBeLessThan(1e-4);
    },
  );

  it('gives libtorch the same calls in all steps of a kind, reads nothing back, and keeps nothing', async () => {
    const config = configOf(given, 'emulate', 2);
    const { plan } = await resolveRun(request(`${name}-traced`, config));
    const { cacheSide, exifOrientation } = config.data;
    const data = await loadPlannedData(plan, { cacheSide, exifOrientation, workers: 0, cache: join(folder, 'cache') });
    const before = liveTensors().count;
    const onDevice = imagesOnDevice(data.train, { device: 'cpu', residentMiB: 0 });
    for (let index = 0; index < config.stages.length; index++) {
      const stage = new Stage(config, index, data, onDevice);
      const traces = new Map<string, OperatorTrace<void>>();
      const counts = new Map<string, number>();
      let compared = 0;
      for (let step = 0; step < stage.numSteps; step++) {
        await stage.steps.prepare(step);
        const progress = stage.progress(step);
        const kind = stage.steps.kindOf(progress);
        const trace = traceOperators(() => stage.steps.run(progress, stage.meter));
        if (kind === null) continue;
        const seen = counts.get(kind) ?? 0;
        counts.set(kind, seen + 1);
        if (seen === 0) continue; // state is made in the first step of a kind
        expect(
          trace.calls.filter(({ readsHost }) => readsHost),
          kind,
        ).toEqual([]);
        const ofAddon = capturedCalls(trace).flatMap(({ name }) => (name.startsWith('addon::') ? [name] : []));
        expect(new Set([...ofAddon, ...capturable]), 'nothing is uploaded').toEqual(new Set(capturable));
        const earlier = traces.get(kind);
        if (earlier === undefined) traces.set(kind, trace);
        else {
          expect(diffTraces(capturedCalls(earlier), capturedCalls(trace)), kind).toBeNull();
          compared++;
        }
      }
      expect(compared, config.stages[index].name).toBeGreaterThan(0);
      stage.dispose();
    }
    onDevice.dispose();
    expect(liveTensors().count).toBe(before);
    data.dispose();
  });
});

it('goes on after an interruption with the same bits', async () => {
  const config = configOf(cases[0], 'emulate', 1);
  const whole = request('whole', config);
  await train(whole);
  const parts = request('parts', config);
  const stop = new AbortController();
  const steps = { done: 0 };
  await train({ ...parts, signal: stop.signal, events: { step: () => ++steps.done === 4 && stop.abort() } });
  expect(steps.done).toBe(4);
  await train({ ...parts, resume: true });
  const last = (run: string) => readFileSync(runPaths(run).last);
  expect(lossesOf(parts.out)).toEqual(lossesOf(whole.out));
  expect(tensorsOf(last(parts.out))).toEqual(tensorsOf(last(whole.out)));
});

/** The tensors of a safetensors file: what follows its header, which also holds seconds. */
function tensorsOf(file: Buffer): string {
  return file.subarray(8 + Number(file.readBigUInt64LE(0))).toString('base64');
}
