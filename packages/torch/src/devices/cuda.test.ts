/** @file The CUDA face where there is no CUDA: questions answer, everything else is refused in one clear sentence. */
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { formatMemorySummary } from './memory.js';

const { cuda } = torch;

function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error('expected an exception');
}

describe.skipIf(cuda.isAvailable())('without a CUDA device', () => {
  it('answers questions', () => {
    expect(cuda.deviceCount()).toBe(0);
    expect(cuda.isCurrentStreamCapturing()).toBe(false);
    expect(Object.keys(cuda.features())).toEqual([
      'streams',
      'events',
      'memoryStatistics',
      'memoryFraction',
      'deviceProperties',
      'graphs',
      'syncDebugMode',
    ]);
    expect(Object.values(cuda.versions()).every((version) => version === null || version !== 0)).toBe(true);
  });

  const refused: [name: string, body: () => unknown][] = [
    ['cuda.currentDevice', () => cuda.currentDevice()],
    ['cuda.setDevice', () => cuda.setDevice(0)],
    ['cuda.withDevice', () => cuda.withDevice('cuda:0', () => 1)],
    ['cuda.synchronize', () => cuda.synchronize()],
    ['cuda.getDeviceProperties', () => cuda.getDeviceProperties()],
    ['cuda.Stream', () => new cuda.Stream({ priority: -1 })],
    ['cuda.currentStream', () => cuda.currentStream()],
    ['cuda.defaultStream', () => cuda.defaultStream()],
    ['cuda.Event', () => new cuda.Event({ enableTiming: true })],
    ['cuda.memoryStats', () => cuda.memoryStats()],
    ['cuda.memoryAllocated', () => cuda.memoryAllocated()],
    ['cuda.maxMemoryReserved', () => cuda.maxMemoryReserved()],
    ['cuda.resetPeakMemoryStats', () => cuda.resetPeakMemoryStats()],
    ['cuda.emptyCache', () => cuda.emptyCache()],
    ['cuda.memGetInfo', () => cuda.memGetInfo()],
    ['cuda.memorySummary', () => cuda.memorySummary()],
    ['cuda.setPerProcessMemoryFraction', () => cuda.setPerProcessMemoryFraction(0.5)],
    ['cuda.Graph', () => new cuda.Graph()],
    ['cuda.makeGraphed', () => cuda.makeGraphed((x) => x, [torch.ones([1])])],
    ['cuda.setSyncDebugMode', () => cuda.setSyncDebugMode('warn')],
    ['cuda.getSyncDebugMode', () => cuda.getSyncDebugMode()],
    ['cuda.countSynchronizations', () => cuda.countSynchronizations(() => 1)],
    ['cuda.manualSeed', () => cuda.manualSeed(1)],
    ['cuda.manualSeedAll', () => cuda.manualSeedAll(1)],
  ];

  it.each(refused)('%s says that there is none', (name, body) => {
    const error = thrownBy(body);
    expect(error).toBeInstanceOf(torch.DeviceError);
    expect(error).toMatchObject({ code: 'ERR_TORCH_NO_CUDA' });
    expect((error as Error).message).toMatch(new RegExp(`^${name}: .*CUDA.*\\. .+\\.$`));
  });

  const onTensors: [what: string, body: () => unknown, words: RegExp][] = [
    ['making one', () => torch.ones([2], { device: 'cuda' }), /aten::ones.*CUDA/],
    ['making one from numbers', () => torch.tensor([1, 2], { device: 'cuda' }), /CUDA/],
    ['moving one', () => torch.ones([2]).to({ device: 'cuda:0', nonBlocking: true }), /CUDA/],
    ['Tensor.cuda', () => torch.ones([2]).cuda(), /CUDA/],
    ['pinMemory()', () => torch.ones([2]).pinMemory(), /pinned memory needs CUDA/],
    ['the option pinMemory', () => torch.zeros([2], { pinMemory: true }), /pinned memory needs CUDA/],
    ['a generator', () => new torch.Generator({ device: 'cuda' }), /CUDA/],
    ['a random state', () => torch.getRngState('cuda'), /CUDA/],
  ];

  it.each(onTensors)('refuses %s with a short message', (_, body, words) => {
    const error = thrownBy(() => torch.scope(() => void body()));
    expect(error).toBeInstanceOf(torch.DeviceError);
    expect(error).toMatchObject({ code: 'ERR_TORCH_NO_CUDA' });
    const { message } = error as Error;
    expect(message).toMatch(words);
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(400);
  });
});

it('says how much memory was asked for, and lives on', () => {
  const error = thrownBy(() => torch.empty([1e13]));
  expect(error).toBeInstanceOf(torch.OutOfMemoryError);
  expect(error).toMatchObject({ code: 'ERR_TORCH_OUT_OF_MEMORY', requestedBytes: 4e13 });
  expect((error as Error).message).toContain('smaller batches');
  expect(torch.scope(() => torch.ones([3]).sum().item())).toBe(3);
});

it('prints the statistics that matter as a table', () => {
  const text = formatMemorySummary(1, {
    'allocated_bytes.all.current': 512,
    'allocated_bytes.all.peak': 3 * 2 ** 29,
    'allocation.all.current': 7,
    num_ooms: 2,
  });
  const lines = text.split('\n');
  expect(lines[0]).toBe('cuda:1: 2 times out of memory, 0 retries after emptying the cache');
  expect(lines[1]?.trim().split(/ {2,}/)).toEqual(['current', 'peak', 'allocated', 'freed']);
  expect(lines[2]).toMatch(/^allocated memory +512 B +1\.50 GiB +0 B +0 B$/);
  expect(lines[6]).toMatch(/^allocations +7 +0 +0 +0$/);
  expect(new Set(lines.slice(1).map((line) => line.length)).size).toBe(1);
});
