/** @file What the bench ran on. */
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
