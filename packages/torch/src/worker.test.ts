import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import * as torch from './index.js';

/** Runs compiled code in a worker: the package itself loads there. */
function inWorker(body: string): Promise<unknown> {
  const door = new URL('../dist/index.js', import.meta.url).href;
  const code = `import * as torch from ${JSON.stringify(door)}; import { parentPort } from 'node:worker_threads'; parentPort.postMessage((() => { ${body} })());`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

it('has a slot table of its own in every worker thread', async () => {
  const before = torch.liveTensors().count;
  const results = await Promise.all(
    [1, 2, 3].map((value) => inWorker(`return torch.scope(() => torch.ones([10]).mul(${value}).sum().item());`)),
  );
  expect(results).toEqual([10, 20, 30]);
  expect(await inWorker('torch.ones([2]); return torch.liveTensors().count;')).toBe(1);
  expect(torch.liveTensors().count).toBe(before);
});
