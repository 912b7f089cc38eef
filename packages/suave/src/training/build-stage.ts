/** @file From a stage's configuration to its network, its method and its optimizer. */
import { manualSeed, optim, type Tensor } from '@suave/torch';
import { createNetwork } from '../evaluation/network.js';
import { type Method, Suave, Supervised, Swav } from '../methods/index.js';
import type { Config, OptimizerConfig, Stage } from '../recipes/index.js';
import type { CheckpointModel } from '../runs/index.js';
import { initializationSeed } from './seeds.js';

/** The architecture of a stage as its checkpoint will describe it. */
export function describeModel(config: Config, stage: Stage, numClasses: number): CheckpointModel {
  const { arch, width, stem, hidden, outputDim } = config.model;
  return {
    kind: stage.method === 'supervised' ? 'linear' : 'prototypes',
    arch,
    width,
    stem,
    hidden,
    outputDim,
    outputs: stage.method === 'swav' ? stage.prototypes : [numClasses],
    onlineClasses: stage.method === 'suave' && stage.onlineHeads ? numClasses : null,
  };
}

/**
 * Builds a stage's method on fresh weights, which depend on seed and stage alone.
 * @param stepsPerEpoch  turns durations in epochs into steps
 * @param load           copies weights of the stage before into the network, before a momentum encoder is made from it
 */
export function createMethod(
  config: Config,
  stageIndex: number,
  description: CheckpointModel,
  stepsPerEpoch: number,
  load: (network: ReturnType<typeof createNetwork>['network']) => void,
): Method {
  const stage = config.stages[stageIndex];
  manualSeed(initializationSeed(config.seed, stageIndex));
  const described = createNetwork(description, config.device);
  load(described.network);
  if (stage.method === 'supervised' || described.kind === 'linear') {
    const { temperature, labelSmoothing } = stage as Extract<Stage, { method: 'supervised' }>;
    return new Supervised({ model: described.network, temperature, labelSmoothing });
  }
  const model = described.network;
  const common = {
    model,
    temperature: stage.temperature,
    epsilon: stage.epsilon,
    sinkhornIterations: stage.sinkhornIterations,
    queueLength: stage.queue.size,
    queueStartEpoch: stage.queue.startEpoch,
    freezePrototypesSteps: Math.round(stage.freezePrototypesEpochs * stepsPerEpoch),
  };
  if (stage.method === 'swav') return new Swav(common);
  const teacher =
    stage.momentumEncoder === null ? null : createNetwork({ ...description, onlineClasses: null }, config.device);
  return new Suave({
    ...common,
    labelSmoothing: stage.labelSmoothing,
    mixedWeight: stage.mixedWeight,
    warmupProjectionEpochs: stage.warmupProjectionEpochs,
    momentumEncoder:
      teacher?.kind === 'prototypes' && stage.momentumEncoder !== null
        ? { model: teacher.network, baseMomentum: stage.momentumEncoder.momentum }
        : null,
  });
}

/** Builds the optimizer of a stage over all its parameters, one group. */
export function createOptimizer(config: OptimizerConfig, parameters: readonly Tensor[]): optim.Optimizer {
  const { lr, weightDecay } = config;
  switch (config.kind) {
    case 'lars': {
      const { momentum, trust, epsilon, nesterov, clip, excludeOneDimensional } = config;
      return new optim.LARS(parameters, {
        lr,
        weightDecay,
        momentum,
        trustCoefficient: trust,
        eps: epsilon,
        nesterov,
        clip,
        excludeOneDimensional,
      });
    }
    case 'sgd':
      return new optim.SGD(parameters, { lr, weightDecay, momentum: config.momentum, nesterov: config.nesterov });
    case 'adamw':
      return new optim.AdamW(parameters, { lr, weightDecay, betas: [config.beta1, config.beta2], eps: config.epsilon });
  }
}

/** Learning rate of a step: linear warm-up, then cosine (specification 7.5). */
export function learningRate(config: OptimizerConfig, step: number, stepsPerEpoch: number, totalSteps: number): number {
  const { lr: base, finalLr: final, startLr: start, warmupEpochs } = config;
  const warmupSteps = Math.round(warmupEpochs * stepsPerEpoch);
  return optim.warmupCosine({ base, final, start, warmupSteps, totalSteps }, step);
}
