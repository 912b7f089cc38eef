/** @file What the bench ran on. */
import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** Processor, memory and system. */
export function describeHardware() {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
  };
}

/** Name, memory and driver of the first NVIDIA device as its driver says them; null without one. */
export function describeGpu() {
  const query = ['--query-gpu=name,memory.total,driver_version,clocks.max.sm,power.limit', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 20_000 });
  if (status !== 0) return null;
  const [name, memory, driver, clock, power] = stdout
    .split('\n')[0]
    .split(',')
    .map((word) => word.trim());
  return { name, memory, driver, clock, power };
}

/** The hardware in a file's name: `nvidia-h200`, or the processor and its cores. */
export function hardwareSlug(gpu = null) {
  const slug = (text) =>
    text
      .toLowerCase()
      .replace(/\(.*?\)/g, '')
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
  if (gpu !== null) return slug(gpu.name);
  const [brand, family] = slug(cpus()[0]?.model ?? 'unknown').split('-');
  return `${brand}-${family ?? 'cpu'}-${cpus().length}-cores`;
}
