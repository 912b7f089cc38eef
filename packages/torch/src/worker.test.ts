/** @file The package in worker threads: apart from each other, started and stopped at any time. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import * as torch from './index.js';
import { compiledDoor, inWorker, nextMessage, startWorker } from './testing/in-worker.js';

it('has a slot table of its own in every worker thread', async () => {
  const before = torch.liveTensors().count;
  const results = await Promise.all(
    [1, 2, 3].map((value) => inWorker(`return torch.scope(() => torch.ones([10]).mul(${value}).sum().item());`)),
  );
  expect(results).toEqual([10, 20, 30]);
  expect(await inWorker('torch.ones([2]); return torch.liveTensors().count;')).toBe(1);
  expect(torch.liveTensors().count).toBe(before);
});

it('has modes of its own in every worker thread', async () => {
  const inside: Promise<unknown>[] = [];
  torch.noGrad(() => void inside.push(inWorker('return torch.isGradEnabled();')));
  expect(await Promise.all(inside)).toEqual([true]);
  expect(await inWorker('return torch.noGrad(() => torch.isGradEnabled());')).toBe(false);
  expect(torch.isGradEnabled()).toBe(true);
});

it('ends workers while their tensors live, at rest and in the middle of a long operator', async () => {
  const resting = startWorker(
    'globalThis.x = torch.ones([1000, 1000]); torch.keep(torch.ones([10])); parentPort.postMessage("ready");',
  );
  await nextMessage(resting);
  await resting.terminate();

  const busy = startWorker(
    'const a = torch.randn([2000, 2000]); parentPort.postMessage("ready"); for (;;) torch.scope(() => a.matmul(a));',
  );
  await nextMessage(busy);
  const [code] = await Promise.all([once(busy, 'exit'), busy.terminate()]);
  expect(code).toEqual([1]);
  expect(torch.ones([2]).sum().item()).toBe(2);
});

it('gives memory back when workers end: many of them, started and stopped', () => {
  const script = `
    import { Worker } from 'node:worker_threads';
    import * as torch from ${JSON.stringify(compiledDoor)};
    const code = 'import * as torch from "${compiledDoor}"; import { parentPort } from "node:worker_threads";'
      + 'globalThis.kept = torch.keep(torch.ones([4000000])); parentPort.postMessage(1);';
    const one = () => new Promise((resolve, reject) => {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)));
      worker.once('error', reject).once('message', () => worker.terminate()).once('exit', resolve);
    });
    const rss = [];
    for (let round = 0; round < 24; round++) { await one(); rss.push(process.memoryUsage.rss() / 2 ** 20); }
    console.log(JSON.stringify(rss));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const rss = JSON.parse(run.stdout) as number[];
  // A leak of one worker's tensor each time would be 15 MiB × 16 = 244 MiB.
  expect(Math.max(...rss.slice(8)) - Math.max(...rss.slice(0, 8))).toBeLessThan(60);
});

it('exits while workers compute', () => {
  const script = `
    import { Worker } from 'node:worker_threads';
    import * as torch from ${JSON.stringify(compiledDoor)};
    const code = 'import * as torch from "${compiledDoor}"; import { parentPort } from "node:worker_threads";'
      + 'const a = torch.randn([500, 500]); a.requiresGrad = true; parentPort.postMessage(1); for (;;) torch.scope(() => a.matmul(a).sum().backward());';
    let ready = 0;
    for (let i = 0; i < 3; i++)
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)))
        .once('message', () => { if (++ready === 3) { torch.ones([3]).sum(); process.exit(7); } });`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  expect({ status: run.status, signal: run.signal, stderr: run.stderr }).toEqual({
    status: 7,
    signal: null,
    stderr: '',
  });
});

it('counts threads of an operator for each worker: it starts with what the process last set, and changes only its own', async () => {
  const before = torch.getNumThreads();
  try {
    torch.setNumThreads(2);
    const worker = startWorker(`
      parentPort.on('message', (threads) => {
        if (threads > 0) torch.setNumThreads(threads);
        parentPort.postMessage(torch.getNumThreads());
      });`);
    const ask = (threads: number) => {
      worker.postMessage(threads);
      return nextMessage(worker);
    };
    expect(await ask(0)).toBe(2);
    expect(await ask(3)).toBe(3);
    expect(torch.getNumThreads()).toBe(2);
    torch.setNumThreads(1);
    expect(await ask(0)).toBe(3);
    expect(await inWorker('return torch.getNumThreads();')).toBe(1);
    await worker.terminate();
  } finally {
    torch.setNumThreads(before);
  }
});
