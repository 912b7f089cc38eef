/** @file The finalization net, in a process where the garbage collector can be asked to run. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { compiledDoor } from './testing/in-worker.js';

/** Runs a module with `torch`, and `collect()` that returns when the collector and the finalizers have run. */
function run(body: string): unknown {
  const code = `
    import * as torch from ${JSON.stringify(compiledDoor)};
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    async function collect(done = () => false) {
      for (let i = 0; i < 50 && !done(); i++) { globalThis.gc(); await turn(); }
    }
    const count = () => torch.liveTensors().count;
    ${body}`;
  const child = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], { encoding: 'utf8' });
  expect(child.stderr).toBe('');
  return JSON.parse(child.stdout);
}

it('frees what was made outside scopes, kept or returned by a scope, and then forgotten', () => {
  const result = run(`
    function forget() {
      for (let i = 0; i < 100; i++) {
        torch.ones([10]);
        torch.keep(torch.ones([10]));
        torch.scope(() => torch.keep(torch.ones([10])));
        torch.scope(() => ({ list: [torch.ones([10])] }));
        torch.scope(() => torch.scope(() => torch.ones([10])));
        torch.fromShared(torch.shareTensor(torch.ones([10])), { release: true });
        new torch.nn.Linear(2, 2);
      }
    }
    forget();
    const made = count();
    await collect(() => count() === 0);
    console.log(JSON.stringify({ made, left: count(), bytes: torch.liveTensors().bytes }));`);
  expect(result).toEqual({ made: 900, left: 0, bytes: 0 });
});

it('frees nothing early that can still be reached', () => {
  const result = run(`
    const held = [];
    const model = new torch.nn.Linear(4, 4);
    let bad = 0;
    for (let round = 0; round < 12; round++) {
      held.push(torch.full([8], round), torch.keep(torch.full([8], round)));
      held.push(torch.scope(() => new Map([['x', [torch.full([8], round)]]])).get('x')[0]);
      for (let i = 0; i < 50; i++) torch.ones([8]).add(1);
      torch.scope(() => {
        const inner = torch.full([8], round);
        globalThis.gc();
        if (inner.sum().item() !== 8 * round) bad++;
      });
      globalThis.gc();
      await turn();
      held.forEach((tensor, i) => { if (tensor.at(0).item() !== Math.floor(i / 3)) bad++; });
      torch.scope(() => model.forward(torch.ones([1, 4])).sum().item());
    }
    await collect(() => count() === held.length + 2);
    console.log(JSON.stringify({ bad, left: count() - held.length - 2 }));`);
  expect(result).toEqual({ bad: 0, left: 0 });
});

it('is harmless after dispose, when the slot has another tensor by then', () => {
  const result = run(`
    function disposeAll() { for (let i = 0; i < 200; i++) torch.ones([2]).dispose(); }
    disposeAll();
    const next = Array.from({ length: 200 }, (_, i) => torch.full([2], i));
    for (let i = 0; i < 5; i++) { globalThis.gc(); await turn(); }
    const whole = torch.scope(() => next.every((tensor, i) => tensor.sum().item() === 2 * i));
    console.log(JSON.stringify(whole && count()));`);
  expect(result).toBe(200);
});

it('frees generators, and leaves shared tokens to disposeShared', () => {
  const result = run(`
    const ids = [];
    function forget() { for (let i = 0; i < 20; i++) ids.push(new torch.Generator({ seed: i }).id); }
    forget();
    const held = new torch.Generator({ seed: 3 });
    let shared = torch.shareTensor(torch.full([4], 2));
    const { token } = shared;
    shared = null;
    // A generator that is gone refuses its id.
    const alive = () => ids.filter((id) => {
      try { Object.assign(Object.create(torch.Generator.prototype), { id }).manualSeed(1); return true; } catch { return false; }
    }).length;
    await collect(() => alive() === 0 && count() === 0);
    const left = [alive(), count(), torch.sharedTensors()];
    const sum = torch.fromShared({ token }, { release: true }).sum().item();
    held.manualSeed(4);
    console.log(JSON.stringify({ left, sum, shared: torch.sharedTensors() }));`);
  expect(result).toEqual({ left: [0, 0, 1], sum: 8, shared: 0 });
});
