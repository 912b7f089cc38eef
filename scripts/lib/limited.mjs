/** @file Runs a program with a time limit; all that it says goes to a log. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

/** How long a program may take to end after it was asked to. */
const graceMs = 20_000;

/**
 * Runs a program in a process group of its own, so that its children end with it.
 * @param {{ cwd: string, log: string, limitMs: number, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ status: number, timedOut: boolean, interrupted: boolean, stdout: string }>} status 127 where it could not be
 *   started, 128 after a signal; `interrupted`: we were asked to end, and it was too
 */
export function runLimited(program, args, { cwd, log, limitMs, env }) {
  const file = openSync(log, 'w');
  writeSync(file, `$ ${[program, ...args].join(' ')}\n`);
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', file],
      detached: true,
    });
    let stdout = '';
    let timedOut = false;
    let interrupted = false;
    const stop = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // it has ended meanwhile
      }
    };
    const timers = [
      setTimeout(() => {
        timedOut = true;
        stop('SIGTERM');
      }, limitMs),
      setTimeout(() => stop('SIGKILL'), limitMs + graceMs),
    ];
    const interrupt = () => {
      interrupted = true;
      stop('SIGTERM');
    };
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    const end = (status) => {
      for (const timer of timers) clearTimeout(timer);
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      closeSync(file);
      resolve({ status, timedOut, interrupted, stdout });
    };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      writeSync(file, text);
    });
    child.once('error', (error) => {
      writeSync(file, `${error.message}\n`);
      end(127);
    });
    child.once('close', (status) => end(status ?? 128));
  });
}
