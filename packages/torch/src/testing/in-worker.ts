/** @file For tests: code that runs in a worker thread, with the compiled package. */
import { Worker } from 'node:worker_threads';

/** The compiled package; workers cannot load TypeScript. */
export const compiledDoor = new URL('../../dist/index.js', import.meta.url).href;

/** Starts a worker whose module has `torch`, `parentPort` and `workerData` at hand. */
export function startWorker(body: string, workerData: unknown = null): Worker {
  const code = [
    `import * as torch from ${JSON.stringify(compiledDoor)};`,
    `import { parentPort, workerData } from 'node:worker_threads';`,
    body,
  ].join('\n');
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData });
}

/** The next message of a worker; fails when it throws or ends first. */
export function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      settle();
    };
    const onMessage = (message: unknown) => done(() => resolve(message));
    const onError = (error: Error) => done(() => reject(error));
    const onExit = (code: number) =>
      done(() => reject(new Error(`the worker ended with ${code} before it said anything`)));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

/** What the body of a function returns in a worker of its own. */
export async function inWorker(body: string, workerData: unknown = null): Promise<unknown> {
  const worker = startWorker(`parentPort.postMessage((() => { ${body} })());`, workerData);
  try {
    return await nextMessage(worker);
  } finally {
    await worker.terminate();
  }
}
