import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  acquireLock,
  checkOut,
  decodeCheckpointMetadata,
  MetricsWriter,
  openRun,
  readConfig,
  readLock,
  readMetrics,
  runPaths,
  writeConfig,
} from './index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'suave-runs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const line = (step: number) => ({ stage: 'suave', step, epoch: 0, loss: step / 3 });

describe('metrics.jsonl', () => {
  it('appends lines that can be read while it is open', () => {
    const path = join(folder, 'metrics.jsonl');
    const writer = new MetricsWriter(path, 0);
    writer.append(line(1));
    writer.append(line(2));
    appendFileSync(path, '{"stage":"su');
    expect(readMetrics(path)).toEqual([line(1), line(2)]);
    writer.close();
  });

  it('is cut back to the lines of the checkpoint, half-written last line included', () => {
    const path = join(folder, 'metrics.jsonl');
    const writer = new MetricsWriter(path, 0);
    for (let step = 1; step <= 5; step++) writer.append(line(step));
    writer.close();
    appendFileSync(path, '{"stage":"su');
    const resumed = new MetricsWriter(path, 3);
    expect(resumed.lines).toBe(3);
    resumed.append(line(4));
    resumed.close();
    expect(readMetrics(path)).toEqual([line(1), line(2), line(3), line(4)]);
  });

  it('keeps what is there when the file is shorter than the checkpoint says', () => {
    const path = join(folder, 'metrics.jsonl');
    writeFileSync(path, `${JSON.stringify(line(1))}\n{"half`);
    expect(new MetricsWriter(path, 4).lines).toBe(1);
    expect(readMetrics(path)).toEqual([line(1)]);
  });

  it('names a damaged line', () => {
    const path = join(folder, 'metrics.jsonl');
    writeFileSync(path, `${JSON.stringify(line(1))}\nnot json\n`);
    expect(() => readMetrics(path)).toThrow(/line 2/);
  });
});

describe('.lock', () => {
  const path = () => join(folder, '.lock');

  it('refuses a second writer and is gone after release', () => {
    const lock = acquireLock(path());
    expect(() => acquireLock(path())).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    expect(readLock(path())).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
    expect(existsSync(path())).toBe(false);
  });

  it('recognises the lock of a dead process as stale', () => {
    const dead = spawnSync(process.execPath, ['-e', '0']).pid;
    writeFileSync(
      path(),
      JSON.stringify({ host: hostname(), pid: dead, processStart: '1', boot: null, since: 'then' }),
    );
    acquireLock(path()).release();
  });

  it('recognises a process number that was given to another process', () => {
    const owner = { host: hostname(), pid: process.pid, processStart: '1', boot: null, since: 'then' };
    writeFileSync(path(), JSON.stringify(owner));
    acquireLock(path()).release();
  });

  it('replaces a lock file that cannot be read', () => {
    writeFileSync(path(), '{"host":');
    acquireLock(path()).release();
  });

  it('believes the lock of another host and says how to remove it', () => {
    writeFileSync(path(), JSON.stringify({ host: 'elsewhere', pid: 1, since: 'then' }));
    expect(() => acquireLock(path())).toThrow(/process 1 on elsewhere.*delete/);
    expect(existsSync(path())).toBe(true);
  });
});

describe('run folder', () => {
  it('is refused when it holds a run, unless resumed', () => {
    const out = join(folder, 'run');
    const run = openRun(out, false);
    writeConfig(run.paths.config, { seed: 31 }, 'one\ntwo');
    run.lock.release();
    expect(() => checkOut(out, false)).toThrow(expect.objectContaining({ code: 'RUN_EXISTS' }));
    expect(() => openRun(out, false)).toThrow(/--resume/);
    openRun(out, true).lock.release();
    expect(readFileSync(run.paths.config, 'utf8')).toBe('# one\n# two\nseed: 31\n');
    expect(readConfig(out)).toEqual({ seed: 31 });
  });

  it('may be an empty folder that exists', () => {
    mkdirSync(join(folder, 'run'));
    openRun(join(folder, 'run'), false).lock.release();
  });

  it('is refused when a file is in the way, and nothing is created by asking', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => checkOut(join(folder, 'file', 'run'), false)).toThrow(/is a file/);
    checkOut(join(folder, 'a', 'b'), false);
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  it('is refused while another process writes to it', () => {
    const out = join(folder, 'run');
    const run = openRun(out, false);
    expect(() => checkOut(out, true)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    run.lock.release();
    checkOut(out, true);
  });

  it('names what is missing', () => {
    expect(() => readConfig(join(folder, 'none'))).toThrow(/no such run folder/);
    expect(() => readConfig(folder)).toThrow(/config\.yaml/);
    expect(runPaths(folder).stage('swav')).toMatch(/stage-swav\.safetensors$/);
  });
});

describe('the description of a checkpoint', () => {
  it('from before there were transformers says that it is none', () => {
    const described = (model: object) => {
      const header = { suave: JSON.stringify({ format: 1, model, input: {} }) };
      return decodeCheckpointMetadata('last.safetensors', header).model;
    };
    const backbone = { arch: 'resnet8', width: 1, stem: 'cifar' };
    const linear = { ...backbone, kind: 'linear', outputs: [3] };
    expect(described(linear)).toEqual({ ...linear, patchSize: null, imageSize: null, features: null });
    const prototypes = {
      ...backbone,
      kind: 'prototypes',
      hidden: [16],
      outputDim: 8,
      outputs: [3],
      onlineClasses: null,
    };
    expect(described(prototypes)).toEqual({ ...prototypes, patchSize: null, imageSize: null, ensembleHead: false });
    const transformer = { ...linear, arch: 'vit-tiny', patchSize: 16, imageSize: 224, features: null };
    expect(described(transformer)).toEqual(transformer);
  });
});
