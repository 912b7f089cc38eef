/** @file The optimizer of a stage and the values that its parameter groups take in every step (method specification 7). */
import { optim } from '@suave/torch';
import type { ParameterGroup } from '../methods/index.js';
import type { OptimizerConfig } from '../recipes/index.js';

/** What a parameter group takes in one step. */
export interface GroupSettings {
  readonly lr: number;
  readonly weightDecay: number;
}

/** Where a stage is in its schedules. */
export interface StageLength {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/**
 * Builds the optimizer of a stage, one group of the method after the other.
 * @param capturable  whether all that a step counts must lie on the device, for a CUDA graph
 */
export function createOptimizer(
  config: OptimizerConfig,
  groups: readonly ParameterGroup[],
  capturable = false,
): optim.Optimizer {
  const { lr, weightDecay } = config;
  const params = groups.map(({ parameters, decays, excluded }) => ({
    params: parameters,
    weightDecay: decays ? weightDecay : 0,
    ...(excluded === undefined ? {} : { excluded }),
  }));
  switch (config.kind) {
    case 'lars': {
      const { form, momentum, trust, epsilon, nesterov, clip, excludeOneDimensional } = config;
      return new optim.LARS(params, {
        lr,
        weightDecay,
        form,
        momentum,
        trustCoefficient: trust,
        ...(form === 'daino' ? {} : { eps: epsilon }),
        nesterov,
        clip,
        excludeOneDimensional,
      });
    }
    case 'sgd':
      return new optim.SGD(params, { lr, weightDecay, momentum: config.momentum, nesterov: config.nesterov });
    case 'adamw':
      return new optim.AdamW(params, {
        lr,
        weightDecay,
        betas: [config.beta1, config.beta2],
        eps: config.epsilon,
        capturable,
      });
  }
}

/** Rate and weight decay of every group in a step, in the order of the groups. */
export function groupSettings(
  config: OptimizerConfig,
  groups: readonly ParameterGroup[],
  step: number,
  length: StageLength,
): GroupSettings[] {
  const factor = config.headLr === null ? 1 : config.headLr / config.lr;
  const lr = learningRate(config, step, length);
  const weightDecay = weightDecayAt(config, step, length);
  return groups.map(({ decays, rate }) => ({
    lr: rate === 'headLr' ? lr * factor : lr,
    weightDecay: decays ? weightDecay : 0,
  }));
}

/** Learning rate of a step: linear warm-up, then cosine (7.5), PAWS's form of it (4.4), or steps (3.4). */
export function learningRate(config: OptimizerConfig, step: number, length: StageLength): number {
  const { lr: base, finalLr: final, startLr: start, warmupEpochs, schedule, decay } = config;
  const { stepsPerEpoch, totalSteps } = length;
  const warmupSteps = Math.round(warmupEpochs * stepsPerEpoch);
  const epoch = Math.floor(step / stepsPerEpoch);
  switch (schedule) {
    case 'cosine':
      return optim.warmupCosine({ base, final, start, warmupSteps, totalSteps }, step);
    case 'paws':
      return optim.pawsWarmupCosine({ base, final, start, warmupSteps, totalSteps }, step);
    case 'cosine-per-epoch': {
      const epochs = Math.round(totalSteps / stepsPerEpoch);
      return optim.warmupCosine(
        { base, final, start, warmupSteps: Math.round(warmupEpochs), totalSteps: epochs },
        epoch,
      );
    }
    case 'steps': {
      const falls = decay?.epochs.filter((at) => epoch >= at).length ?? 0;
      return base * (decay?.factor ?? 1) ** falls;
    }
  }
}

/** Weight decay of a step: constant, or along a cosine without warm-up (2.4). */
export function weightDecayAt(config: OptimizerConfig, step: number, { totalSteps }: StageLength): number {
  const { weightDecay, finalWeightDecay } = config;
  return finalWeightDecay === null ? weightDecay : optim.cosine(weightDecay, finalWeightDecay, step, totalSteps);
}
