/** @file The library in use: version, threads. */
import { dirname } from 'node:path';
import { ArgumentError } from './errors.js';
import { native } from './native.js';

/** Version of the loaded libtorch, e.g. `1.13.0`. */
export function libtorchVersion(): string {
  return native.version();
}

/** Folder that libtorch was loaded from, and the versions of the math libraries inside. */
export function libtorchInfo(): { version: string; folder: string; libraries: string } {
  return { version: native.version(), folder: dirname(native.libraryPath()), libraries: native.config() };
}

/**
 * Threads of one operator. The bits of a result can depend on it; BLAS reads `OPENBLAS_NUM_THREADS` when libtorch is loaded.
 * @throws ArgumentError unless it is a positive integer
 */
export function setNumThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1)
    throw new ArgumentError(`setNumThreads: expected a positive integer, got ${threads}`);
  native.setNumThreads(threads);
}

/** Threads of one operator. */
export function getNumThreads(): number {
  return native.getNumThreads();
}
