/** @file Door of the reproductions: a table of a publication as a plan of runs, its time, its runs, its result. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { planData } from '../data/index.js';
import { DataError } from '../errors.js';
import { type DataFacts, factsFor, type Override, recipeNamed } from '../recipes/index.js';
import { type CifarOptions, cifarJobs, planCifar } from './cifar.js';
import { chooseForBudget } from './cifar-budget.js';
import { configOf, type Estimate, estimateJobs, stepsOf } from './estimate.js';
import { type ChoiceRequest, keepChoice, keptChoice } from './kept-choice.js';
import { type Job, type Plan, wantedJobs } from './plan.js';
import { planTable1, swavEpochs, type Table1Options } from './table1.js';

export { type Estimate, type EstimatedJob, estimateJobs } from './estimate.js';
export { measureStep, pixelsOfStep, type StepCost } from './measure-step.js';
export { type Cell, type Job, type Plan, type Row, setting, wantedJobs } from './plan.js';
export { otherProtocols, table1Numbers } from './published.js';
export {
  markdownOf,
  type PlanReport,
  planReportOf,
  type Report,
  type ReportCell,
  reportOf,
  writeReport,
} from './report.js';
export { type JobResult, type RunJobsOptions, readResults, runJobs } from './run-jobs.js';
export { planTable1, swavEpochs, type Table1Options } from './table1.js';

/** The machine that runs are planned for. */
export type Machine = Pick<DataFacts, 'device' | 'threads'>;

/** A plan with the time of its jobs. */
export interface PlannedReproduction {
  readonly plan: Plan;
  readonly estimate: Estimate | null;
}

/** Facts that the jobs of Table 1 are estimated with: ImageNet itself. */
function imagenetFactsOf(job: Job, machine: Machine): DataFacts {
  return { ...factsFor(recipeNamed(job.recipe)), ...machine };
}

/**
 * Plans Table 1 and, where asked for, measures how long the runs take that are wanted.
 * @param only  ids of the runs that are wanted, null for all
 * @throws DataError when ImageNet's folder or a given file is missing; UsageError for an id that there is not
 */
export function prepareTable1(
  options: Table1Options,
  machine: Machine,
  measure: { onMeasure?(title: string): void } | null,
  only: readonly string[] | null = null,
): PlannedReproduction {
  if (!existsSync(join(options.imagenet, 'train'))) {
    throw new DataError(
      `--imagenet ${options.imagenet}: expected a folder with train/ and val/, each with a folder per class. Give the folder above train/.`,
      { code: 'NO_SUCH_FOLDER', file: options.imagenet },
    );
  }
  const files = [...Object.values(options.labels), ...swavEpochs.map((epochs) => options.swav[epochs])];
  for (const file of files) {
    if (file === undefined || existsSync(file)) continue;
    throw new DataError(`${file}: no such file. Check the path.`, { code: 'NO_SUCH_FILE', file });
  }
  const plan = planTable1(options);
  const wanted = wantedJobs(plan.jobs, only);
  const estimate =
    measure === null
      ? null
      : estimateJobs(
          wanted,
          (job) => imagenetFactsOf(job, machine),
          (title) => measure.onMeasure?.(title),
        );
  return { plan, estimate };
}

/** What `reproduce cifar10` and `cifar100` are asked for. */
export interface CifarRequest {
  readonly set: CifarOptions['set'];
  readonly data: string;
  readonly labelsPerClass: number;
  readonly seeds: number;
  /** Minutes for all runs, or null for the recipes as they are. */
  readonly budget: number | null;
  readonly overrides: readonly Override[];
  /** OUT: what was chosen for the same request there is taken again. */
  readonly out: string;
  /** Ids of the runs that are wanted; null or absent for all. */
  readonly only?: readonly string[] | null;
  /** Whether the plan will be carried out: a new choice is written into OUT, and nothing is measured that no choice needs. */
  readonly keep: boolean;
}

/**
 * Plans a CIFAR comparison: looks at the data, measures steps, and chooses backbone and epochs that fit into the budget.
 * @throws DataError for DATA that cannot be used; ConfigError when OUT holds another comparison; UsageError for an id that there is not
 */
export async function prepareCifar(
  request: CifarRequest,
  machine: Machine,
  onMeasure?: (title: string) => void,
): Promise<PlannedReproduction> {
  const { set, data, labelsPerClass, seeds, budget, overrides, out, keep, only = null } = request;
  const found = await planData({ data, labelsPerClass, holdout: 0.2, seed: 1 });
  const facts: DataFacts = {
    numTrain: found.numTrain,
    numLabeled: found.numLabeled,
    numClasses: found.layout.classes.length,
    shorterSide: found.shorterSide,
    ...machine,
  };
  const options = { set, data, facts, labelsPerClass, seeds, overrides };
  const wanted = wantedJobs(cifarJobs({ ...options, arch: null, share: 1 }), only); // before anything is measured or kept
  const size = `${facts.numTrain} training images in ${facts.numClasses} classes, ${facts.numLabeled} of them labeled`;
  if (budget === null) {
    const full: CifarOptions = { ...options, arch: null, share: 1 };
    const notes = [`${size}; backbones and epochs are those of the recipes.`];
    return {
      plan: planCifar(full, notes),
      estimate: keep ? null : estimateJobs(wanted, () => facts, onMeasure),
    };
  }
  const kept: ChoiceRequest = { data, labelsPerClass, seeds, budget, images: facts.numTrain, device: machine.device };
  const largest = set === 'cifar10' ? 'resnet18' : 'wrn-28-8';
  const jobsWith = (arch: NonNullable<CifarOptions['arch']>, share: number): Job[] =>
    cifarJobs({ ...options, arch, share });
  const before = keptChoice(out, set, kept);
  const choice = before ?? chooseForBudget(budget, largest, jobsWith, facts, onMeasure);
  if (before === null && keep) keepChoice(out, set, kept, choice);
  const { arch, share, notes } = choice;
  const sized: CifarOptions = { ...options, arch, share };
  const chosen = `${size}; sized for ${budget} minutes: ${arch} and ${(100 * share).toPrecision(2)} % of the published epochs.`;
  const plan = planCifar(sized, [chosen, ...notes.map((note) => `Measured: ${note}.`)]);
  return { plan, estimate: shortened(choice.estimate, plan.jobs, facts) };
}

/** The estimate of the whole recipes for the shorter jobs of a budget. */
function shortened(estimate: Estimate, jobs: readonly Job[], facts: DataFacts): Estimate {
  const seconds = new Map(estimate.jobs.map((job) => [job.id, job.stepSeconds]));
  return {
    measurements: estimate.measurements,
    jobs: jobs.map((job) => {
      const steps = stepsOf(configOf(job, facts), facts);
      const stepSeconds = seconds.get(job.id)!;
      return { id: job.id, steps, stepSeconds, hours: (steps * stepSeconds) / 3600 };
    }),
  };
}
