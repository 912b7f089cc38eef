/** @file Backbone and epochs of a CIFAR comparison that fit into a budget: steps of growing backbones are measured until one is too slow. */
import type { Config, DataFacts } from '../recipes/index.js';
import { type Estimate, estimateJobs } from './estimate.js';
import type { Job } from './plan.js';

type Architecture = Config['model']['arch'];

/** Backbones for 32 pixels, the cheapest first. */
const ladder: readonly Architecture[] = ['resnet8', 'resnet14', 'resnet20', 'resnet18', 'wrn-28-8'];

/** Share of the budget for the steps; the rest is for validation, checkpoints and decoding. */
const shareOfSteps = 0.8;
/** A larger backbone is taken while this share of the published epochs fits with it: ten of Suave's 200. */
const leastShare = 0.05;

/** What fits. */
export interface BudgetChoice {
  readonly arch: Architecture;
  /** Share of the published epochs, 1 at most. */
  readonly share: number;
  readonly estimate: Estimate;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Chooses for a budget.
 * @param minutes   for all runs together
 * @param largest   backbone of the recipe; no larger one is taken
 * @param jobsWith  the jobs of all runs with a backbone and a share of the published epochs
 */
export function chooseForBudget(
  minutes: number,
  largest: Architecture,
  jobsWith: (arch: Architecture, share: number) => readonly Job[],
  facts: DataFacts,
  onMeasure?: (title: string) => void,
): BudgetChoice {
  const seconds = 60 * minutes * shareOfSteps;
  const notes: string[] = [];
  let choice: BudgetChoice | null = null;
  for (const arch of ladder.slice(0, ladder.indexOf(largest) + 1)) {
    const full = estimateJobs(
      jobsWith(arch, 1),
      () => facts,
      (title) => onMeasure?.(`${title}, ${arch}`),
    );
    const total = full.jobs.reduce((sum, job) => sum + job.steps * job.stepSeconds, 0);
    const share = Math.min(1, seconds / total);
    notes.push(
      `${arch}: ${(total / 3600).toPrecision(3)} hours with the published epochs, so ${(100 * share).toPrecision(2)} % of them fit into ${minutes} minutes`,
    );
    if (choice !== null && share < leastShare) break;
    choice = { arch, share, estimate: full, notes };
    if (share < leastShare) break;
  }
  return choice!;
}
