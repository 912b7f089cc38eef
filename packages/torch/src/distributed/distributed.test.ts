/** @file Collectives of one process, and of two real ones over Gloo. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compiledTorch, inProcesses as runInProcesses } from '../../../../tests/fixtures/processes.js';
import '../index.js';
import { tensor } from '../creation.js';
import { GlooGroup, glooAvailable, SingleProcess } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-gloo-'));
afterAll(() => rmSync(folder, { recursive: true }));

const inProcesses = (worldSize: number, address: string, body: string) =>
  runInProcesses(folder, worldSize, address, body);

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

test('a single process is its own sum, maximum and gathering', () => {
  const single = new SingleProcess();
  const t = tensor([1, 2]);
  single.allReduceSum_(t);
  single.allReduceMax_(t);
  single.broadcast_(t, 0);
  single.barrier();
  const [copy] = single.allGather(t);
  expect(t.toArray()).toEqual([1, 2]);
  t.add_(1);
  expect(copy!.toArray()).toEqual([1, 2]);
  expect(() => single.broadcast_(t, 1)).toThrow(/expected a rank from 0 to 0, got 1/);
});

test('wrong settings are refused', () => {
  expect(() => new GlooGroup({ address: 'file:///x', rank: 2, worldSize: 2 })).toThrow(/rank from 0 to 1, got 2/);
  expect(() => new GlooGroup({ address: 'file:///x', rank: 0, worldSize: 0 })).toThrow(/world size of 1 or more/);
  if (glooAvailable()) {
    expect(() => new GlooGroup({ address: 'http://x', rank: 0, worldSize: 1 })).toThrow(
      /file:\/\/\/PATH or tcp:\/\/HOST:PORT/,
    );
    expect(() => new GlooGroup({ address: 'tcp://x:0', rank: 0, worldSize: 1 })).toThrow(/port from 1 to 65535/);
  }
});

describe.skipIf(!glooAvailable())('two processes over Gloo', () => {
  const body = `
const t = torch.tensor([[1 + rank, 2], [3, 4 * rank]], { dtype: 'float64' });
group.allReduceSum_(t);
result.push(t.toArray());
const transposed = torch.tensor([[rank, 5], [1 - rank, 7]]).transpose(0, 1);
group.allReduceMax_(transposed);
result.push(transposed.toArray());
result.push(group.allGather(torch.tensor([rank, 10], { dtype: 'int64' })).map((x) => x.toArray()));
const sent = torch.tensor([rank + 0.5], { requiresGrad: true });
group.broadcast_(sent, 1);
result.push(sent.toArray());
group.barrier();
result.push([group.rank, group.worldSize]);
`;
  const expected = (rank: number) => [
    [
      [3, 4],
      [6, 4],
    ],
    [
      [1, 1],
      [5, 7],
    ],
    [
      [0, 10],
      [1, 10],
    ],
    [1.5],
    [rank, 2],
  ];

  test('that meet by a file', async () => {
    expect(existsSync(compiledTorch), 'the compiled package').toBe(true);
    expect(await inProcesses(2, `file://${join(folder, 'store')}`, body)).toEqual([expected(0), expected(1)]);
  });

  test('that meet by an address', async () => {
    expect(await inProcesses(2, `tcp://127.0.0.1:${await freePort()}`, body)).toEqual([expected(0), expected(1)]);
  });

  test('a lost process is a typed error within the time limit', async () => {
    // The barrier keeps the second process until the first has connected; nothing but its leaving is tested.
    const lost = `
if (rank === 0) {
  try { group.barrier(); group.allReduceSum_(torch.tensor([1])); } catch (error) { result.push([error.name, error.code]); }
} else {
  group.barrier();
}
`;
    const [first] = await inProcesses(2, `file://${join(folder, 'lost')}`, lost);
    expect(first).toEqual([['TorchError', 'ERR_TORCH_DISTRIBUTED']]);
  });

  test('a group that nobody joins is a typed error', () => {
    const address = `file://${join(folder, 'alone')}`;
    expect(() => new GlooGroup({ address, rank: 0, worldSize: 2, timeoutSeconds: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_TORCH_DISTRIBUTED' }),
    );
  });
});
