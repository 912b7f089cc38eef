/** @file Does the runs of a plan one after the other: what is done is skipped, what was interrupted is continued. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '../evaluation/index.js';
import { runPaths, writeFileAtomic } from '../runs/index.js';
import { type TrainingEvents, train } from '../training/index.js';
import { type Job, type Plan, setting } from './plan.js';

/** What a finished job left. Accuracies are fractions; null where the run names no classes. */
export interface JobResult {
  readonly id: string;
  readonly top1: number | null;
  readonly top5: number | null;
  /** Images of the evaluation. */
  readonly images: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** The run folder. */
  readonly run: string;
}

/** Where and how a plan is carried out. */
export interface RunJobsOptions {
  /** OUT: runs/, results/ and the tables. */
  readonly out: string;
  readonly threads: number;
  /** Device of the evaluation. */
  readonly device: string;
  /** Jobs to do; the others are left out. Default all. */
  readonly only?: readonly string[];
  readonly signal: AbortSignal | null;
  readonly events: TrainingEvents;
  /** Called when a job is done, with all results so far. */
  onResult?(results: ReadonlyMap<string, JobResult>): void;
}

const runFolder = (out: string, id: string): string => join(out, 'runs', id);
const resultFile = (out: string, id: string): string => join(out, 'results', `${id}.json`);

/** Results of the jobs that are done. */
export function readResults(plan: Plan, out: string): Map<string, JobResult> {
  const done = plan.jobs.filter(({ id }) => existsSync(resultFile(out, id)));
  return new Map(done.map(({ id }) => [id, JSON.parse(readFileSync(resultFile(out, id), 'utf8')) as JobResult]));
}

/**
 * Carries out a plan.
 * @returns  the results, and whether it was interrupted; then a checkpoint of the unfinished run is on the disk
 * @throws   what `train` and `evaluate` throw; results of the jobs before are on the disk
 */
export async function runJobs(
  plan: Plan,
  options: RunJobsOptions,
): Promise<{ results: Map<string, JobResult>; interrupted: boolean }> {
  const { out, only, signal, events } = options;
  mkdirSync(join(out, 'results'), { recursive: true });
  const results = readResults(plan, out);
  const wanted = plan.jobs.filter((job) => only === undefined || only.includes(job.id));
  for (const [index, job] of wanted.entries()) {
    const place = `run ${index + 1} of ${wanted.length}: ${job.title}`;
    if (results.has(job.id)) {
      events.note?.(`${place}: done before`);
      continue;
    }
    events.note?.(place);
    const result = await runJob(plan, job, options);
    if (result === null) return { results, interrupted: true };
    writeFileAtomic(resultFile(out, job.id), `${JSON.stringify(result, null, 2)}\n`);
    results.set(job.id, result);
    options.onResult?.(results);
    if (signal?.aborted) return { results, interrupted: true };
  }
  return { results, interrupted: false };
}

/** Trains and evaluates; null when it was interrupted. */
async function runJob(plan: Plan, job: Job, options: RunJobsOptions): Promise<JobResult | null> {
  const { out, threads, signal, events, device } = options;
  const run = runFolder(out, job.id);
  const { init } = job;
  const from = init === null ? null : 'file' in init ? init.file : runPaths(runFolder(out, init.job)).last;
  const trained = await train({
    data: plan.data,
    out: run,
    recipe: job.recipe,
    overrides: [...job.overrides, ...(from === null ? [] : [setting('init', from)])],
    resume: true,
    baseline: false,
    threads,
    scale: job.scale,
    ...(job.base === undefined ? {} : { base: job.base }),
    signal,
    events,
  });
  if (trained.interrupted) return null;
  const result = { id: job.id, seconds: trained.seconds, run };
  if (!job.isEvaluated) return { ...result, top1: null, top5: null, images: 0 };
  const { evaluation } = await evaluate({
    model: run,
    data: null,
    device,
    signal,
    ...(events.progress === undefined ? {} : { onProgress: events.progress }),
  });
  const { top1, top5, images } = evaluation;
  return { ...result, top1, top5, images };
}
