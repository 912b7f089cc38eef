import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors } from '@suave/torch';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { medianGrowth } from '../../../../tests/fixtures/memory-trend.js';
import type { Override } from '../recipes/index.js';
import { readMetrics, runPaths } from '../runs/index.js';
import { train } from './index.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'suave-memory-'));
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  for (let label = 0; label < 2; label++) {
    mkdirSync(join(folder, 'data', `class-${label}`), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, k) => (k * (i + 7) * (label + 3)) % 256);
      const png = await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
        .png()
        .toBuffer();
      writeFileSync(join(folder, 'data', `class-${label}`, `${i}.png`), png);
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings: Record<string, unknown> = {
  'model.arch': 'resnet8',
  'model.width': 0.25,
  'model.hidden': [16],
  'model.outputDim': 8,
  'data.workers': 0,
  'batch.unlabeled': 2,
  'batch.labeled': 2,
  'queue.size': 6,
  'momentumEncoder.momentum': 0.99,
  onlineHeads: true,
  'mixing.unlabeled': 'all',
  'optimizer.lr': 0.1,
  'views.unlabeled.0.size': 16,
  'views.unlabeled.1.size': 8,
  'views.unlabeled.1.count': 2,
  'views.labeled.size': 16,
  'logging.every': 7,
};

describe('2,000 training steps', () => {
  it('leave the number of live tensors and the memory of the process flat', async () => {
    const overrides: Override[] = Object.entries(settings).map(([path, value]) => ({ path, value, isText: false }));
    // 64 training images: 32 steps an epoch.
    overrides.push({ path: 'epochs', value: 63, isText: false });
    const counts: number[] = [];
    const resident: number[] = [];
    const before = liveTensors().count;
    await train({
      data: join(folder, 'data'),
      out: join(folder, 'run'),
      recipe: null,
      overrides,
      resume: false,
      baseline: false,
      threads: 1,
      events: {
        step({ step }) {
          counts[step] = liveTensors().count;
          if (step % 100 === 0) {
            globalThis.gc?.();
            resident.push(process.memoryUsage().rss);
          }
        },
      },
    });
    expect(counts).toHaveLength(2017);
    // Steps that log hold the terms of that step until the line is written, the first validation leaves its scores behind;
    // all others hold the same number of tensors.
    const quiet = counts.filter((_, step) => step > 32 && step % 7 !== 0 && step % 32 !== 0);
    expect(new Set(quiet).size).toBe(1);
    expect(Math.max(...counts.slice(2))).toBeLessThan(quiet[0] + 16);
    expect(liveTensors().count).toBe(before);
    // MiB in 300 steps: 17 KiB a step.
    expect(medianGrowth(resident, 4) / 2 ** 20, resident.join(' ')).toBeLessThan(5);
    expect(readMetrics(runPaths(join(folder, 'run')).metrics).at(-1)).toMatchObject({ step: 2016, epoch: 62 });
  }, 600_000);
});
