/** @file From a stage's configuration to its network and its method. */
import { manualSeed, type nn } from '@suave/torch';
import { createNetwork, type NetworkOf, type NetworkOptions } from '../evaluation/network.js';
import {
  classPrior,
  Daino,
  Dino,
  type DistillationOptions,
  type Method,
  Paws,
  type PrototypeMethodOptions,
  Suave,
  Supervised,
  Swav,
} from '../methods/index.js';
import type {
  Config,
  DainoStage,
  DinoStage,
  PawsStage,
  Stage,
  SuaveStage,
  SupervisedStage,
  SwavStage,
} from '../recipes/index.js';
import type { CheckpointBackbone, CheckpointModel } from '../runs/index.js';
import { usesChannelsLast } from './device.js';
import { initializationSeed } from './seeds.js';

type Described<Kind extends CheckpointModel['kind']> = Extract<CheckpointModel, { kind: Kind }>;

function backboneOf({ model }: Config): CheckpointBackbone {
  const { arch, width, stem, patchSize, imageSize } = model;
  return { arch, width, stem, patchSize, imageSize };
}

function prototypesOf(config: Config, stage: SwavStage | SuaveStage, numClasses: number): Described<'prototypes'> {
  const { hidden, outputDim } = config.model;
  const shared = { kind: 'prototypes', ...backboneOf(config), hidden, outputDim } as const;
  if (stage.method === 'swav')
    return { ...shared, outputs: stage.prototypes, onlineClasses: null, ensembleHead: false };
  const { onlineHeads, ensembleHead } = stage;
  const outputs = [numClasses + stage.extraPrototypes];
  return { ...shared, outputs, onlineClasses: onlineHeads ? numClasses : null, ensembleHead };
}

function linearOf(config: Config, { features }: SupervisedStage, numClasses: number): Described<'linear'> {
  return { kind: 'linear', ...backboneOf(config), outputs: [numClasses], features };
}

function dinoOf(config: Config, stage: DinoStage | DainoStage, numClasses: number): Described<'dino'> {
  const outputs: [number] = [stage.method === 'dino' ? stage.outDim : numClasses];
  return { kind: 'dino', ...backboneOf(config), head: stage.head, outputs };
}

function pawsOf(config: Config, { head, temperature }: PawsStage, numClasses: number): Described<'paws'> {
  return { kind: 'paws', ...backboneOf(config), head, temperature, outputs: [numClasses] };
}

/** The architecture of a stage as its checkpoint will describe it. */
export function describeModel(config: Config, stage: Stage, numClasses: number): CheckpointModel {
  switch (stage.method) {
    case 'swav':
    case 'suave':
      return prototypesOf(config, stage, numClasses);
    case 'dino':
    case 'daino':
      return dinoOf(config, stage, numClasses);
    case 'supervised':
      return linearOf(config, stage, numClasses);
    case 'paws':
      return pawsOf(config, stage, numClasses);
  }
}

/** What the method of a stage is made of. */
export interface MethodRequest {
  readonly config: Config;
  /** Index of the stage. */
  readonly index: number;
  readonly numClasses: number;
  /** Labeled images of each class. */
  readonly labelCounts: readonly number[];
  /** Turns durations in epochs into steps. */
  readonly stepsPerEpoch: number;
  /** Copies weights of the stage before into the network, before a momentum encoder is made from it. */
  load(network: nn.Module): void;
}

/**
 * Builds a stage's method on fresh weights, which depend on seed and stage alone.
 * @throws ConfigError when the architecture and the method do not fit
 */
export function createMethod(request: MethodRequest): Method {
  const { config, index } = request;
  const stage = config.stages[index];
  manualSeed(initializationSeed(config.seed, index));
  switch (stage.method) {
    case 'swav':
      return new Swav(prototypeOptions(request, stage));
    case 'suave':
      return new Suave({
        ...prototypeOptions(request, stage),
        prior:
          stage.prior === 'labels' ? classPrior(request.labelCounts, { extraPrototypes: stage.extraPrototypes }) : null,
        extraPrototypes: stage.extraPrototypes,
        labelSmoothing: stage.labelSmoothing,
        mixedWeight: stage.mixedWeight,
        warmupProjectionEpochs: stage.warmupProjectionEpochs,
      });
    case 'dino':
      return new Dino(distillationOptions(request, stage));
    case 'daino': {
      const { labelSmoothing, studentEvalQuirk } = stage;
      return new Daino({ ...distillationOptions(request, stage), labelSmoothing, studentEvalQuirk });
    }
    case 'supervised': {
      const { temperature, labelSmoothing, frozenBackbone } = stage;
      const model = networkFor(config, linearOf(config, stage, request.numClasses), {
        dropPath: config.model.dropPath,
        frozenBackbone,
      });
      model.initializeClassifier_(stage.classifierInit);
      request.load(model);
      return new Supervised({ model, temperature, labelSmoothing });
    }
    case 'paws': {
      const { sharpening, targetThreshold, meMax } = stage;
      const model = loadedNetwork(request, pawsOf(config, stage, request.numClasses));
      return new Paws({ model, sharpening, targetThreshold, meMax });
    }
  }
}

/** A network with fresh weights on the device of the run, its channels where convolutions want them. */
function networkFor<Description extends CheckpointModel>(
  config: Config,
  description: Description,
  options: NetworkOptions = {},
): NetworkOf<Description> {
  const network: nn.Module = createNetwork(description, config.device, options);
  if (usesChannelsLast(config)) network.to({ memoryFormat: 'channelsLast' });
  return network as NetworkOf<Description>;
}

/** The network of a stage, with the weights that it takes over. */
function loadedNetwork<Description extends CheckpointModel>(
  { config, load }: MethodRequest,
  description: Description,
): NetworkOf<Description> {
  const network = networkFor(config, description, { dropPath: config.model.dropPath });
  load(network);
  return network;
}

/** What SwAV and Suave have in common. */
function prototypeOptions(request: MethodRequest, stage: SwavStage | SuaveStage): PrototypeMethodOptions {
  const { config, numClasses, stepsPerEpoch } = request;
  const description = prototypesOf(config, stage, numClasses);
  const model = loadedNetwork(request, description);
  const momentum = stage.method === 'suave' ? stage.momentumEncoder : null;
  return {
    model,
    temperature: stage.temperature,
    epsilon: stage.epsilon,
    sinkhornIterations: stage.sinkhornIterations,
    queueLength: stage.queue.size,
    queueStartEpoch: stage.queue.startEpoch,
    freezePrototypesSteps: Math.round(stage.freezePrototypesEpochs * stepsPerEpoch),
    momentumEncoder: momentum && {
      model: networkFor(config, { ...description, onlineClasses: null, ensembleHead: false }),
      baseMomentum: momentum.momentum,
      schedule: momentum.schedule,
    },
  };
}

/** What DINO and Daino have in common. The teacher has no stochastic depth. */
function distillationOptions(request: MethodRequest, stage: DinoStage | DainoStage): DistillationOptions {
  const { config, numClasses } = request;
  const description = dinoOf(config, stage, numClasses);
  const { studentTemperature, teacherTemperature, centerMomentum, clipGradNorm, freezeLastLayerEpochs } = stage;
  return {
    model: loadedNetwork(request, description),
    momentumEncoder: {
      model: networkFor(config, description),
      baseMomentum: stage.teacher.momentum,
      schedule: stage.teacher.schedule,
    },
    studentTemperature,
    teacherTemperature,
    centerMomentum,
    clipGradNorm,
    freezeLastLayerEpochs,
  };
}
