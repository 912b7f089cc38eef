/** @file Decodes many files with worker threads. The result is the same for every number of workers. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError, SuaveError } from '../errors.js';
import type { DecodeOptions } from './decode.js';
import { countBlocks, type DecodedBlock, type DecodeTask, decodeBlock } from './decode-block.js';
import type { BlockMessage, TaskMessage } from './decode-worker.js';
import type { ImageSource } from './image-source.js';

/** What is done with files, in words for the user. */
export type DecodeActivity = 'decoding images' | 'reading image sizes' | 'checking images' | 'storing images';

/** How a decode run is watched and stopped. */
export interface DecodeRun {
  /** Worker threads; 0 decodes in the calling thread; null: one fewer than the cores, 1 to 4. */
  readonly workers?: number | null;
  /** Called with the number of files done and of all files. */
  readonly onProgress?: (done: number, total: number, activity: DecodeActivity) => void;
  /** Stops between two blocks; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Files of one block where many are decoded. */
const blockSize = 32;

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
 * @param paths   absolute paths, or parts of files
 * @param take    receives each block in turn; when it throws, decoding stops
 * @param wanted  `sizes`: blocks without pixels
 */
export async function decodeAll(
  paths: readonly ImageSource[],
  options: DecodeOptions,
  take: (block: DecodedBlock) => void,
  run: DecodeRun = {},
  wanted: DecodeTask['wanted'] = 'pixels',
): Promise<void> {
  const task: DecodeTask = { paths, options, blockSize, wanted, destination: null };
  const pool = new DecodePool(Math.min(checkWorkers(run.workers), countBlocks(task)));
  const activity = wanted === 'sizes' ? 'reading image sizes' : 'decoding images';
  let done = 0;
  const takeOne = (block: DecodedBlock) => {
    take(block);
    done += block.heights.length;
    run.onProgress?.(done, paths.length, activity);
  };
  try {
    await pool.run(task, takeOne, run.signal);
  } finally {
    await pool.close();
  }
}

/** What a pool knows of a task under way. */
interface RunningTask {
  receive(block: DecodedBlock): void;
  finish(error?: unknown): void;
}

/** A counter beyond every block: workers take no more of a task, and wait for nobody. */
const noneLeft = 2 ** 30;

/** Worker threads that decode one task after the other; without workers, the calling thread does. Call `close` when done. */
export class DecodePool {
  readonly #workers: Worker[] = [];
  readonly #running = new Map<number, RunningTask>();
  #numTasks = 0;
  #failure: { error: unknown } | null = null;
  #isClosed = false;

  /** Starts the threads. @throws SuaveError NOT_BUILT */
  constructor(numWorkers: number) {
    const file = numWorkers === 0 ? '' : workerFile();
    for (let i = 0; i < numWorkers; i++) {
      const worker = new Worker(file, { execArgv: [] });
      worker.on('message', ({ id, block }: BlockMessage) => this.#running.get(id)?.receive(block));
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', (code) => this.#fail(workerEnded(code)));
      this.#workers.push(worker);
    }
  }

  /**
   * Decodes the files of a task after those of all tasks before, and hands over the blocks in order. A task with a destination is
   * decoded to its end while the calling thread is busy.
   * @param take    receives each block; when it throws, the task ends
   * @param signal  ends the task; the promise is rejected with the signal's reason
   */
  async run(task: DecodeTask, take: (block: DecodedBlock) => void, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#workers.length > 0) return this.#runInWorkers(task, take, signal);
    for (let block = 0; block < countBlocks(task); block++) {
      signal?.throwIfAborted();
      take(await decodeBlock(task, block));
      await nextTurn();
    }
  }

  #runInWorkers(task: DecodeTask, take: (block: DecodedBlock) => void, signal?: AbortSignal): Promise<void> {
    const numBlocks = countBlocks(task);
    if (numBlocks === 0) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    const counters = new SharedArrayBuffer(8);
    const shared = new Int32Array(counters);
    const waiting = new Map<number, DecodedBlock>();
    const id = this.#numTasks++;
    return new Promise<void>((resolve, reject) => {
      const finish = (error?: unknown) => {
        if (!this.#running.delete(id)) return;
        signal?.removeEventListener('abort', stop);
        Atomics.store(shared, 0, noneLeft);
        Atomics.store(shared, 1, noneLeft);
        if (error === undefined) resolve();
        else reject(error);
      };
      const stop = () => finish(signal?.reason);
      const receive = (block: DecodedBlock) => {
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
      this.#running.set(id, { receive, finish });
      signal?.addEventListener('abort', stop);
      const maxAhead = task.destination === null ? 4 * this.#workers.length : noneLeft;
      const message: TaskMessage = { id, task, counters, maxAhead };
      for (const worker of this.#workers) worker.postMessage(message);
    });
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#failure ??= { error };
    for (const { finish } of [...this.#running.values()]) finish(error);
  }

  /** Ends the threads; tasks under way are rejected. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#fail(new SuaveError('DECODE_WORKER', 'data: the decode workers were ended. Start them again.'));
    this.#isClosed = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function workerEnded(code: number): SuaveError {
  return new SuaveError('DECODE_WORKER', `data: a decode worker ended with status ${code}. Use fewer --workers.`, {
    exitCode: 1,
  });
}
