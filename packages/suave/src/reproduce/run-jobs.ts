/** @file Does the runs of a plan one after the other: what is done is skipped, what was interrupted is continued. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigError } from '../errors.js';
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
  /** What it was made with, as `jobSettings` has it. */
  readonly settings?: Readonly<Record<string, unknown>>;
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

/** Settings that follow the machine: OUT may be shared by several. */
const ofMachine = new Set(['device', 'precision', 'data.cache', 'data.workers']);

/** What a result depends on beside the recipe's own numbers; of files the name alone. */
function jobSettings({ overrides, init, scale }: Job): Record<string, unknown> {
  const own = overrides.filter(({ path }) => !ofMachine.has(path));
  return {
    ...Object.fromEntries(
      own.map(({ path, value }) => [path, path === 'data.labels' ? basename(String(value)) : value]),
    ),
    scale,
    init: init === null ? null : 'file' in init ? basename(init.file) : init.job,
  };
}

/**
 * Results of the jobs that are done.
 * @throws ConfigError `CONFIG_REPRODUCE` when one of them was made with other settings
 */
export function readResults(plan: Plan, out: string): Map<string, JobResult> {
  const done = plan.jobs.filter(({ id }) => existsSync(resultFile(out, id)));
  return new Map(
    done.map((job) => {
      const result = JSON.parse(readFileSync(resultFile(out, job.id), 'utf8')) as JobResult;
      if (result.settings !== undefined) checkSettings(job, result.settings, out);
      return [job.id, result];
    }),
  );
}

function checkSettings(job: Job, before: Readonly<Record<string, unknown>>, out: string): void {
  const now = jobSettings(job);
  const shown = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
  const changed = Object.keys({ ...before, ...now }).find((path) => shown(before[path]) !== shown(now[path]));
  if (changed === undefined) return;
  throw new ConfigError(
    changed,
    `suave reproduce ${changed}: ${out} holds the run ${job.id} with ${shown(before[changed])}, got ${shown(now[changed])}. Repeat it as it was, or choose another --out.`,
    { code: 'CONFIG_REPRODUCE' },
  );
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
  const result = { id: job.id, seconds: trained.seconds, run, settings: jobSettings(job) };
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
