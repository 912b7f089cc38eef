/**
 * @file The CUDA face on a CUDA device. Without one every test is skipped, and says so.
 * Numbers of a device are compared with those of the CPU within what its order of sums allows.
 */
import { afterEach, expect } from 'vitest';
import { onCuda } from '../../../../tests/fixtures/on-cuda.js';
import * as torch from '../index.js';

const { cuda } = torch;

afterEach(() => {
  torch.setFloat32MatmulPrecision('highest');
});

const range = (size: number) => torch.arange(size, { dtype: 'float32' });

/** Enough work to be still running when the host goes on. */
function busy(x: torch.Tensor): torch.Tensor {
  return torch.scope(() => {
    let y = x;
    for (let i = 0; i < 50; i++) y = y.matmul(x).mul(1e-3);
    return y;
  });
}

onCuda('devices are counted, named and made current', ['deviceProperties'], () => {
  expect(cuda.deviceCount()).toBeGreaterThan(0);
  expect(cuda.currentDevice()).toBe(0);
  const properties = cuda.getDeviceProperties('cuda:0');
  expect(properties.name.length).toBeGreaterThan(2);
  expect(properties.totalMemory).toBeGreaterThan(2 ** 30);
  expect(properties.multiProcessorCount).toBeGreaterThan(0);
  expect(cuda.getDeviceCapability()).toEqual([properties.major, properties.minor]);
  const last = cuda.deviceCount() - 1;
  cuda.withDevice(last, () => expect(torch.scope(() => torch.ones([1]).cuda().device)).toBe(`cuda:${last}`));
  expect(cuda.currentDevice()).toBe(0);
  expect(() => cuda.withDevice(99, () => 1)).toThrow(torch.ArgumentError);
  expect(() => cuda.synchronize('cpu')).toThrow(torch.ArgumentError);
});

onCuda('streams run side by side, wait for each other, and are current while a function runs', [], () => {
  const main = cuda.currentStream();
  expect(main.equals(cuda.defaultStream())).toBe(true);
  const side = new cuda.Stream({ priority: -1 });
  expect(side.equals(main)).toBe(false);
  expect(() => new cuda.Stream({ priority: 1 })).toThrow(torch.ArgumentError);
  torch.scope(() => {
    const x = torch.randn([512, 512], { device: 'cuda' });
    side.waitStream(main);
    const y = cuda.withStream(side, () => {
      expect(cuda.currentStream().equals(side)).toBe(true);
      return busy(x);
    });
    side.recordTensor(x);
    main.waitStream(side);
    y.add_(1);
    main.synchronize();
    expect(main.query() && side.query()).toBe(true);
    expect(busy(x).add(1).sub(y).abs().max().item()).toBe(0);
  });
  expect(cuda.currentStream().equals(main)).toBe(true);
  expect(() =>
    cuda.withStream(side, () => {
      throw new Error('in the body');
    }),
  ).toThrow('in the body');
  expect(() => cuda.withStream(side, async () => 1)).toThrow(torch.ArgumentError);
  expect(cuda.currentStream().equals(main)).toBe(true);
});

onCuda('events tell when work is done, and how long it took', [], () => {
  using start = new cuda.Event({ enableTiming: true });
  using end = new cuda.Event({ enableTiming: true });
  using plain = new cuda.Event();
  expect(end.query()).toBe(true);
  expect(() => start.elapsedTime(end)).toThrow(/record\(\)/);
  torch.scope(() => {
    const x = torch.randn([1024, 1024], { device: 'cuda' });
    busy(x);
    start.record();
    busy(x);
    end.record();
    plain.record();
    end.synchronize();
    expect(end.query()).toBe(true);
    const elapsed = start.elapsedTime(end);
    expect(elapsed).toBeGreaterThan(0);
    expect(elapsed).toBeLessThan(60_000);
    expect(() => start.elapsedTime(plain)).toThrow(/enableTiming/);
  });
});

onCuda('pinned memory is copied without waiting', [], () => {
  torch.scope(() => {
    const host = range(1 << 20).pinMemory();
    expect(host.isPinned()).toBe(true);
    const device = host.cuda('cuda', { nonBlocking: true });
    const back = torch.emptyLike(host, { pinMemory: true });
    back.copy_(device.mul(2), { nonBlocking: true });
    cuda.synchronize();
    expect(back.sub(host.mul(2)).abs().max().item()).toBe(0);
  });
});

onCuda('memory is counted, and given back', ['memoryStatistics'], () => {
  const before = cuda.memoryAllocated();
  cuda.resetPeakMemoryStats();
  torch.scope(() => {
    torch.empty([8 << 20], { dtype: 'uint8', device: 'cuda' });
    expect(cuda.memoryAllocated() - before).toBe(8 << 20);
  });
  expect(cuda.memoryAllocated()).toBe(before);
  expect(cuda.maxMemoryAllocated() - before).toBe(8 << 20);
  expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(8 << 20);
  expect(cuda.maxMemoryReserved()).toBeGreaterThanOrEqual(cuda.memoryReserved());
  cuda.emptyCache();
  const { free, total } = cuda.memGetInfo();
  expect(free).toBeGreaterThan(0);
  expect(total).toBeGreaterThan(free);
  expect(cuda.memorySummary()).toContain('allocated memory');
  expect(cuda.memoryStats()['allocation.all.allocated']).toBeGreaterThan(0);
});

onCuda('out of memory is an error with the size, and the process lives on', [], () => {
  let error: unknown;
  try {
    torch.scope(() => void torch.empty([2 ** 42], { dtype: 'uint8', device: 'cuda' }));
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(torch.OutOfMemoryError);
  expect((error as torch.OutOfMemoryError).requestedBytes).toBe(2 ** 42);
  expect(torch.scope(() => torch.ones([4], { device: 'cuda' }).sum().item())).toBe(4);
});

onCuda('random numbers of the device have a seed and a state', [], () => {
  const draw = () => torch.scope(() => torch.randn([8], { device: 'cuda' }).toArray());
  torch.manualSeed(5);
  const first = draw();
  const state = torch.getRngState('cuda');
  const second = draw();
  torch.setRngState(state, 'cuda');
  expect(draw()).toEqual(second);
  torch.manualSeed(5);
  expect(draw()).toEqual(first);
  expect(torch.forkRng(draw)).toEqual(draw());
  using generator = new torch.Generator({ device: 'cuda', seed: 5 });
  expect(torch.scope(() => torch.randn([8], { device: 'cuda', generator }).toArray())).toEqual(first);
  state.dispose();
});

onCuda('autocast computes in float16', [], () => {
  torch.scope(() => {
    const x = torch.randn([64, 64], { device: 'cuda' });
    const exact = x.matmul(x);
    const half = torch.autocast('cuda', 'float16', () => x.matmul(x));
    expect(half.dtype).toBe('float16');
    expect(half.to('float32').sub(exact).abs().max().item()).toBeLessThan(0.1);
    expect(x.matmul(x).dtype).toBe('float32');
  });
});

onCuda('TensorFloat-32 is used only where it is allowed', ['deviceProperties'], () => {
  if (cuda.getDeviceProperties().major < 8) return; // devices before 8.0 have none
  torch.scope(() => {
    const x = torch.randn([512, 512], { device: 'cuda' });
    const exact = x.to('float64').matmul(x.to('float64'));
    const error = () => x.matmul(x).to('float64').sub(exact).abs().max().item();
    const full = error();
    torch.backends.cuda.matmul.allowTF32 = true;
    const rounded = error();
    torch.backends.cuda.matmul.allowTF32 = false;
    expect(full).toBeLessThan(1e-3);
    expect(rounded).toBeGreaterThan(10 * full);
    expect(error()).toBe(full);
  });
});

/** A small network trained by plain gradient descent, every tensor on the device. */
function makeTraining() {
  torch.manualSeed(11);
  const w1 = torch.keep(torch.scope(() => torch.randn([8, 32]).mul(0.3).cuda()));
  const w2 = torch.keep(torch.scope(() => torch.randn([32, 1]).mul(0.3).cuda()));
  w1.requiresGrad = true;
  w2.requiresGrad = true;
  const step = (x: torch.Tensor, y: torch.Tensor): torch.Tensor =>
    torch.scope(() => {
      w1.grad = null;
      w2.grad = null;
      const loss = x.matmul(w1).tanh().matmul(w2).sub(y).square().mean();
      loss.backward();
      torch.noGrad(() => {
        for (const w of [w1, w2]) w.sub_((w.grad as torch.Tensor).mul(0.05));
      });
      return loss.detach();
    });
  return { w1, w2, step };
}

onCuda('a captured training step, replayed 100 times, equals the eager one', ['graphs'], () => {
  const eager = makeTraining();
  const graphed = makeTraining();
  const batches = Array.from({ length: 10 }, (_, i) =>
    torch.scope(() => {
      const x = torch.keep(torch.randn([16, 8], { device: 'cuda' }));
      return { x, y: torch.keep(x.sum([1], { keepdim: true }).mul(0.1 * (i % 3))) };
    }),
  );
  const [sample] = batches as [(typeof batches)[number]];
  const warmup = 3;
  for (let i = 0; i < warmup; i++) torch.scope(() => void eager.step(sample.x, sample.y));
  const before = torch.liveTensors().count;
  const step = cuda.makeGraphed(graphed.step, [sample.x, sample.y], { warmup });
  expect(step.graph.isCaptured).toBe(true);
  for (let i = 0; i < 100; i++) {
    const { x, y } = batches[i % batches.length] as (typeof batches)[number];
    const expected = torch.scope(() => eager.step(x, y).item());
    expect(Math.abs(step(x, y).item() - expected)).toBeLessThan(1e-5 * Math.max(1, expected));
  }
  expect(torch.scope(() => eager.w1.sub(graphed.w1).abs().max().item())).toBeLessThan(1e-5);
  expect(torch.scope(() => eager.w2.sub(graphed.w2).abs().max().item())).toBeLessThan(1e-5);
  expect(() => step(sample.y, sample.x)).toThrow(torch.ShapeError);
  graphed.w1.grad = null;
  graphed.w2.grad = null;
  step.dispose();
  step.dispose();
  expect(torch.liveTensors().count).toBe(before);
  for (const { x, y } of batches) {
    x.dispose();
    y.dispose();
  }
  for (const { w1, w2 } of [eager, graphed]) {
    w1.dispose();
    w2.dispose();
  }
});

onCuda('a capture refuses what would wait, and can be made again afterwards', ['graphs'], () => {
  torch.scope(() => {
    const x = torch.ones([4], { device: 'cuda' });
    using graph = new cuda.Graph();
    expect(() => graph.replay()).toThrow(torch.ArgumentError);
    const refused: (() => unknown)[] = [
      () => x.add(1).sum().item(),
      () => x.data(),
      () => cuda.synchronize(),
      () => cuda.currentStream().synchronize(),
      () => cuda.emptyCache(),
      () => new cuda.Graph().capture(() => x.add(1)),
    ];
    for (const body of refused) {
      expect(() => graph.capture(() => void body())).toThrow(torch.CaptureError);
      expect(graph.isCaptured).toBe(false);
      expect(cuda.isCurrentStreamCapturing()).toBe(false);
    }
    expect(() => graph.capture(() => x.matmul(torch.ones([3], { device: 'cuda' })))).toThrow(torch.TorchError);
    expect(() => graph.capture(async () => 1)).toThrow(torch.ArgumentError);
    const y = graph.capture(() => {
      expect(cuda.isCurrentStreamCapturing()).toBe(true);
      return x.mul(3);
    });
    x.fill_(2);
    graph.replay();
    expect(y.toArray()).toEqual([6, 6, 6, 6]);
    expect(() => graph.capture(() => x.add(1))).toThrow(/reset\(\)/);
    graph.reset();
    expect(() => graph.replay()).toThrow(torch.ArgumentError);
  });
});

onCuda('graphs share memory', ['graphs'], () => {
  torch.scope(() => {
    const x = torch.ones([1 << 16], { device: 'cuda' });
    using first = new cuda.Graph();
    using second = new cuda.Graph();
    const y = first.capture(() => x.add(1));
    const z = second.capture(() => y.mul(2), { pool: first.pool() });
    x.fill_(4);
    first.replay();
    second.replay();
    expect(z.max().item()).toBe(10);
    expect(second.pool().id).toEqual(first.pool().id);
  });
});

onCuda('random numbers go on from replay to replay', ['graphs'], () => {
  torch.scope(() => {
    using graph = new cuda.Graph();
    const y = graph.capture(() => torch.randn([4], { device: 'cuda' }));
    graph.replay();
    const first = y.toArray();
    graph.replay();
    expect(y.toArray()).not.toEqual(first);
  });
});
