/** @file CUDA graphs of whole steps on a CUDA device: random numbers, failed captures, optimizers under a scaler. */
import { expect } from 'vitest';
import { onCuda } from '../../../../tests/fixtures/on-cuda.js';
import * as torch from '../index.js';

const { cuda } = torch;

onCuda('a seed before a replay gives the numbers of the same work outside a graph', ['graphs'], () => {
  torch.scope(() => {
    const draw = () => [torch.randn([1000], { device: 'cuda' }), torch.rand([77], { device: 'cuda' })];
    draw();
    using graph = new cuda.Graph();
    const captured = graph.capture(draw);
    torch.manualSeed(5);
    const eager = [draw(), draw()].map((tensors) => tensors.map((tensor) => tensor.toArray()));
    torch.manualSeed(5);
    for (const expected of eager) {
      graph.replay();
      expect(captured.map((tensor) => tensor.toArray())).toEqual(expected);
    }
    torch.manualSeed(5);
    graph.replay();
    expect(draw().map((tensor) => tensor.toArray())).toEqual(eager[1]);
  });
});

onCuda(
  'a capture that CUDA breaks off leaves memory and random numbers in order',
  ['graphs', 'memoryStatistics'],
  () => {
    torch.scope(() => {
      const x = torch.ones([1 << 20], { device: 'cuda' });
      const host = torch.zeros([1 << 20]);
      x.add(1);
      cuda.emptyCache();
      const reserved = cuda.memoryReserved();
      for (let i = 0; i < 3; i++) {
        using graph = new cuda.Graph();
        // A copy to memory that is not pinned waits for the device, which CUDA itself refuses.
        expect(() => graph.capture(() => torch.scope(() => void host.copy_(x.mul(2))))).toThrow(torch.TorchError);
      }
      torch.randn([10], { device: 'cuda' }).dispose();
      cuda.emptyCache();
      expect(cuda.memoryReserved()).toBe(reserved);
    });
  },
);

onCuda('waits are counted, refused and let be', ['syncDebugMode'], () => {
  torch.scope(() => {
    const x = torch.ones([4], { device: 'cuda' });
    const { result, count } = cuda.countSynchronizations(() => x.sum().item() + x.max().item());
    expect([result, count]).toEqual([5, 2]);
    expect(cuda.countSynchronizations(() => x.add(1)).count).toBe(0);
    expect(cuda.getSyncDebugMode()).toBe('default');
    cuda.setSyncDebugMode('error');
    try {
      expect(() => x.sum().item()).toThrow(/synchronizing CUDA operation/);
    } finally {
      cuda.setSyncDebugMode('default');
    }
    expect(() => cuda.countSynchronizations(async () => 1)).toThrow(torch.ArgumentError);
  });
});

const { AdamW, SGD, LARS, GradScaler } = torch.optim;
const optimizers: [name: string, make: (params: torch.Tensor[], lr: torch.Tensor) => torch.optim.Optimizer][] = [
  ['AdamW', (params, lr) => new AdamW(params, { lr, capturable: true })],
  ['AdamW, fused', (params, lr) => new AdamW(params, { lr, fused: true })],
  ['SGD', (params, lr) => new SGD(params, { lr, momentum: 0.9, nesterov: true, weightDecay: 1e-3 })],
  ['LARS', (params, lr) => new LARS(params, { lr })],
];
for (const [name, make] of optimizers)
  onCuda(
    `${name}: a captured step with a scaler takes the rate of each replay and skips what overflows`,
    ['graphs'],
    () => {
      const run = (graphed: boolean): number[] => {
        torch.manualSeed(3);
        const param = torch.keep(torch.scope(() => torch.randn([32, 8]).cuda()));
        param.requiresGrad = true;
        const [lr, x] = torch.scope(() => [
          torch.keep(torch.full([], 0.1, { device: 'cuda' })),
          torch.keep(torch.ones([32, 8], { device: 'cuda' })),
        ]) as [torch.Tensor, torch.Tensor];
        using optimizer = make([param], lr) as torch.optim.Optimizer & Disposable;
        using scaler = new GradScaler({ initScale: 1024, growthInterval: 3 });
        const step = () =>
          torch.scope(() => {
            optimizer.zeroGrad();
            scaler.scale(param.mul(x).square().sum()).backward();
            scaler.step(optimizer);
            scaler.update();
          });
        step();
        using graph = graphed ? new cuda.Graph() : null;
        graph?.capture(step);
        for (let t = 0; t < 8; t++) {
          lr.fill_(0.1 / (t + 1));
          x.fill_(t === 4 ? Number.POSITIVE_INFINITY : 1);
          if (graph) graph.replay();
          else step();
        }
        const values = [...(param.data() as Float32Array), scaler.getScale()];
        param.grad = null;
        for (const tensor of [param, lr, x]) tensor.dispose();
        return values;
      };
      const [eager, graphed] = [run(false), run(true)];
      for (const [i, value] of graphed.entries())
        expect(Math.abs(value - eager[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
      expect(graphed.every(Number.isFinite)).toBe(true);
    },
  );
