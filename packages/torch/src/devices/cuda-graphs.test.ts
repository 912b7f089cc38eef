/**
 * @file CUDA graphs and memory of a device under stress: what a capture refuses and that the next one works, memory that comes back,
 * random numbers of replays, steps that never wait. Without a device every test is skipped, and says so.
 */
import { expect } from 'vitest';
import { onCuda } from '../../../../tests/fixtures/on-cuda.js';
import * as torch from '../index.js';

const { cuda } = torch;

/** The graph can be captured and replayed after all that went wrong. */
function expectUsable(graph: torch.cuda.Graph): void {
  expect(graph.isCaptured).toBe(false);
  expect(cuda.isCurrentStreamCapturing()).toBe(false);
  torch.scope(() => {
    const x = torch.ones([8], { device: 'cuda' });
    const y = graph.capture(() => x.mul(2).add(1));
    x.fill_(4);
    graph.replay();
    expect(y.toArray()).toEqual(new Array(8).fill(9));
  });
  graph.reset();
}

onCuda('reading a value inside a capture is refused by name, before CUDA sees it', ['graphs'], () => {
  torch.scope(() => {
    const x = torch.ones([4], { device: 'cuda' });
    using graph = new cuda.Graph();
    const reads: [RegExp, () => unknown][] = [
      [/item/, () => x.sum().item()],
      [/data/, () => x.data()],
      [/data/, () => x.toArray()],
      [/setBytes_/, () => x.setBytes_(new Uint8Array(16))],
    ];
    for (const [name, read] of reads) {
      const attempt = () => graph.capture(() => void read());
      expect(attempt).toThrow(torch.CaptureError);
      expect(attempt).toThrow(name);
    }
    expectUsable(graph);
  });
});

onCuda('a copy out of pinned memory is captured, and reads anew at each replay', ['graphs'], () => {
  torch.scope(() => {
    const host = torch.ones([64]).pinMemory();
    const place = torch.zeros([64], { device: 'cuda' });
    using graph = new cuda.Graph();
    graph.capture(() => void place.copy_(host, { nonBlocking: true }));
    host.fill_(7);
    graph.replay();
    cuda.synchronize();
    expect(place.sum().item()).toBe(7 * 64);
  });
});

onCuda('what a graph held goes back to the device', ['graphs', 'memoryStatistics'], () => {
  const size = 64 << 20;
  const settled = () => {
    cuda.synchronize();
    cuda.emptyCache();
    return { reserved: cuda.memoryReserved(), allocated: cuda.memoryAllocated() };
  };
  const cycle = () => {
    const graph = new cuda.Graph();
    torch.scope(() => {
      const x = torch.ones([size / 4], { device: 'cuda' });
      const y = graph.capture(() => x.mul(2).add(1));
      graph.replay();
      expect(y.max().item()).toBe(3);
      expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(2 * size);
    });
    graph.dispose();
  };
  cycle(); // what libraries keep for ever is taken now
  const before = settled();
  const { count } = torch.liveTensors();
  for (let i = 0; i < 3; i++) cycle();
  expect(settled()).toEqual(before);
  expect(torch.liveTensors().count).toBe(count);
});

onCuda(
  'out of memory names what was asked for and what to change, and leaves everything as it was',
  ['memoryStatistics'],
  () => {
    torch.scope(() => {
      const x = torch.ones([16, 16], { device: 'cuda' });
      const allocated = cuda.memoryAllocated();
      const { count } = torch.liveTensors();
      const { total } = cuda.memGetInfo();
      const rows = 2 ** Math.ceil(Math.log2(total / 64));
      let error: unknown;
      try {
        torch.scope(() => void x.select(0, 0).expand([rows, 16]).contiguous()); // 64 bytes a row: more than there is
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(torch.OutOfMemoryError);
      const { message, requestedBytes = 0 } = error as torch.OutOfMemoryError;
      expect(message).toMatch(/GiB/);
      expect(Math.abs(requestedBytes / (64 * rows) - 1)).toBeLessThan(0.01);
      expect(message).toMatch(/batch|smaller|fewer|free/i);
      expect(torch.liveTensors().count).toBe(count);
      expect(cuda.memoryAllocated()).toBe(allocated);
      expect(x.matmul(x).sum().item()).toBe(16 ** 3);
    });
  },
);

onCuda('a replay after manualSeed draws what an eager call after it draws', ['graphs'], () => {
  torch.scope(() => {
    const draw = () => torch.rand([256], { device: 'cuda' });
    using graph = new cuda.Graph();
    const drawn = graph.capture(draw);
    torch.manualSeed(21);
    const eager = [draw().toArray(), draw().toArray()];
    torch.manualSeed(21);
    const replayed = eager.map(() => {
      graph.replay();
      return drawn.toArray();
    });
    expect(replayed).toEqual(eager);
    expect(eager[0]).not.toEqual(eager[1]);
  });
});

/** A step of a linear model under a gradient scaler, nothing of which needs the host. */
function makeScaledStep() {
  torch.manualSeed(2);
  const weight = torch.keep(torch.scope(() => torch.randn([16, 8]).cuda()));
  weight.requiresGrad = true;
  const x = torch.keep(torch.scope(() => torch.randn([32, 16]).cuda()));
  const optimizer = new torch.optim.SGD([weight], { lr: 0.05, momentum: 0.9 });
  const scaler = new torch.optim.GradScaler({ initScale: 1024 });
  const step = () =>
    torch.scope(() => {
      const loss = torch.autocast('cuda', 'float16', () => x.matmul(weight).square().mean());
      optimizer.zeroGrad();
      (scaler.scale(loss) as torch.Tensor).backward();
      scaler.step(optimizer);
      scaler.update();
    });
  const dispose = () => {
    for (const each of [scaler, optimizer, x, weight]) each.dispose();
  };
  return { step, weight, dispose };
}

onCuda('a step under a gradient scaler reads nothing back, and is the same calls each time', ['syncDebugMode'], () => {
  const { step, weight, dispose } = makeScaledStep();
  step();
  step();
  const [first, second] = [torch.traceOperators(step), torch.traceOperators(step)];
  expect(first.calls.filter(({ readsHost }) => readsHost).map(({ name }) => name)).toEqual([]);
  expect(torch.diffTraces(first.calls, second.calls, { addresses: false })).toBeNull();
  expect(cuda.countSynchronizations(step).count).toBe(0);
  expect(torch.scope(() => weight.isfinite().all().item())).toBe(1);
  dispose();
});
