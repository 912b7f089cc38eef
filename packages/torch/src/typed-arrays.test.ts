import { execFileSync } from 'node:child_process';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from './index.js';

const DOOR = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);

/** Runs compiled code in a process of its own with `gc()`; gives what it prints as JSON. */
function inChild(body: string): unknown {
  const code = `import * as torch from ${DOOR};
    const settle = async () => { for (let i = 0; i < 4; i++) { gc(); await new Promise(setImmediate); } };
    const rss = () => process.memoryUsage().rss / 2 ** 20;
    ${body}`;
  return JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], { encoding: 'utf8' }),
  );
}

describe('fromTypedArray without a copy', () => {
  it('shares memory both ways, a part of a buffer too', () => {
    const all = Float32Array.of(9, 1, 2, 3, 4, 9);
    const x = torch.fromTypedArray(all.subarray(1, 5), [2, 2], { copy: false });
    all[1] = 10;
    x.at(1, 1).fill_(-4);
    expect(x.toArray()).toEqual([
      [10, 2],
      [3, -4],
    ]);
    expect(Array.from(all)).toEqual([9, 10, 2, 3, -4, 9]);
    expect(torch.fromTypedArray(all, [6]).setAt(0, 1).at(0).item()).toBe(1);
    expect(all[0]).toBe(9);
  });

  it.each<[string, torch.TypedArray, torch.DType]>([
    ['float64', Float64Array.of(1, 2), 'float64'],
    ['int64', BigInt64Array.of(1n, 2n), 'int64'],
    ['int32', Int32Array.of(1, 2), 'int32'],
    ['int16', Int16Array.of(1, 2), 'int16'],
    ['int8', Int8Array.of(1, 2), 'int8'],
    ['uint8', Uint8Array.of(1, 2), 'uint8'],
    ['clamped', Uint8ClampedArray.of(1, 2), 'uint8'],
  ])('takes %s', (_, data, dtype) => {
    const x = torch.fromTypedArray(data, [2], { copy: false });
    expect(x.dtype).toBe(dtype);
    x.add_(1);
    expect(Array.from(data as ArrayLike<number | bigint>, Number)).toEqual([2, 3]);
    expect(torch.fromTypedArray(data, [2], { copy: false, dtype }).toArray()).toEqual([2, 3]);
  });

  it('takes complex numbers, nothing, and leaves that differentiate', () => {
    const parts = Float32Array.of(1, 2, 3, 4);
    torch.fromTypedArray(parts, [2], { copy: false, dtype: 'complex64' }).mul_(2);
    expect(Array.from(parts)).toEqual([2, 4, 6, 8]);
    expect(torch.fromTypedArray(new Float32Array(0), [0, 3], { copy: false }).shape).toEqual([0, 3]);
    const weight = torch.fromTypedArray(Float32Array.of(3), [1], { copy: false, requiresGrad: true });
    weight.mul(weight).sum().backward();
    expect(weight.grad?.toArray()).toEqual([6]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'another dtype',
      () => torch.fromTypedArray(Float32Array.of(1), [1], { copy: false, dtype: 'float64' }),
      /the array's own dtype float32, got dtype float64\. Leave out copy: false/,
    ],
    [
      'bool, whose bytes must be 0 or 1',
      () => torch.fromTypedArray(Uint8Array.of(1), [1], { copy: false, dtype: 'bool' }),
      /own dtype uint8, got dtype bool/,
    ],
    [
      'another device',
      () => torch.fromTypedArray(Float32Array.of(1), [1], { copy: false, device: 'cuda' }),
      /the device cpu, where the array is, got cuda/,
    ],
    [
      'another size',
      () => torch.fromTypedArray(Float32Array.of(1), [2], { copy: false }),
      /expected 2 elements for shape \[2\], got 1/,
    ],
    [
      'resizable memory',
      () => {
        const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
        return torch.fromTypedArray(new Float32Array(new Resizable(8, { maxByteLength: 16 })), [2], { copy: false });
      },
      /memory of fixed size, got a resizable ArrayBuffer/,
    ],
    ['growing', () => torch.fromTypedArray(Float32Array.of(1), [1], { copy: false }).resize_([5]), /not resizable/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(torch.TorchError);
  });

  it('keeps its memory where it is: no transfer', () => {
    const data = Float32Array.of(1, 2);
    const x = torch.fromTypedArray(data, [2], { copy: false });
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(data, [data.buffer]); // Node 20 sends a copy, later versions refuse
    } catch (error) {
      expect(String(error)).toMatch(/DataCloneError/);
    }
    port1.close();
    port2.close();
    expect(data.length).toBe(2);
    if (!('transfer' in data.buffer)) console.info(`ArrayBuffer.transfer skipped: Node ${process.version} has none`);
    else
      expect(() => (data.buffer as unknown as { transfer(): void }).transfer()).toThrow(
        /a tensor lives in this memory/,
      );
    expect(x.toArray()).toEqual([1, 2]);
  });

  it('shares SharedArrayBuffers between threads', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    const x = torch.fromTypedArray(shared, [4], { copy: false });
    x.fill_(2);
    const code = `import * as torch from ${DOOR}; import { parentPort, workerData } from 'node:worker_threads';
      const x = torch.fromTypedArray(workerData, [4], { copy: false });
      x.mul_(torch.arange(4)); parentPort.postMessage(x.toArray());`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: shared });
    const there = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    expect(there).toEqual([0, 2, 4, 6]);
    expect(x.toArray()).toEqual([0, 2, 4, 6]);
    expect(x.asTypedArray().buffer).toBe(shared.buffer);
  });

  it('makes no copy, holds the memory as long as a tensor needs it, then lets go', () => {
    const seen = inChild(`
      const big = new Float32Array(50e6).fill(1); // 200 MB
      const before = rss();
      let view = torch.fromTypedArray(big, [50e6], { copy: false });
      view.add_(1);
      const grown = rss() - before;
      view.dispose();
      let data = Float32Array.of(5, 6);
      const weak = new WeakRef(data.buffer);
      const part = torch.fromTypedArray(data, [2], { copy: false }).at(1);
      data = undefined;
      await settle();
      const held = weak.deref() !== undefined && part.item() === 6;
      await settle();
      const start = rss();
      for (let i = 0; i < 4000; i++) {
        const x = torch.fromTypedArray(new Float32Array(2.5e5).fill(i), [2.5e5], { copy: false }); // 1 MB each
        if (x.at(-1).item() !== i) throw new Error('wrong');
        x.dispose();
        if (i % 200 === 0) await settle();
      }
      await settle();
      console.log(JSON.stringify({ grown, held, leaked: rss() - start, first: big[0] }));
    `) as Record<string, number>;
    console.info('fromTypedArray copy: false:', seen);
    expect(seen).toMatchObject({ held: true, first: 2 });
    expect(seen.grown).toBeLessThan(20);
    expect(seen.leaked).toBeLessThan(400); // of 4,000 MB made
  });

  it('lets go of memory that another thread freed last', () => {
    if (!torch.glooAvailable()) {
      console.info('skipped: the addon was built without Gloo, whose threads free tensors');
      return;
    }
    const seen = inChild(`
      import { mkdtempSync, rmSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      import { join } from 'node:path';
      const folder = mkdtempSync(join(tmpdir(), 'suave-'));
      const group = new torch.GlooGroup({ address: 'file://' + join(folder, 'store'), rank: 0, worldSize: 1 });
      const buffers = [];
      for (let i = 0; i < 1000; i++) {
        const data = new Float32Array(16).fill(i);
        buffers.push(new WeakRef(data.buffer));
        const x = torch.fromTypedArray(data, [16], { copy: false });
        group.allReduceSum_(x); // one of Gloo's threads holds the tensor, and often is the last to do so
        x.dispose();
      }
      group.dispose();
      rmSync(folder, { recursive: true });
      await settle();
      console.log(JSON.stringify({ held: buffers.filter((buffer) => buffer.deref() !== undefined).length }));
    `) as { held: number };
    console.info('held after Gloo:', seen);
    expect(seen.held).toBeLessThan(3);
  });
});

describe('asTypedArray', () => {
  it('shares memory both ways, also a part of it', () => {
    const x = torch.arange(6, { dtype: 'float64' }).view([3, 2]) as torch.Tensor<'float64'>;
    const all = x.asTypedArray();
    expectTypeOf(all).toEqualTypeOf<Float64Array>();
    expect(Array.from(all)).toEqual([0, 1, 2, 3, 4, 5]);
    const row = x.at(1).asTypedArray();
    row[0] = 20;
    x.at(2, 0).fill_(40);
    expect([all[2], all[4], x.at(1, 0).item()]).toEqual([20, 40, 20]);
    expect(row.buffer).toBe(all.buffer); // one ArrayBuffer for one memory
    expect(torch.zeros([0]).asTypedArray()).toEqual(new Float32Array(0));
  });

  it('shows half precision as raw bits, complex numbers interleaved, bool as bytes', () => {
    expect(torch.tensor([1, -2], { dtype: 'bfloat16' }).asTypedArray()).toEqual(Uint16Array.of(0x3f80, 0xc000));
    expect(torch.tensor([1], { dtype: 'float16' }).asTypedArray()).toEqual(Uint16Array.of(0x3c00));
    expect(torch.tensor([[1, 2]], { dtype: 'complex128' }).asTypedArray()).toEqual(Float64Array.of(1, 2));
    expect(torch.tensor([true, false]).asTypedArray()).toEqual(Uint8Array.of(1, 0));
    expect(torch.tensor([5n]).asTypedArray()).toEqual(BigInt64Array.of(5n));
  });

  it('gives back the array that a tensor was made over', () => {
    const data = Int32Array.of(1, 2, 3);
    const x = torch.fromTypedArray(data.subarray(1), [2], { copy: false });
    const again = x.at(torch.slice(1)).asTypedArray();
    expect(again.buffer).toBe(data.buffer);
    expect([again.byteOffset, again[0]]).toEqual([8, 3]);
  });

  it('a tensor that cannot grow is as it was before', () => {
    torch.scope(() => {
      const borrowed = torch.fromTypedArray(Float32Array.of(1, 2, 3, 4), [2, 2], { copy: false });
      const exposed = torch.tensor([5, 6]);
      exposed.asTypedArray();
      const other = torch.tensor([7, 8]);
      expect(() => borrowed.resize_([1000])).toThrow(/not resizable/);
      expect(() => torch.addOut(torch.ones([1000]), torch.ones([1000]), exposed)).toThrow(/not resizable/);
      expect(() => other.set_(borrowed, 0, [1000])).toThrow(/not resizable/);
      expect(() => other.resize_([2 ** 45])).toThrow(torch.TorchError); // as much memory as there is nowhere
      expect([borrowed, exposed, other].map((tensor) => tensor.toArray())).toEqual([
        [
          [1, 2],
          [3, 4],
        ],
        [5, 6],
        [7, 8],
      ]);
      expect(Array.from(exposed.asTypedArray())).toEqual([5, 6]);
      expect(other.resize_([1]).toArray()).toEqual([7]);
    });
  });

  it('stays valid when the tensor is gone, and keeps the memory in its place', () => {
    const x = torch.tensor([1, 2, 3]);
    const array = x.asTypedArray();
    expect(() => x.resize_([100])).toThrow(/not resizable/);
    x.dispose();
    const kept = torch.scope(() => torch.full([1000], 7, { dtype: 'float32' }).asTypedArray());
    for (let i = 0; i < 50; i++) torch.scope(() => torch.zeros([1000]));
    expect([Array.from(array), kept.every((value) => value === 7)]).toEqual([[1, 2, 3], true]);
    expect(() => x.asTypedArray()).toThrow(torch.DisposedTensorError);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['what is not contiguous', () => torch.zeros([2, 3]).transpose(0, 1).asTypedArray(), /contiguous\(\), or data\(\)/],
    ['gradients', () => torch.tensor([1], { requiresGrad: true }).asTypedArray(), /Use detach\(\)/],
    [
      'a lazy conjugate',
      () =>
        torch
          .tensor([[1, 2]], { dtype: 'complex64' })
          .conj()
          .asTypedArray(),
      /resolveConj\(\)/,
    ],
    ['other devices', () => torch.zeros([1], { device: 'meta' }).asTypedArray(), /on the cpu, got meta\. Use cpu\(\)/],
    ['sparse tensors', () => torch.zeros([1]).toSparse().asTypedArray(), /Use toDense\(\)/],
  ])('refuses %s', (_, read, message) => {
    expect(read).toThrow(message);
  });

  it('makes no copy and leaks nothing', () => {
    const seen = inChild(`
      const big = torch.full([50e6], 3, { dtype: 'float32' });
      const before = rss();
      let array = big.asTypedArray();
      array[7] = 4;
      const grown = rss() - before;
      const value = big.at(7).item();
      big.dispose();
      await settle();
      const still = array[7] + array[49999999];
      array = undefined;
      await settle();
      const freed = before - rss();
      const start = rss();
      for (let i = 0; i < 4000; i++) {
        const x = torch.full([2.5e5], i, { dtype: 'float32' });
        const a = x.asTypedArray(), b = x.asTypedArray();
        if (a[9] !== i || a.buffer !== b.buffer) throw new Error('wrong');
        x.dispose();
        if (i % 200 === 0) await settle();
      }
      await settle();
      console.log(JSON.stringify({ grown, value, still, freed, leaked: rss() - start, live: torch.liveTensors().count }));
    `) as Record<string, number>;
    console.info('asTypedArray:', seen);
    expect(seen).toMatchObject({ value: 4, still: 7 });
    expect(seen.grown).toBeLessThan(20);
    expect(seen.leaked).toBeLessThan(400);
  });

  it('works in workers that end while arrays and tensors are in use', async () => {
    const code = `import * as torch from ${DOOR}; import { parentPort } from 'node:worker_threads';
      globalThis.kept = [];
      for (let i = 0; i < 50; i++) {
        const x = torch.full([1000], i, { dtype: 'float32' });
        globalThis.kept.push(x, x.asTypedArray(), torch.fromTypedArray(new Float32Array(1000), [1000], { copy: false }));
      }
      parentPort.postMessage(globalThis.kept[148][3]);`;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      expect(await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))).toBe(49);
      if (round === 1) await worker.terminate();
      await ended;
    }
  });
});
