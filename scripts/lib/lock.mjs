/** @file Lets one set-up work in a clone at a time, so that `npm start` and `npm test` may be started together. */
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, root, say } from './process.mjs';

const path = join(root, '.cache/setup.lock');

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Tries to take the lock; the process that holds it, or null when it is ours. */
function holder() {
  const ours = `${path}.${process.pid}`;
  try {
    mkdirSync(join(root, '.cache'), { recursive: true });
    writeFileSync(ours, String(process.pid));
    linkSync(ours, path); // at once with its content, so that nobody reads an empty lock
    return null;
  } catch (error) {
    // A clone that cannot be written to needs no lock: whatever is missing in it fails on its own.
    if (error.code !== 'EEXIST') return null;
  } finally {
    rmSync(ours, { force: true });
  }
  const pid = Number(readIfPresent(path) ?? 0);
  if (pid > 0 && isAlive(pid)) return pid;
  rmSync(path, { force: true }); // left by a process that was killed
  return holder();
}

/** Waits for any other set-up of this clone, runs `work`, and lets the next one in. */
export function alone(work) {
  const other = holder();
  if (other !== null) {
    say(`waiting for another set-up of this folder (process ${other})`);
    while (holder() !== null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release); // also when npm or a compiler failed and the process ends there
  try {
    return work();
  } finally {
    process.off('exit', release);
    release();
  }
}
