/**
 * @file The thread count must be known before libtorch is loaded: OpenBLAS reads its variable only once, when it is loaded, and
 * the bits of a run depend on it. This file and what it imports load no native code.
 */
import { availableParallelism } from 'node:os';
import { type RecipeRequest, requestedValue } from '../recipes/index.js';
import { holdsRun, readConfig } from '../runs/index.js';

/** Threads that the machine offers, or that OMP_NUM_THREADS asks for. */
export function defaultThreads(): number {
  const asked = Number(process.env.OMP_NUM_THREADS);
  return Number.isInteger(asked) && asked >= 1 ? asked : availableParallelism();
}

/**
 * Threads for a training run: what is asked for, else what the resumed run used, else what the machine offers.
 * @param out     run folder, looked at only with `resume`
 */
export function threadsFor(request: RecipeRequest, out: string, resume: boolean): number {
  const asked = Number(requestedValue(request, 'threads'));
  if (Number.isInteger(asked) && asked >= 1) return asked;
  if (resume && holdsRun(out)) {
    const stored = (readConfig(out) as { threads?: unknown } | null)?.threads;
    if (typeof stored === 'number' && Number.isInteger(stored) && stored >= 1) return stored;
  }
  return defaultThreads();
}

/** Sets the variables that the BLAS and OpenMP libraries read when they are loaded. */
export function prepareThreads(threads: number): void {
  process.env.OPENBLAS_NUM_THREADS = String(threads);
  process.env.OMP_NUM_THREADS = String(threads);
  process.env.MKL_NUM_THREADS = String(threads);
}
