/** @file `--scale DEVICES`: the batch sizes of a configuration for fewer devices, and the learning rates that follow by the rule it names. */
import { ConfigError } from '../errors.js';
import type { RecipeResult } from './recipe.js';
import type { Config, OptimizerConfig, Stage } from './schema.js';

/** Images that a batch needs at least: batch norm has no statistics of one. */
const smallestBatch = 2;

/** Parts of a batch that all devices share; the others are counts for each image or class. */
const sharedSizes = ['unlabeled', 'labeled', 'classes'] as const;

function refuse(message: string): never {
  throw new ConfigError('devices', `--scale: ${message}`, { code: 'CONFIG_SCALE' });
}

/**
 * Adapts a configuration made for `config.devices` devices to fewer: every batch in proportion, and where
 * `optimizer.scaling` is `linear` the learning rates with it. DINO's rule leaves the last rate as it is. Queues, epochs and
 * everything counted in epochs stay.
 * @param devices  how many there are
 * @throws ConfigError `CONFIG_SCALE` for no whole number, for more devices than the configuration is made for, for a batch that becomes too small
 */
export function scaleToDevices(config: Config, devices: number): RecipeResult {
  const { devices: made, recipe } = config;
  if (!Number.isInteger(devices) || devices < 1) refuse(`expected a whole number of devices >= 1, got ${devices}.`);
  if (devices > made) {
    refuse(
      `${recipe} is made for ${made} device${made === 1 ? '' : 's'}, got ${devices}. Give at most ${made}, or change batch and optimizer.lr with --set.`,
    );
  }
  if (devices === made) return { config, notes: [] };
  const notes: string[] = [];
  const scaled = <S extends Stage>(stage: S, name: string): S => {
    const result = scaleStage(stage, devices, made);
    notes.push(`${name}: ${result.changes.join(', ')}`);
    return result.stage;
  };
  const stages = config.stages.map((stage) =>
    scaled(stage, `scaled from ${made} devices to ${devices}, stage ${stage.name}`),
  );
  const { stage: baseline } = scaleStage(config.baseline, devices, made);
  return { config: { ...config, devices, stages, baseline }, notes };
}

function scaleStage<S extends Stage>(stage: S, devices: number, made: number): { stage: S; changes: string[] } {
  const changes: string[] = [];
  const batch: Partial<Record<(typeof sharedSizes)[number], number>> = { ...stage.batch };
  for (const key of sharedSizes) {
    const before = batch[key];
    if (before === undefined) continue;
    const after = Math.round((before * devices) / made);
    if (after < smallestBatch) {
      refuse(
        `stage ${stage.name}: the ${key} batch of ${before} for ${made} devices would become ${after}, expected at least ${smallestBatch}. Use more devices, or set batch.${key} and optimizer.lr yourself.`,
      );
    }
    batch[key] = after;
    changes.push(`${key} ${before} → ${after}`);
  }
  const leading = 'unlabeled' in stage.batch ? 'unlabeled' : 'labeled';
  const factor = batch[leading]! / (stage.batch as typeof batch)[leading]!;
  const optimizer = scaleRates(stage, factor);
  if (stage.optimizer.scaling === 'linear') {
    changes.push(`lr ${stage.optimizer.lr} → ${optimizer.lr} (linear in the batch)`);
  } else changes.push(`lr ${optimizer.lr} kept (the recipe says so)`);
  return { stage: { ...stage, ...sameImages(stage, factor), batch, optimizer }, changes };
}

/** Steps of an epoch where a stage says how many: with a smaller batch more of them, so that it sees as many images. */
function sameImages(stage: Stage, factor: number): { stepsPerEpoch?: number } {
  if (stage.method !== 'supervised' || stage.stepsPerEpoch === null) return {};
  return { stepsPerEpoch: Math.round(stage.stepsPerEpoch / factor) };
}

/** Rates times `factor` where the rule is linear. */
function scaleRates(stage: Stage, factor: number): OptimizerConfig {
  const { optimizer, method } = stage;
  if (optimizer.scaling === 'none') return optimizer;
  const times = (rate: number): number => Number((rate * factor).toPrecision(12));
  const { lr, headLr, startLr, finalLr } = optimizer;
  const keepsFinal = method === 'dino' || method === 'daino'; // D: the rule is for the peak
  return {
    ...optimizer,
    lr: times(lr),
    headLr: headLr === null ? null : times(headLr),
    startLr: times(startLr),
    finalLr: keepsFinal ? finalLr : times(finalLr),
  };
}
