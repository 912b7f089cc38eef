/** @file How long the runs of a plan take on this machine: steps times a measured step. */
import { type Config, type DataFacts, resolveRecipe } from '../recipes/index.js';
import { measureStep, type StepCost } from './measure-step.js';
import type { Job } from './plan.js';

/** A job with its length. */
export interface EstimatedJob {
  readonly id: string;
  /** Steps of its last stage. */
  readonly steps: number;
  /** Seconds of a step of the whole batch, estimated from the measured ones. */
  readonly stepSeconds: number;
  /** Hours on one device like this machine's. */
  readonly hours: number;
}

/** What the estimates stand on, for the user. */
export interface Estimate {
  readonly jobs: readonly EstimatedJob[];
  /** One sentence for each kind of step that was measured. */
  readonly measurements: readonly string[];
}

/** The configuration of a job for data of given size; the last stage is the one that it trains. */
export function configOf(job: Job, facts: DataFacts): Config {
  const { recipe, overrides, scale, base } = job;
  return resolveRecipe({ recipe, overrides, scale, ...(base === undefined ? {} : { base }) }, facts).config;
}

/** Steps of the last stage on `facts`. */
export function stepsOf(config: Config, facts: DataFacts): number {
  const stage = config.stages.at(-1)!;
  if (stage.method === 'supervised') {
    const own = stage.stepsPerEpoch ?? Math.max(1, Math.floor(facts.numLabeled / stage.batch.labeled));
    return own * stage.epochs;
  }
  return Math.max(1, Math.floor(facts.numTrain / stage.batch.unlabeled)) * stage.epochs;
}

/** What decides about the cost of a step. */
function kindOf({ model, stages, device, precision }: Config): string {
  const { name: _name, epochs: _epochs, optimizer, ...stage } = stages.at(-1)!;
  return JSON.stringify({ model, device, precision, stage, kind: optimizer.kind });
}

/** Unlabeled images of the smaller measured batch: few where a step is slow, so that a measurement takes seconds. */
function measuredImages({ device, model, data }: Config): number {
  if (device === 'cuda') return 16;
  if (data.cacheSide === 'none') return 1; // photos at full size
  return ['resnet18', 'resnet34', 'resnet50', 'wrn-28-8'].includes(model.arch) ? 2 : 8;
}

/**
 * Measures each kind of step once and estimates all jobs.
 * @param facts   data of a job
 * @param onMeasure  called before each measurement
 */
export function estimateJobs(
  jobs: readonly Job[],
  facts: (job: Job) => DataFacts,
  onMeasure?: (title: string) => void,
): Estimate {
  const costs = new Map<string, StepCost>();
  const measurements: string[] = [];
  const estimated = jobs.map((job) => {
    const config = configOf(job, facts(job));
    const kind = kindOf(config);
    if (!costs.has(kind)) {
      onMeasure?.(job.title);
      const cost = measureStep(config, config.stages.length - 1, measuredImages(config));
      costs.set(kind, cost);
      measurements.push(describe(config, cost));
    }
    const stepSeconds = costs.get(kind)!.seconds;
    const steps = stepsOf(config, facts(job));
    return { id: job.id, steps, stepSeconds, hours: (steps * stepSeconds) / 3600 };
  });
  return { jobs: estimated, measurements };
}

function describe(config: Config, { seconds, measured, steps }: StepCost): string {
  const stage = config.stages.at(-1)!;
  const batch = 'unlabeled' in stage.batch ? stage.batch.unlabeled : stage.batch.labeled;
  return `${stage.method} with ${config.model.arch} in ${config.precision}: ${steps} steps with ${measured.join(' and ')} images measured; the line through them gives ${seconds.toPrecision(3)} s for a batch of ${batch}`;
}
