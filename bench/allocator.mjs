/**
 * @file `node bench/allocator.mjs [--rounds N]`: which allocator serves large tensors best, on Linux.
 *
 * Each choice runs each load in a process of its own, the choices taking turns; the figures are medians over the rounds:
 * milliseconds, processor time (`cpu`, robust beside other programs) and page faults of one iteration; MiB of memory at the
 * peak, after everything was disposed of (`settled`), and after `releaseFreeMemory()` (`released`). One JSON object on
 * standard output. docs/memory.md says what was kept, and why.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeHardware } from './lib/hardware.mjs';

const self = fileURLToPath(import.meta.url);
const MiB = 2 ** 20;
const jemalloc = ['/usr/lib/x86_64-linux-gnu/libjemalloc.so.2', '/usr/lib/aarch64-linux-gnu/libjemalloc.so.2'].find(
  existsSync,
);

const choices = {
  default: { SUAVE_TORCH_MALLOC: 'default' },
  tuned: { SUAVE_TORCH_MALLOC: 'tuned' },
  // The tuning without M_MMAP_MAX=0: tensors above 32 MiB are mapped, and given back at once.
  mapped: {
    SUAVE_TORCH_MALLOC: 'default',
    MALLOC_MMAP_THRESHOLD_: String(32 * MiB),
    MALLOC_TRIM_THRESHOLD_: String(1024 * MiB),
    MALLOC_TOP_PAD_: String(16 * MiB),
  },
  ...(jemalloc === undefined
    ? {}
    : {
        jemalloc: { SUAVE_TORCH_MALLOC: 'default', LD_PRELOAD: jemalloc },
        jemallocKeeping: {
          SUAVE_TORCH_MALLOC: 'default',
          LD_PRELOAD: jemalloc,
          MALLOC_CONF: 'oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1',
        },
      }),
};

const loads = {
  /** A training step of a small convolutional net, 64 images of 32 pixels: activations of 8 MiB. */
  step(torch) {
    const { nn, optim } = torch;
    const model = new nn.Sequential(
      new nn.Conv2d(3, 32, 3, { padding: 1 }),
      new nn.BatchNorm2d(32),
      new nn.ReLU(),
      new nn.Conv2d(32, 32, 3, { padding: 1 }),
      new nn.BatchNorm2d(32),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(32, 64, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.Linear(64, 10),
    );
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const images = torch.keep(torch.randn([64, 3, 32, 32]));
    const targets = torch.keep(torch.zeros([64], { dtype: 'int64' }));
    return {
      iterations: 12,
      run() {
        torch.scope(() => nn.functional.crossEntropy(model.forward(images), targets).backward());
        optimizer.step();
        optimizer.zeroGrad();
      },
      end() {
        model.dispose();
        for (const tensor of [...optimizer.state().values(), images, targets]) tensor.dispose();
      },
    };
  },
  elementwise1: (torch) => elementwise(torch, 1, 400),
  elementwise16: (torch) => elementwise(torch, 16, 40),
  elementwise64: (torch) => elementwise(torch, 64, 10),
};

/** Five operators on tensors of so many MiB. */
function elementwise(torch, size, iterations) {
  const x = torch.keep(torch.ones([(size * MiB) / 4]));
  return {
    iterations,
    run: () => torch.scope(() => void x.mul(2).add(1).relu().sub(x).abs()),
    end: () => x.dispose(),
  };
}

async function child(name) {
  const torch = await import('@suave/torch');
  torch.setNumThreads(1);
  torch.manualSeed(0);
  const { iterations, run, end } = loads[name](torch);
  for (let i = 0; i < 3; i++) run();
  const faults = process.resourceUsage().minorPageFault;
  const times = [];
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1000 / iterations;
  const pageFaults = (process.resourceUsage().minorPageFault - faults) / iterations;
  end();
  const settled = process.memoryUsage.rss() / MiB;
  torch.releaseFreeMemory();
  const released = process.memoryUsage.rss() / MiB;
  const milliseconds = median(times);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ milliseconds, cpu, pageFaults, peak, settled, released }));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function parent(rounds) {
  const results = {};
  for (const load of Object.keys(loads)) {
    const figures = Object.fromEntries(Object.keys(choices).map((choice) => [choice, []]));
    for (let round = 0; round < rounds; round++) {
      const order = Object.entries(choices);
      if (round % 2 === 1) order.reverse();
      for (const [choice, variables] of order) {
        const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', ...variables };
        const run = spawnSync(process.execPath, [self, '--child', load], { env, encoding: 'utf8' });
        if (run.status !== 0) throw new Error(`${load} with ${choice}: ${run.stderr}`);
        figures[choice].push(JSON.parse(run.stdout));
      }
    }
    results[load] = Object.fromEntries(
      Object.entries(figures).map(([choice, list]) => [
        choice,
        Object.fromEntries(
          Object.keys(list[0]).map((key) => [key, Number(median(list.map((each) => each[key])).toFixed(2))]),
        ),
      ]),
    );
  }
  console.log(JSON.stringify({ bench: 'allocator', hardware: describeHardware(), rounds, results }));
}

const { values } = parseArgs({ options: { child: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
if (values.child === undefined) parent(Number(values.rounds));
else await child(values.child);
