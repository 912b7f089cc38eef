/** @file Runs the real, compiled command on small generated image folders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const shim = resolve(fileURLToPath(import.meta.url), '../../../packages/suave/bin/suave.js');

/** How a command ended. */
export interface Outcome {
  /** Exit status, null when a signal ended the process. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Outcome>;
  /** Resolves when `pattern` has appeared on standard error. */
  seen(pattern: RegExp): Promise<void>;
}

/** A folder of its own for one test file, with a cache of its own. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'suave-e2e-'));

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [shim, ...args], {
      cwd: this.folder,
      env: { ...process.env, XDG_CACHE_HOME: this.path('cache'), OMP_NUM_THREADS: '1', NO_COLOR: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    const waiting: { pattern: RegExp; resolve: () => void }[] = [];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text.stderr += chunk;
      for (const entry of waiting) if (entry.pattern.test(text.stderr)) entry.resolve();
    });
    const done = new Promise<Outcome>((resolveDone) => {
      child.on('close', (status) => resolveDone({ status, ...text }));
    });
    const seen = (pattern: RegExp) =>
      new Promise<void>((resolveSeen, reject) => {
        if (pattern.test(text.stderr)) resolveSeen();
        waiting.push({ pattern, resolve: resolveSeen });
        done.then((outcome) => reject(new Error(`ended before ${pattern}: ${outcome.stderr}`)));
      });
    return { child, done, seen };
  }

  run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return this.start(args, environment).done;
  }

  /** Names of everything directly inside the folder, but for the cache. */
  entries(): string[] {
    return readdirSync(this.folder)
      .filter((name) => name !== 'cache')
      .sort();
  }

  write(name: string, text: string | Uint8Array): string {
    const path = this.path(name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A small picture whose color tells the class and whose noise tells the number. */
export function picture(classIndex: number, number: number, side = 20): Promise<Buffer> {
  const pixels = new Uint8Array(side * side * 3);
  let state = (classIndex * 7919 + number * 104729 + 1) >>> 0;
  const noise = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < pixels.length; i++) {
    const tone = 60 + 130 * ((((classIndex + 1) * (1 + (i % 3)) * 37) % 100) / 100);
    pixels[i] = tone + 60 * noise();
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

/** Writes `prefix/class-i/j.png` for every class. */
export async function imageFolder(
  place: Workplace,
  name: string,
  numClasses: number,
  perClass: number,
): Promise<string> {
  for (let c = 0; c < numClasses; c++) {
    const folder = place.path(name, `class-${c}`);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < perClass; i++) writeFileSync(join(folder, `${i}.png`), await picture(c, i));
  }
  return place.path(name);
}

/** Metrics without what depends on the clock. */
export function timelessMetrics(run: string): Record<string, unknown>[] {
  return readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const record = JSON.parse(line) as Record<string, unknown>;
      return Object.fromEntries(Object.entries(record).filter(([key]) => !key.includes('seconds')));
    });
}

/** The bytes of all tensors of a safetensors file, without its header. */
export function tensorBytes(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}

/** A recipe of two stages on 16-pixel views with a tiny network. */
export const tinyRecipe = `extends: suave-cifar10
model: { arch: resnet8, width: 0.25, hidden: [16], outputDim: 8 }
evaluation: { resize: 16, crop: 16, batch: 16 }
data: { cacheSide: 16 }
logging: { every: 3 }
stages:
  swav:
    epochs: 1
    batch: { unlabeled: 8 }
    prototypes: [12]
    queue: { size: 16, startEpoch: 0 }
    freezePrototypesEpochs: 0.5
    views:
      unlabeled:
        - &view
          { name: global, count: 2, size: 16, scale: [0.3, 1], ratio: [0.75, 1.3333], interpolation: bilinear, flipProb: 0.5,
            jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, prob: 0.8 }, grayProb: 0.2,
            blur: { prob: 0.5, sigma: [0.1, 0.5] }, solarize: null,
            threeAugment: null, cropMode: resized, normalization: null }
    optimizer: { warmupEpochs: 0, lr: 0.1 }
  suave:
    epochs: 2
    batch: { unlabeled: 8, labeled: 4 }
    queue: { size: 16, startEpoch: 0 }
    views:
      unlabeled:
        - *view
        - { name: local, count: 2, size: 12, scale: [0.1, 0.5], ratio: [0.75, 1.3333], interpolation: bilinear, flipProb: 0.5,
            jitter: null, grayProb: 0.2, blur: null, solarize: null,
            threeAugment: null, cropMode: resized, normalization: null }
      labeled: { name: labeled, count: 1, size: 16, scale: [0.3, 1], ratio: [0.75, 1.3333], interpolation: bilinear,
        flipProb: 0.5, jitter: null, grayProb: 0, blur: null, solarize: null,
            threeAugment: null, cropMode: resized, normalization: null }
    optimizer: { warmupEpochs: 1, lr: 0.5 }
baseline:
  epochs: 2
  stepsPerEpoch: 4
  batch: { labeled: 4 }
  views:
    labeled: { name: labeled, count: 1, size: 16, scale: [0.3, 1], ratio: [0.75, 1.3333], interpolation: bilinear,
      flipProb: 0.5, jitter: null, grayProb: 0, blur: null, solarize: null,
            threeAugment: null, cropMode: resized, normalization: null }
  optimizer: { warmupEpochs: 0 }
`;
