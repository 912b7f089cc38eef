/** @file Decodes many files with worker threads. The result is the same for every number of workers. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError, SuaveError } from '../errors.js';
import type { DecodeOptions } from './decode.js';
import { countBlocks, type DecodedBlock, decodeBlock } from './decode-block.js';
import type { DecodeWorkerData } from './decode-worker.js';

/** How a decode run is watched and stopped. */
export interface DecodeRun {
  /** Worker threads; 0 decodes in the calling thread; null: one fewer than the cores, 1 to 4. */
  readonly workers?: number | null;
  /** Called with the number of files done and of all files. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two blocks; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Worker threads when nothing is said. */
export function defaultWorkers(): number {
  return Math.min(4, Math.max(1, availableParallelism() - 1));
}

/**
 * Checks a number of workers.
 * @throws DataError OUT_OF_RANGE
 */
export function checkWorkers(workers: number | null | undefined): number {
  if (workers === null || workers === undefined) return defaultWorkers();
  if (Number.isInteger(workers) && workers >= 0 && workers <= 256) return workers;
  throw new DataError(
    `--workers: expected an integer from 0 to 256, got ${workers}. 0 decodes without worker threads.`,
    { code: 'OUT_OF_RANGE' },
  );
}

/** Workers always run the compiled file, from the sources too. */
function workerFile(): string {
  const file = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist', 'data', 'decode-worker.js');
  if (existsSync(file)) return file;
  throw new SuaveError('NOT_BUILT', `data: expected the compiled "${file}", got nothing. Run "npm run build".`, {
    exitCode: 1,
  });
}

/**
 * Decodes `paths` and hands over the blocks in the order of the files, one call at a time.
 * @param paths  absolute paths
 * @param take   receives each block in turn; when it throws, decoding stops
 */
export async function decodeAll(
  paths: readonly string[],
  options: DecodeOptions,
  take: (block: DecodedBlock) => void,
  run: DecodeRun = {},
): Promise<void> {
  const numWorkers = Math.min(checkWorkers(run.workers), countBlocks(paths.length));
  let done = 0;
  const takeOne = (block: DecodedBlock) => {
    take(block);
    done += block.heights.length;
    run.onProgress?.(done, paths.length);
  };
  if (numWorkers > 0) return decodeInWorkers(paths, options, takeOne, numWorkers, run.signal);
  for (let block = 0; block < countBlocks(paths.length); block++) {
    run.signal?.throwIfAborted();
    takeOne(await decodeBlock(paths, block, options));
    await new Promise((resume) => setImmediate(resume));
  }
}

function decodeInWorkers(
  paths: readonly string[],
  options: DecodeOptions,
  take: (block: DecodedBlock) => void,
  numWorkers: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const counters = new SharedArrayBuffer(8);
  const shared = new Int32Array(counters);
  const numBlocks = countBlocks(paths.length);
  const workerData: DecodeWorkerData = { paths, options, counters, maxAhead: 4 * numWorkers };
  const file = workerFile();
  const waiting = new Map<number, DecodedBlock>();
  const workers: Worker[] = [];
  return new Promise<void>((resolve, reject) => {
    let finished = false;
    const finish = (error?: unknown) => {
      if (finished) return;
      finished = true;
      signal?.removeEventListener('abort', stop);
      const stopped = Promise.all(workers.map((worker) => worker.terminate()));
      stopped.then(() => (error === undefined ? resolve() : reject(error)), reject);
    };
    const stop = () => finish(signal?.reason);
    const receive = (block: DecodedBlock) => {
      if (finished) return;
      waiting.set(block.block, block);
      try {
        for (let next = waiting.get(shared[1]); next; next = waiting.get(shared[1])) {
          waiting.delete(shared[1]);
          take(next);
          Atomics.add(shared, 1, 1);
        }
      } catch (error) {
        finish(error);
      }
      if (shared[1] === numBlocks) finish();
    };
    const onExit = (code: number) => {
      if (code !== 0)
        finish(
          new SuaveError('DECODE_WORKER', `data: a decode worker ended with status ${code}. Use fewer --workers.`, {
            exitCode: 1,
          }),
        );
    };
    if (signal?.aborted) {
      stop();
      return;
    }
    signal?.addEventListener('abort', stop);
    for (let i = 0; i < numWorkers; i++) {
      const worker = new Worker(file, { workerData, execArgv: [] });
      workers.push(worker);
      worker.on('message', receive);
      worker.on('error', finish);
      worker.on('exit', onExit);
    }
  });
}
