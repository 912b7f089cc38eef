/** @file What a reproduction is made of: runs in order, each starting from files or earlier runs, and the table that their results fill. */
import { UsageError } from '../errors.js';
import type { Config, Override } from '../recipes/index.js';

/** One run: trained, then evaluated if it names classes. */
export interface Job {
  /** Name of its folder under OUT/runs. */
  readonly id: string;
  /** What it is, for people. */
  readonly title: string;
  readonly recipe: string;
  /** Settings that differ from the recipe. */
  readonly overrides: readonly Override[];
  /** Weights to start from: a checkpoint file, the result of another job, or none. */
  readonly init: { readonly file: string } | { readonly job: string } | null;
  /** Devices to adapt the batches to, or null. */
  readonly scale: number | null;
  /** Configuration to train instead of the recipe's. */
  readonly base?: Config;
  /** Whether it predicts classes; SwAV alone does not. */
  readonly isEvaluated: boolean;
}

/** One number of the table: the mean of some runs, and what is published for it. */
export interface Cell {
  /** Jobs whose mean it is; several where there are several seeds. */
  readonly jobs: readonly string[];
  /** Published top-1, percent; null where nothing is published for it. */
  readonly published: number | null;
}

/** One line of the table. */
export interface Row {
  /** One text for each of `heads`. */
  readonly texts: readonly string[];
  /** One number for each of `cellHeads`. */
  readonly cells: readonly Cell[];
}

/** A reproduction. */
export interface Plan {
  /** File name of the table without ending. */
  readonly name: string;
  readonly title: string;
  /** Folder of images. */
  readonly data: string;
  /** In an order in which every job comes after the one it starts from. */
  readonly jobs: readonly Job[];
  readonly heads: readonly string[];
  readonly cellHeads: readonly string[];
  readonly rows: readonly Row[];
  /** Sentences below the table: choices made, numbers of other protocols. */
  readonly notes: readonly string[];
}

/**
 * The jobs that are asked for; all where `only` is null.
 * @throws UsageError for an id that no job has
 */
export function wantedJobs<J extends Pick<Job, 'id'>>(
  jobs: readonly J[],
  only: readonly string[] | null,
): readonly J[] {
  const unknown = only?.find((id) => !jobs.some((job) => job.id === id));
  if (unknown !== undefined) {
    const known = jobs.map((job) => job.id).join(', ');
    throw new UsageError(`suave reproduce --only: no run is called "${unknown}". Known: ${known}.`);
  }
  return only === null ? jobs : jobs.filter((job) => only.includes(job.id));
}

/** A setting of a job. */
export function setting(path: string, value: unknown): Override {
  return { path, value, isText: false };
}
