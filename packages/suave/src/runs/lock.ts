/**
 * @file `RUN/.lock`: one writer per run folder. The file names host, process and the start time of the process, so that a lock
 * left by a killed process (or by an older process with the same number) is recognised as stale.
 */
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { RunError } from './run-error.js';

/** Content of the lock file. */
export interface LockOwner {
  host: string;
  pid: number;
  /** Start of the process in clock ticks since boot (Linux), or null where the system does not tell. */
  processStart: string | null;
  /** Boot the ticks are counted from, or null where the system does not tell. */
  boot: string | null;
  /** For people: when the lock was taken, ISO 8601. */
  since: string;
}

/** A held lock. */
export interface RunLock {
  /** Removes the lock file if it is still ours. */
  release(): void;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Field 22 of /proc/PID/stat; the command name in field 2 may hold spaces and brackets. */
function processStart(pid: number): string | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function bootId(): string | null {
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The owner that this process would write. */
function thisProcess(): LockOwner {
  return {
    host: hostname(),
    pid: process.pid,
    processStart: processStart(process.pid),
    boot: bootId(),
    since: new Date().toISOString(),
  };
}

/** The owner named in a lock file, or null when there is none or it cannot be read. */
export function readLock(path: string): LockOwner | null {
  const text = readOrNull(path);
  if (text === null) return null;
  try {
    const owner = JSON.parse(text) as Partial<LockOwner>;
    if (typeof owner.host !== 'string' || typeof owner.pid !== 'number') return null;
    return { processStart: null, boot: null, since: 'an unknown time', ...owner } as LockOwner;
  } catch {
    return null;
  }
}

/**
 * Whether the process that wrote a lock still runs. A lock of another host cannot be checked and counts as alive; on this host
 * the process must exist and have started when the lock says.
 */
export function isLockAlive(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return true;
  if (owner.boot !== null && owner.boot !== bootId()) return false;
  if (!processExists(owner.pid)) return false;
  return owner.processStart === null || owner.processStart === processStart(owner.pid);
}

/**
 * Takes the lock of a run folder.
 * @param path  the lock file; its folder must exist
 * @returns     the lock, to be released by the same process
 * @throws RunError `RUN_LOCKED` while another process holds it
 */
export function acquireLock(path: string): RunLock {
  const mine = JSON.stringify(thisProcess());
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, mine);
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        linkSync(temporary, path); // atomic: fails when the name exists, and the content is complete from the start
        return { release: () => releaseLock(path, mine) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = readLock(path);
      if (owner !== null && isLockAlive(owner)) throw lockedError(path, owner);
      removeIfPresent(path);
    }
    throw new RunError('RUN_LOCKED', `${path}: could not take the lock, other processes keep taking it. Try again.`);
  } finally {
    removeIfPresent(temporary);
  }
}

function lockedError(path: string, owner: LockOwner): RunError {
  const elsewhere = owner.host === hostname() ? '' : ` If that process is gone, delete ${path}.`;
  return new RunError(
    'RUN_LOCKED',
    `${path}: process ${owner.pid} on ${owner.host} has been writing to this run since ${owner.since}.` +
      ` Wait for it or choose another --out.${elsewhere}`,
  );
}

function releaseLock(path: string, mine: string): void {
  if (readOrNull(path) === mine) removeIfPresent(path);
}

function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
