/** @file `environment.json`: what the numbers of a run depend on besides its configuration. */
import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import { writeFileAtomic } from './atomic-write.js';

/** Machine and versions. */
export interface Environment {
  node: string;
  platform: string;
  host: string;
  processor: string;
  processors: number;
  memoryBytes: number;
  /** Versions and settings that only the caller knows: package version, libtorch, threads, device. */
  [key: string]: string | number | null;
}

/** Describes this machine; `extra` adds what the caller knows (libtorch's version, threads, …). */
export function describeEnvironment(extra: Record<string, string | number | null> = {}): Environment {
  const processors = cpus();
  return {
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    host: hostname(),
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryBytes: totalmem(),
    ...extra,
  };
}

/** Writes `environment.json`. */
export function writeEnvironment(path: string, environment: Environment): void {
  writeFileAtomic(path, `${JSON.stringify(environment, null, 2)}\n`);
}
